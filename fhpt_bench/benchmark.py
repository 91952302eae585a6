"""A benchmark: everything that can change a number, held still."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.benchmarks.schema import BenchmarkSchema, read_schema
from fhpt_bench.data.images import digest_images
from fhpt_bench.data.names import parse_name, stem
from fhpt_bench.data.pairs import read_image_list, read_pairs
from fhpt_bench.data.pose import read_keypoints
from fhpt_bench.data.subsets import check_subset, choose_subset, spread_over_people
from fhpt_bench.data.truth import Truth, read_truth
from fhpt_bench.errors import UserError
from fhpt_bench.files import sha256_bytes, sha256_json
from fhpt_bench.registry import Entry, Registry

benchmarks: Registry[Path] = Registry("benchmark", "fhpt_bench.benchmarks", "pathlib:Path")


@dataclass(frozen=True)
class Pair:
    """One task: paint the person of the source image in the pose of the target image.

    Args:
        source: file name of the source image.
        target: file name of the target image.
        person: the cluster that intervals are resampled over.
    """

    source: str
    target: str
    person: str

    @property
    def id(self) -> str:
        """`<source stem>___<target stem>`.

        Examples:
            >>> Pair("a.jpg", "b.jpg", "ann").id
            'a___b'
        """
        return f"{stem(self.source)}___{stem(self.target)}"


@dataclass(frozen=True)
class Benchmark:
    """A setting held still.

    Args:
        id: the name under which it is registered.
        version: raised by any change that can move a number.
        title: what it is, in a phrase.
        folder: of the images.
        image_size: (height, width).
        pairs: sorted by target, then source, so that a target's pairs stand together.
        poses: image name -> (18, 2) pixels (x, y), NaN where missing.
        truth: keypoints with visibility and parsing maps, where it has them.
        protocols: what `all` means, as `id` or `id:variant`.
        anchors: of keypoint error curves: "body", "face", "hand" -> the largest threshold in pixels; empty where it
            sets none.
        subset: the part of the pair list that was asked for, or None for all.
        limit: how many pairs of that were asked for, or None for all.
        train_folder: of the training images.
        train_images: names of the training images in the order of their list; empty where they are not here.
        train_list: the same, where the list is here, with or without the images.
        training_files: "pairs", "keypoints", "truth" of the training split -> the file, not read; those that are named.
        people_known: whether pairs of different persons show different people (DeepFashion's items may share one).
        listed: its whole pair list, where it may be cut down.
        missing: how many pairs were taken out because there is no image to judge.
    """

    id: str
    version: str
    title: str
    folder: Path
    image_size: tuple[int, int]
    pairs: tuple[Pair, ...]
    poses: dict[str, NDArray[np.float32]]
    truth: Truth
    protocols: tuple[str, ...]
    anchors: dict[str, int] = field(default_factory=dict)
    subset: str | None = None
    limit: int | None = None
    train_folder: Path = Path()
    train_images: tuple[str, ...] = ()
    training_files: dict[str, Path] = field(default_factory=dict)
    train_list: tuple[str, ...] = ()
    people_known: bool = False
    listed: tuple[Pair, ...] = ()
    missing: int = 0

    @property
    def images(self) -> tuple[str, ...]:
        """The unique images of the pairs, sorted by name."""
        return tuple(sorted({name for pair in self.pairs for name in (pair.source, pair.target)}))

    @property
    def pairs_digest(self) -> str:
        """Identifies the pair list, whatever its order."""
        return sha256_json(sorted((pair.source, pair.target) for pair in self.pairs))

    def image_digests(self, progress: bool = False) -> dict[str, str]:
        """Decode every image once.

        Args:
            progress: show a bar.

        Returns:
            Image name -> digest of its pixels.

        Raises:
            UserError: where one is missing, damaged or of another size.
        """
        digests = digest_images([self.folder / name for name in self.images], self.image_size, progress)
        return {path.name: digest for path, digest in digests.items()}

    def train_image_digests(self, progress: bool = False) -> dict[str, str]:
        """Decode every training image once.

        Args:
            progress: show a bar.

        Returns:
            Image name -> digest of its pixels, in the order of the list; empty where there are none.

        Raises:
            UserError: where one is missing, damaged or of another size.
        """
        digests = digest_images([self.train_folder / name for name in self.train_images], self.image_size, progress)
        return {path.name: digest for path, digest in digests.items()}

    def data_digest(self, images: dict[str, str]) -> str:
        """Identifies the pixels, the keypoints and the anchors, given what `image_digests` returned."""
        points = {
            name: [self.poses[name], *(self.truth.keypoints[part][name] for part in sorted(self.truth.keypoints))]
            for name in self.images
        }
        digests = {name: [images[name], *(sha256_bytes(p.tobytes()) for p in points[name])] for name in self.images}
        return sha256_json([digests, self.anchors])

    def restricted(self, subset: str | None) -> Benchmark:
        """The benchmark cut down to the pairs of a subset; itself where all pairs are in it.

        Args:
            subset: one of `fhpt_bench.data.subsets.SUBSETS`, or None for all.

        Raises:
            UserError: where there is none of that name, it has no pair, or what decides is not known here.
        """
        if subset is None:
            return self
        if subset == "leak-free" and not self.train_list:
            raise UserError(f"The training list of {self.id} is not here, so that nobody can tell which pairs leak.")
        chosen = choose_subset(subset, [(pair.source, pair.target) for pair in self.pairs], self.train_list)
        if len(chosen) == len(self.pairs):
            return self
        return replace(self, pairs=tuple(self.pairs[i] for i in chosen), subset=subset)

    def limited(self, limit: int | None) -> Benchmark:
        """The benchmark cut down to some pairs, spread over the people, the same ones for every model.

        Args:
            limit: how many pairs, or None for all.

        Raises:
            UserError: where it is not positive.
        """
        if limit is None or limit >= len(self.pairs):
            return self
        if limit < 1:
            raise UserError(f"--limit {limit} leaves no pair: give a positive number.")
        chosen = spread_over_people([pair.person for pair in self.pairs], limit)
        return replace(self, pairs=tuple(self.pairs[i] for i in chosen), limit=limit)

    def only(self, present: Container[str]) -> Benchmark:
        """The benchmark without the pairs of which there is no image to judge: a setting of its own.

        Args:
            present: ids of the pairs to keep.
        """
        pairs = tuple(pair for pair in self.pairs if pair.id in present)
        return replace(self, pairs=pairs, missing=self.missing + len(self.pairs) - len(pairs))


def find_benchmark(name: str) -> Entry:
    """Look up a benchmark by name or by the path of its TOML file, without reading it.

    Raises:
        UserError: where there is none.
    """
    if name.endswith(".toml"):
        path = Path(name).expanduser()
        if not path.is_file():
            raise UserError(f"There is no benchmark file {path}.")
        return Entry(name, str(path.resolve()), str(path))
    return benchmarks.find(name)


def data_folder(name: str, data_root: Path | None = None) -> Path:
    """Where a benchmark's data lies; nothing in it is read.

    Args:
        name: a registered name, or the path of a TOML file.
        data_root: where the data lies, if not where the settings say.

    Raises:
        UserError: where there is no such benchmark or folder.

    Examples:
        >>> data_folder("studio").name
        'studio'
    """
    return _locate(name, data_root)[1]


def load_benchmark(
    name: str, data_root: Path | None = None, limit: int | None = None, subset: str | None = None
) -> Benchmark:
    """Read a benchmark's settings, pair list, poses and tables; its images are not opened.

    Args:
        name: a registered name, or the path of a TOML file.
        data_root: where the data lies, if not where the settings say.
        limit: cut it down to so many pairs.
        subset: cut it down to the pairs of a subset first.

    Raises:
        UserError: where anything is missing or wrong.

    Examples:
        >>> load_benchmark("studio").image_size
        (256, 176)
    """
    if subset is not None:
        check_subset(subset)
    settings, root = _locate(name, data_root)
    poses = read_keypoints(root / settings.keypoints, settings.image_size[1])
    pairs = [Pair(s, t, _cluster(s, settings.cluster)) for s, t in read_pairs(root / settings.pairs)]
    truth = read_truth(
        root / settings.truth if settings.truth else None, root / settings.parsing if settings.parsing else None
    )
    for image in sorted({name for pair in pairs for name in (pair.source, pair.target)}):
        if image not in poses:
            raise UserError(f"The keypoint file {root / settings.keypoints} has no line for {image}: add one.")
        if any(image not in table for table in truth.tables):
            raise UserError(f"The truth or parsing table in {root} has no row for {image}: add one.")
    listed = tuple(sorted(pairs, key=lambda pair: (pair.target, pair.source)))
    benchmark = Benchmark(
        settings.id, settings.version, settings.title, root / settings.images, settings.image_size,
        listed, poses, truth, settings.protocols,
        settings.anchors.model_dump() if settings.anchors else {},
        people_known=settings.cluster == "person" and all(parse_name(pair.source) for pair in pairs),
        listed=listed,
    )  # fmt: skip
    if settings.train_images and settings.train_list:
        folder, file = root / settings.train_images, root / settings.train_list
        names = read_image_list(file) if folder.is_dir() or file.is_file() else ()
        held = names if folder.is_dir() else ()
        tables = {"pairs": settings.train_pairs, "keypoints": settings.train_keypoints, "truth": settings.train_truth}
        files = {what: root / table for what, table in tables.items() if table}
        benchmark = replace(benchmark, train_folder=folder, train_images=held, train_list=names, training_files=files)
    return benchmark.restricted(subset).limited(limit)


def _locate(name: str, data_root: Path | None) -> tuple[BenchmarkSchema, Path]:
    entry = find_benchmark(name)
    path = Path(entry.target) if name.endswith(".toml") else benchmarks.load(name)
    settings = read_schema(path)
    if data_root is None and settings.root is None:
        raise UserError(
            f"The data of benchmark {name!r} is not part of this package: {settings.get}, and say where it lies with "
            "--data-root."
        )
    root = data_root.expanduser() if data_root is not None else path.parent / (settings.root or "")
    if not root.is_dir():
        raise UserError(f"There is no data folder {root} for benchmark {name!r}: say where with --data-root.")
    if settings.root is None and not (root / settings.pairs).is_file():
        raise UserError(f"The folder {root} holds no {settings.pairs} of benchmark {name!r}: {settings.get}.")
    return settings, root


def _cluster(name: str, unit: str) -> str:
    """Pairs of one person (or item) resemble each other; an image without such a name stands for itself."""
    parsed = parse_name(name)
    if parsed is None:
        return stem(name)
    return parsed.person if unit == "person" else parsed.item
