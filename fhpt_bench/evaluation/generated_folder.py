"""Folders of generated images that other tools wrote: their layout, and which file belongs to which pair."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.benchmark import Benchmark, Pair
from fhpt_bench.data.images import LONG, SUFFIXES, codec_of, folder_images, in_threads, pixels_sha256, read_image
from fhpt_bench.data.layouts import (
    FILTERS,
    LAYOUTS,
    RESIZES,
    cut,
    fit,
    has_plain_sides,
    layout_by_size,
    panel_size,
    wide_by_high,
    wrong_size,
)
from fhpt_bench.data.names import stem
from fhpt_bench.errors import UserError, count_and_name, did_you_mean, name_some, plain
from fhpt_bench.evaluation.square_images import how_to_read
from fhpt_bench.files import explained
from fhpt_bench.progress import progress_bar

AUTO = "auto"
# Mean difference (of 255) between a target panel and the benchmark's image. On `studio`, JPEG 30, half the resolution
# or a shift by two pixels give less than 14; another image, even of the same person, gives 18 or more.
_ANOTHER_IMAGE = 16
# Share of cropped images that may lose more than padding before a remark is made.
_ODD = 0.05
# The suffix of a name in Market-1501's form, inside of a file name.
_MARKET_SUFFIX = re.compile(r"(?<=c\ds\d_\d{6}_\d{2})(\.jpg)+")


@dataclass(frozen=True)
class FolderCheck:
    """The result of checking every image of a folder.

    Args:
        digests: pair id -> digest of the generated image's pixels.
        codecs: as `codec_of` names them.
        sizes: size and what was done with it -> number of images.
        remarks: what makes the images doubtful, one sentence each.
    """

    digests: dict[str, str]
    codecs: tuple[str, ...]
    sizes: dict[str, int]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class GeneratedFolder:
    """A folder of generated images, matched with a benchmark's pairs by `match_folder`.

    Args:
        path: the folder.
        layout: a key of `LAYOUTS`.
        files: pair id -> file.
        size: (height, width) of the benchmark's images.
        resize: how images of another size are resized (one of `RESIZES`), or None.
        missing: ids of the pairs without a file.
        extra: names of the files without a pair.
    """

    path: Path
    layout: str
    files: Mapping[str, Path]
    size: tuple[int, int]
    resize: str | None
    missing: tuple[str, ...]
    extra: tuple[str, ...]

    def read(self, pair: Pair) -> NDArray[np.uint8]:
        """The generated image of a pair, cropped from its panel image, at the benchmark's size.

        Returns:
            (H, W, 3) uint8.

        Raises:
            UserError: if the file is damaged or has a size that does not fit.
        """
        return fit(self._panel(self._panel_image(pair)), self.size, self.resize)

    def check(self, benchmark: Benchmark, progress: bool = False) -> FolderCheck:
        """Decode every file once, before any network loads.

        Args:
            benchmark: the benchmark with the pairs; a target panel is compared with the benchmark's target.
            progress: show a progress bar.

        Raises:
            UserError: if a file is damaged or has a size that does not fit; for the first such file.
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

    def _panel_image(self, pair: Pair) -> NDArray[np.uint8]:
        path = self.files[pair.id]

        def check(shape: tuple[int, int]) -> None:
            if panel_size(shape, LAYOUTS[self.layout], self.size, self.resize) is None:
                raise wrong_size(path, shape, [self.layout], self.size, self.resize)

        return read_image(path, check=check)

    def _panel(self, sheet: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return cut(sheet, LAYOUTS[self.layout], LAYOUTS[self.layout].generated)

    def _check_one(self, pair: Pair, benchmark: Benchmark) -> _Seen:
        sheet = self._panel_image(pair)
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
        codec, plain_sides = codec_of(self.files[pair.id]), bool(has_plain_sides(panel, self.size))
        loses = cropped and not plain_sides
        padded = fitted.shape != panel.shape and self.resize in FILTERS and plain_sides
        return _Seen(pixels_sha256(fitted), codec, size, another, loses, padded)

    def _remarks(self, seen: Mapping[Pair, _Seen], benchmark: Benchmark) -> list[str]:
        another = [self.files[pair.id].name for pair, one in seen.items() if one.another_target]
        padded = [self.files[pair.id].name for pair, one in seen.items() if one.padded]
        losing = [self.files[pair.id].name for pair, one in seen.items() if one.loses]
        panels, images = count_and_name(another, "panel image"), count_and_name(losing, "image")
        remarks = {
            f"In {panels} of {len(seen)}, the target is not the benchmark's: check that they have layout {self.layout} "
            f"and belong to {benchmark.id} {benchmark.version}.": another,
            f"What was cropped off {images} of {len(seen)} is not plain padding: if the images were squeezed into "
            "squares, give --resize bicubic.": losing if len(losing) > _ODD * len(seen) else [],
            f"{len(padded)} of {len(seen)} images were resized although their sides are plain padding: give --resize "
            "crop.": padded if len(padded) > len(seen) / 2 else [],
        }
        return [remark for remark, files in remarks.items() if files]


@dataclass(frozen=True)
class _Seen:
    """The result of checking one image.

    Args:
        digest: digest of the generated image's pixels.
        codec: as `codec_of` names it.
        size: its size and what was done with it.
        another_target: whether its target panel is not the benchmark's target image.
        loses: whether the crop removes more than padding.
        padded: whether the image was resized although its sides are padding.
    """

    digest: str
    codec: str
    size: str
    another_target: bool
    loses: bool
    padded: bool


def match_folder(
    folder: Path, benchmark: Benchmark, layout: str = AUTO, resize: str | None = None, allow_missing: bool = False
) -> GeneratedFolder:
    """Find each pair's file by its name, never by its position in a list.

    Args:
        folder: the folder; subfolders are not searched.
        benchmark: the benchmark, with all pairs or some; files of its other pairs are ignored.
        layout: "auto" or a key of `LAYOUTS`.
        resize: one of `RESIZES`: images of another size, squares too, are resized as a whole, or (crop) their middle
            is. None: see `how_to_read`.
        allow_missing: accept pairs without a file and files without a pair.

    Returns:
        The files, with the layout that was recognised.

    Raises:
        UserError: if the folder is empty, mixes layouts, holds two images of one pair or a name that fits several
            pairs; if a pair has no file or a file has no pair, unless that is allowed; if it is not known how to read
            its squares.
    """
    for option, word, known in (("layout", layout, (AUTO, *LAYOUTS)), ("resize", resize or "bicubic", RESIZES)):
        if word not in known:
            raise UserError(f"Unknown {option} {word!r}: {did_you_mean(word, known)}")
    chosen = list(LAYOUTS) if layout == AUTO else [layout]
    names, found, extra = _match(folder, benchmark, chosen)
    missing = [pair for pair in benchmark.pairs if pair.id not in found]
    if missing and (unread := _unread(folder, benchmark, chosen)):
        raise UserError(
            f"The folder {folder} holds {count_and_name(unread, 'file')} with the name of a pair, but only PNG, JPEG, "
            "WebP and BMP images are read: convert them."
        )
    files = {pair.id: found[pair.id] for pair in benchmark.pairs if pair.id in found}
    if (missing or extra) and not (files and allow_missing):
        absent = [f"{names[0].format(s=stem(pair.source), t=stem(pair.target))}.png" for pair in missing]
        lacks = f"lacks {len(missing)} of {len(benchmark.pairs)} pairs, first {name_some(absent)}"
        holds = f"holds {count_and_name(extra, 'image')} without a pair"
        way = "add or remove these files, or give --allow-missing to ignore them" if files else "add the images"
        raise UserError(f"The folder {folder} {' and '.join([lacks] * bool(missing) + [holds] * bool(extra))}: {way}.")
    fitting = [name for name in chosen if LAYOUTS[name].names == names]
    if len(fitting) > 1:
        fitting = [layout_by_size(next(iter(files.values())), fitting, benchmark.image_size, resize)]
    if resize is None:
        resize = how_to_read(files, benchmark, fitting[0])
    return GeneratedFolder(
        folder, fitting[0], files, benchmark.image_size, resize, tuple(pair.id for pair in missing), extra
    )


def _match(
    folder: Path, benchmark: Benchmark, chosen: Sequence[str]
) -> tuple[tuple[str, ...], dict[str, Path], tuple[str, ...]]:
    """The naming scheme of the files, pair id -> file, and the names of files without a pair."""
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
    if not files and not _unread(folder, benchmark, chosen):
        with explained(folder, "read"):
            below = sorted({path.parent for suffix in SUFFIXES for path in folder.glob(f"*/*{suffix}")})
        way = f"give {below[0]}, which holds some" if below else "put <pair id>.png files there"
        raise UserError(f"The folder {folder} holds no image: {way}.")
    if not found and files:
        raise UserError(
            f"The folder {folder} holds {count_and_name(extra, 'image')}, but no name fits a pair of {benchmark.id} in "
            f"layout {' or '.join(chosen)}: choose another --benchmark, or rename them to <pair id>.png, such as "
            f"{benchmark.pairs[0].id}.png."
        )
    if len(found) > 1:
        rare, frequent = sorted(found, key=lambda names: len(found[names]))[-2:]
        one, other = (
            f"{next(iter(found[names].values())).name} ({' or '.join(n for n in chosen if LAYOUTS[n].names == names)})"
            for names in (rare, frequent)
        )
        raise UserError(f"The folder {folder} mixes layouts, {one} and {other}: move the files of all but one away.")
    ((names, of_pair),) = found.items() or ((LAYOUTS[chosen[0]].names, {}),)
    return names, of_pair, tuple(extra)


def _unread(folder: Path, benchmark: Benchmark, chosen: Sequence[str]) -> list[str]:
    """The names of files of other formats that are named after a pair."""
    expected = _expected(benchmark, chosen)
    with explained(folder, "read"):
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() not in SUFFIXES)
    return [path.name for path in files if path.is_file() and _spelled(path.stem) in expected]


def _expected(benchmark: Benchmark, chosen: Sequence[str]) -> dict[str, set[tuple[tuple[str, ...], str]]]:
    """Possible file name -> its naming scheme and pair.

    Stems contain digits and underscores themselves; therefore names are built and looked up, never parsed.
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
    """One of several forms of a name.

    Some tools write "fasion" for DeepFashion's folder, and 18 files of Market-1501 end with .jpg twice.
    """
    return _MARKET_SUFFIX.sub("", name.replace("fasion", "fashion"))
