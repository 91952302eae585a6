"""Folders of images that other tools generated: which layout they have, and which file is which pair's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.benchmark import Benchmark, Pair
from fhpt_bench.data.images import LONG, SUFFIXES, folder_images, in_threads, pixels_sha256, read_image
from fhpt_bench.data.layouts import FILTERS, LAYOUTS, cut, fit, panel_size, told_by_size, wide_by_high, wrong_size
from fhpt_bench.data.names import stem
from fhpt_bench.errors import UserError, count_and_name, did_you_mean, name_some, plain
from fhpt_bench.files import explained
from fhpt_bench.progress import progress_bar

AUTO = "auto"
# Mean difference of a target panel from the benchmark's image, of 255. On `studio`, JPEG 30, half the resolution or a
# shift by two pixels stay below 14; another image, even of the same person, is 18 or more away.
_ANOTHER_IMAGE = 16
# Mean difference of a margin's pixels from its median colour, of 255, above which it is no padding.
_PLAIN = 4
# Share of cropped images that may lose more than padding, as an odd one does, before it is said.
_ODD = 0.05


@dataclass(frozen=True)
class FolderCheck:
    """What one look at every image of a folder said.

    Args:
        digests: pair id -> digest of the pixels that are judged.
        codecs: "png", "jpeg".
        sizes: what the images were and what was done with them -> how many.
        remarks: what makes them doubtful, a sentence each.
    """

    digests: dict[str, str]
    codecs: tuple[str, ...]
    sizes: dict[str, int]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class GeneratedFolder:
    """A folder of generated images whose names are matched with a benchmark's pairs; made by `match_folder`.

    Args:
        path: of the folder.
        layout: a key of `LAYOUTS`.
        files: pair id -> file.
        size: the (height, width) that is judged.
        resize: a key of `FILTERS` by which whatever has another size is resized, or None.
        missing: ids of the pairs without a file.
        extra: names of the files that belong to no pair.
    """

    path: Path
    layout: str
    files: Mapping[str, Path]
    size: tuple[int, int]
    resize: str | None
    missing: tuple[str, ...]
    extra: tuple[str, ...]

    def read(self, pair: Pair) -> NDArray[np.uint8]:
        """The generated image of a pair, cut out of its sheet, at the benchmark's size.

        Returns:
            (H, W, 3) uint8.

        Raises:
            UserError: where the file is damaged or has a size that does not fit.
        """
        return fit(self._panel(self._sheet(pair)), self.size, self.resize)

    def check(self, benchmark: Benchmark, progress: bool = False) -> FolderCheck:
        """Decode every file once, before any network loads.

        Args:
            benchmark: with the pairs; where sheets show the target, it is held against the benchmark's.
            progress: show a bar.

        Raises:
            UserError: for the first file that is damaged or has a size that does not fit.
        """
        pairs = [pair for pair in benchmark.pairs if pair.id in self.files]
        rows, columns = LAYOUTS[self.layout].grid
        long = progress and len(pairs) * rows * columns >= LONG
        with progress_bar(f"images of {plain(self.path.name)}", len(pairs), long) as done:
            seen = dict(zip(pairs, in_threads(lambda pair: self._check_one(pair, benchmark), pairs, done), strict=True))
        return FolderCheck(
            {pair.id: one.digest for pair, one in seen.items()},
            tuple(sorted({one.codec for one in seen.values()})),
            dict(Counter(one.size for one in seen.values())),
            tuple(self._remarks(seen, benchmark)),
        )

    def _sheet(self, pair: Pair) -> NDArray[np.uint8]:
        path = self.files[pair.id]
        sheet = read_image(path)
        if panel_size(sheet.shape, LAYOUTS[self.layout], self.size, self.resize) is None:
            raise wrong_size(path, sheet.shape, [self.layout], self.size, self.resize)
        return sheet

    def _panel(self, sheet: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return cut(sheet, LAYOUTS[self.layout], LAYOUTS[self.layout].generated)

    def _check_one(self, pair: Pair, benchmark: Benchmark) -> _Seen:
        sheet = self._sheet(pair)
        panel, size = self._panel(sheet), wide_by_high(self.size)
        fitted = fit(panel, self.size, self.resize)
        cropped = fitted.shape != panel.shape and self.resize is None
        if fitted.shape != panel.shape:
            how = "cropped" if cropped else f"resized ({self.resize})"
            size = f"{wide_by_high(panel.shape)}, {how} to {size}"
        another, at = False, LAYOUTS[self.layout].target
        if at is not None:
            shown = fit(cut(sheet, LAYOUTS[self.layout], at), self.size, self.resize).astype(np.int16)
            another = float(np.abs(shown - read_image(benchmark.folder / pair.target)).mean()) > _ANOTHER_IMAGE
        codec, loses = _codec(self.files[pair.id]), cropped and _loses(panel, fitted)
        return _Seen(pixels_sha256(fitted), codec, size, another, loses)

    def _remarks(self, seen: Mapping[Pair, _Seen], benchmark: Benchmark) -> list[str]:
        another = [self.files[pair.id].name for pair, one in seen.items() if one.another_target]
        losing = [self.files[pair.id].name for pair, one in seen.items() if one.loses]
        panels, images = count_and_name(another, "panel image"), count_and_name(losing, "image")
        remarks = {
            f"In {panels} of {len(seen)}, the target is not the benchmark's: check that they have layout {self.layout} "
            f"and belong to {benchmark.id} {benchmark.version}.": another,
            f"What was cropped off {images} of {len(seen)} is not plain padding: if the images were squeezed into "
            "squares, give --resize bicubic.": losing if len(losing) > _ODD * len(seen) else [],
        }
        return [remark for remark, files in remarks.items() if files]


@dataclass(frozen=True)
class _Seen:
    """What one image is.

    Args:
        digest: of the pixels that are judged.
        codec: "png" or "jpeg".
        size: what it was and what was done with it.
        another_target: whether its sheet shows another target than the benchmark's.
        loses: whether the crop takes away more than padding.
    """

    digest: str
    codec: str
    size: str
    another_target: bool
    loses: bool


def match_folder(
    folder: Path, benchmark: Benchmark, layout: str = AUTO, resize: str | None = None, allow_missing: bool = False
) -> GeneratedFolder:
    """Find each pair's file by its name, never by its place in an order.

    Args:
        folder: looked into, not below.
        benchmark: cut down or not; the file of a pair that was cut away is no stranger.
        layout: "auto" or a key of `LAYOUTS`.
        resize: None, or a key of `FILTERS`: whatever has another size is resized as a whole, squares too.
        allow_missing: go on without the pairs that have no file, and beside files that belong to none.

    Returns:
        The files, with the layout that was recognised.

    Raises:
        UserError: where the folder is empty, mixes layouts, holds two images of one pair or a name that can be read
            in two ways; where a pair lacks its file or a file belongs to no pair, unless that is allowed.
    """
    for option, word, known in (("layout", layout, (AUTO, *LAYOUTS)), ("resize", resize or "bicubic", FILTERS)):
        if word not in known:
            raise UserError(f"There is no {option} {word!r}: {did_you_mean(word, known)}")
    chosen = list(LAYOUTS) if layout == AUTO else [layout]
    names, found, extra = _match(folder, benchmark, chosen)
    missing = [pair for pair in benchmark.pairs if pair.id not in found]
    files = {pair.id: found[pair.id] for pair in benchmark.pairs if pair.id in found}
    if (missing or extra) and not (files and allow_missing):
        absent = [f"{names[0].format(s=stem(pair.source), t=stem(pair.target))}.png" for pair in missing]
        lacks = f"lacks {len(missing)} of {len(benchmark.pairs)} pairs, first {name_some(absent)}"
        holds = f"holds {count_and_name(extra, 'image')} of no pair"
        way = "mend that, or give --allow-missing to judge the pairs that are there" if files else "add some"
        raise UserError(f"The folder {folder} {' and '.join([lacks] * bool(missing) + [holds] * bool(extra))}: {way}.")
    fitting = [name for name in chosen if LAYOUTS[name].names == names]
    if len(fitting) > 1:
        fitting = [told_by_size(next(iter(files.values())), fitting, benchmark.image_size, resize)]
    return GeneratedFolder(
        folder, fitting[0], files, benchmark.image_size, resize, tuple(pair.id for pair in missing), extra
    )


def _match(
    folder: Path, benchmark: Benchmark, chosen: Sequence[str]
) -> tuple[tuple[str, ...], dict[str, Path], tuple[str, ...]]:
    """The way of naming that the files have, pair id -> file, and the names of files that are no pair's."""
    expected = _expected(benchmark, chosen)
    found: dict[tuple[str, ...], dict[str, Path]] = {}
    extra = []
    files = folder_images(folder)
    for name, path in files.items():
        hits = sorted(expected.get(_spelled(name), ()))
        if len(hits) > 1:
            raise UserError(
                f"The name of {path} fits several pairs, {name_some([pair for _, pair in hits])}: "
                "name it <pair id>.png and give --layout plain."
            )
        if hits:
            ((names, pair),) = hits
            twin = found.setdefault(names, {}).setdefault(pair, path)
            if twin != path:
                raise UserError(f"{twin} and {path} are two images of one pair: remove one.")
        else:
            extra.append(path.name)
    if not files:
        with explained(folder, "read"):
            below = sorted({path.parent for suffix in SUFFIXES for path in folder.glob(f"*/*{suffix}")})
        way = f"give {below[0]}, which holds some" if below else "put <pair id>.png files there"
        raise UserError(f"The folder {folder} holds no image: {way}.")
    if not found:
        raise UserError(
            f"The folder {folder} holds {count_and_name(extra, 'image')}, but no name fits a pair of {benchmark.id} in "
            f"layout {' or '.join(chosen)}: rename them to <pair id>.png, as {benchmark.pairs[0].id}.png."
        )
    if len(found) > 1:
        rare, frequent = sorted(found, key=lambda names: len(found[names]))[-2:]
        one, other = (
            f"{next(iter(found[names].values())).name} ({' or '.join(n for n in chosen if LAYOUTS[n].names == names)})"
            for names in (rare, frequent)
        )
        raise UserError(f"The folder {folder} mixes layouts, {one} and {other}: move the files of all but one away.")
    ((names, of_pair),) = found.items()
    return names, of_pair, tuple(extra)


def _expected(benchmark: Benchmark, chosen: Sequence[str]) -> dict[str, set[tuple[tuple[str, ...], str]]]:
    """What a file may be called -> the way of naming and the pair that it then has.

    Stems hold digits and underscores themselves, so names are made and looked up, never taken apart.
    """
    expected: dict[str, set[tuple[tuple[str, ...], str]]] = {}
    ways = dict.fromkeys(LAYOUTS[name].names for name in chosen)
    for pair in benchmark.listed or benchmark.pairs:
        source, target, pair_id = stem(pair.source), stem(pair.target), pair.id
        for names in ways:
            for name in names:
                made = _spelled(name.format(s=source, t=target))
                expected.setdefault(made, set()).add((names, pair_id))
    return expected


def _spelled(name: str) -> str:
    """DeepFashion's folder was called "fasion", and so are the images of some tools."""
    return name.replace("fasion", "fashion")


def _codec(path: Path) -> str:
    """By the content, whatever the name says."""
    with path.open("rb") as file:
        return "jpeg" if file.read(2) == b"\xff\xd8" else "png"


def _loses(panel: NDArray[np.uint8], kept: NDArray[np.uint8]) -> bool:
    """Whether more than a plain colour lies on either side of what is kept of a square."""
    side = (panel.shape[1] - kept.shape[1]) // 2
    margins = [margin.reshape(-1, 3).astype(np.int16) for margin in (panel[:, :side], panel[:, -side:])]
    return any(float(np.abs(margin - np.median(margin, axis=0)).mean()) > _PLAIN for margin in margins)
