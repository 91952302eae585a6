"""A benchmark: images, pairs, ground truth and protocols, all fixed."""

from __future__ import annotations

import functools
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.benchmarks.schema import BenchmarkSchema, read_schema
from fhpt_bench.data.images import digest_named
from fhpt_bench.data.names import stem
from fhpt_bench.data.pairs import read_image_list, read_pairs
from fhpt_bench.data.parsing_maps import RegionMaps, own_regions
from fhpt_bench.data.people import Shown, check_people, people_of, read_people
from fhpt_bench.data.pose import Frame, read_keypoints
from fhpt_bench.data.subsets import check_subset, choose_subset, spread_over_people
from fhpt_bench.data.truth import Truth, read_truth
from fhpt_bench.errors import UserError, count_and_name
from fhpt_bench.files import sha256_bytes, sha256_json
from fhpt_bench.registry import Entry, Registry

UNKNOWN = ""  # the person of each pair if the people are not known

benchmarks: Registry[Path] = Registry("benchmark", "fhpt_bench.benchmarks", "pathlib:Path")


@dataclass(frozen=True)
class Pair:
    """One task: generate the person of the source image in the pose of the target image.

    Args:
        source: name of the source image, a path below the folder of the images.
        target: name of the target image.
        person: the cluster (person or item) over which confidence intervals are resampled.
    """

    source: str
    target: str
    person: str

    @functools.cached_property
    def id(self) -> str:
        """`<source stem>___<target stem>`.

        Examples:
            >>> Pair("a.jpg", "b.jpg", "ann").id
            'a___b'
        """
        return f"{stem(self.source)}___{stem(self.target)}"


@dataclass(frozen=True)
class Benchmark:
    """A benchmark with its pair list, poses and ground truth in memory; images are read on demand.

    Args:
        id: the name under which it is registered.
        version: raised by any change that can change a score.
        title: a short description.
        folder: folder of the images.
        image_size: (height, width).
        pairs: sorted by target, then source, so that all pairs of a target are adjacent.
        poses: image name -> (18, 2) pixels (x, y), NaN if missing.
        truth: keypoints with visibility and parsing maps; may be empty.
        protocols: the protocols that `all` selects, as `id` or `id:variant`.
        anchors: anchors of the keypoint error curves: "body", "face", "hand" -> the largest threshold in pixels; only
            those that the benchmark sets.
        subset: name of the requested subset, or None for all pairs.
        limit: requested number of pairs of the subset, or None for all.
        train_folder: folder of the training images.
        train_images: names of the training images in the order of their list; empty if the folder is missing.
        training_files: "pairs", "keypoints", "truth", "parsing" of the training split -> path of the file, which is not
            read; only those that the benchmark file names. Landmarks are a "truth" too, once their table exists.
        train_list: names of the training images if their list is available, with or without the images.
        people_known: whether pairs with different `person` show different people (in DeepFashion, two items may show
            the same person).
        listed: the complete pair list, before a subset or limit is applied.
        missing: number of pairs that were removed because their generated image is missing.
        shown: image name -> person, item, gender and view, as far as a table of people or the name says.
        frame: the images to which the keypoint files refer, if the benchmark file states them.
        shareable: whether the licence of the images allows to publish them.
        landmark_files: "test", "train" -> table of estimated keypoints of face and hands, which may not exist yet; only
            those that the benchmark file names.
        given_regions: the regions of the target images, if the user gives parsing maps. Models never receive them.
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
    shown: Mapping[str, Shown] = field(default_factory=dict)
    frame: Frame | None = None
    shareable: bool = False
    landmark_files: Mapping[str, Path] = field(default_factory=dict)
    given_regions: RegionMaps | None = None

    @property
    def clusters_known(self) -> bool:
        """Whether the person (or item) of every pair is known; otherwise no interval can be computed."""
        return all(pair.person != UNKNOWN for pair in self.pairs)

    @property
    def people(self) -> str:
        """How many people (or items) the pairs show, in words.

        Examples:
            >>> load_benchmark("studio").people
            '40 people'
        """
        count = len({pair.person for pair in self.pairs})
        if not self.clusters_known:
            return "people who are not named"
        return f"{count} {'people' if self.people_known else 'people or items'}"

    def facts(self, image: str) -> Shown | None:
        """What an image shows: person, item, gender and view, or None if nothing is known.

        Args:
            image: the name of an image of the benchmark or of its training split.
        """
        return self.shown.get(image) or people_of([image], None).get(image)

    @property
    def images(self) -> tuple[str, ...]:
        """The unique images of the pairs, sorted by name."""
        return tuple(sorted({name for pair in self.pairs for name in (pair.source, pair.target)}))

    @property
    def targets(self) -> tuple[str, ...]:
        """The unique target images of the pairs, sorted by name."""
        return tuple(sorted({pair.target for pair in self.pairs}))

    @functools.cached_property
    def regions(self) -> RegionMaps | None:
        """The regions of the target images: from the user's parsing maps or else the benchmark's own; None without any.

        Raises:
            UserError: if one of the benchmark's own maps has another size, or an unknown label.
        """
        if self.given_regions is not None or not self.truth.parsing:
            return self.given_regions
        return own_regions(self.truth.parsing, self.targets, self.image_size)

    @property
    def pairs_digest(self) -> str:
        """Digest of the pair list, independent of its order."""
        return sha256_json(sorted((pair.source, pair.target) for pair in self.pairs))

    def image_digests(self, progress: bool = False) -> dict[str, str]:
        """Decode every image once.

        Args:
            progress: show a progress bar.

        Returns:
            Image name -> digest of its pixels.

        Raises:
            UserError: if an image is missing, damaged or of another size.
        """
        return digest_named(self.folder, self.images, self.image_size, progress)

    def train_image_digests(self, progress: bool = False) -> dict[str, str]:
        """Decode every training image once.

        Args:
            progress: show a progress bar.

        Returns:
            Image name -> digest of its pixels, in the order of the list; empty if there are none.

        Raises:
            UserError: if an image is missing, damaged or of another size.
        """
        return digest_named(self.train_folder, self.train_images, self.image_size, progress)

    @property
    def landmarks_digest(self) -> str | None:
        """Digest of the keypoints of face and hands if an estimator found them, and of its name; otherwise None."""
        if self.truth.estimator is None:
            return None
        tables = [self.truth.keypoints[part] for part in sorted(self.truth.keypoints)]
        points = {name: [sha256_bytes(table[name].tobytes()) for table in tables] for name in self.images}
        return sha256_json([self.truth.estimator, points])

    def data_digest(self, images: dict[str, str]) -> str:
        """Digest of the pixels, the keypoints and the anchors; `landmarks_digest` is that of estimated keypoints.

        Args:
            images: the result of `image_digests`.
        """
        exact = {} if self.truth.estimator else self.truth.keypoints
        points = {name: [self.poses[name], *(exact[part][name] for part in sorted(exact))] for name in self.images}
        digests = {name: [images[name], *(sha256_bytes(p.tobytes()) for p in points[name])] for name in self.images}
        return sha256_json([digests, self.anchors])

    def restricted(self, subset: str | None) -> Benchmark:
        """The benchmark with only the pairs of a subset; the benchmark itself if the subset contains all pairs.

        Args:
            subset: one of `fhpt_bench.data.subsets.SUBSETS`, or None for all.

        Raises:
            UserError: if there is no subset of that name, it has no pair, or it needs a missing training list.
        """
        if subset is None:
            return self
        if subset == "leak-free" and not self.train_list:
            raise UserError(
                f"The training list of {self.id} is missing, so leaking pairs are unknown: add the list to the data."
            )
        pairs = [(pair.source, pair.target) for pair in self.pairs]
        chosen = choose_subset(subset, pairs, self.train_list, self.facts)
        if len(chosen) == len(self.pairs):
            return self
        return replace(self, pairs=tuple(self.pairs[i] for i in chosen), subset=subset)

    def limited(self, limit: int | None) -> Benchmark:
        """The benchmark with a fixed selection of pairs, spread over the people; the same for every model.

        Args:
            limit: number of pairs, or None for all.

        Raises:
            UserError: if the limit is not positive.
        """
        if limit is None or limit >= len(self.pairs):
            return self
        if limit < 1:
            raise UserError(f"--limit {limit} leaves no pair: give a positive number.")
        chosen = spread_over_people([pair.person for pair in self.pairs], limit)
        return replace(self, pairs=tuple(self.pairs[i] for i in chosen), limit=limit)

    def only(self, present: Container[str]) -> Benchmark:
        """The benchmark without the pairs whose generated image is missing; not comparable with all pairs.

        Args:
            present: ids of the pairs to keep.
        """
        pairs = tuple(pair for pair in self.pairs if pair.id in present)
        return replace(self, pairs=pairs, missing=self.missing + len(self.pairs) - len(pairs))


def find_benchmark(name: str) -> Entry:
    """Find a benchmark by name or by the path of its TOML file, without reading it.

    Raises:
        UserError: if there is none.
    """
    if name.endswith(".toml"):
        path = Path(name).expanduser()
        if not path.is_file():
            raise UserError(f"There is no benchmark file {path}: give the path of a TOML file, or a registered name.")
        return Entry(name, str(path.resolve()), str(path))
    return benchmarks.find(name)


def data_folder(name: str, data_root: Path | None = None) -> Path:
    """The folder of a benchmark's data; nothing in it is read.

    Args:
        name: a registered name, or the path of a TOML file.
        data_root: folder of the data; default: the folder that the benchmark file gives.

    Raises:
        UserError: if there is no such benchmark or folder.

    Examples:
        >>> data_folder("studio").name
        'studio'
    """
    return _locate(name, data_root)[1]


def load_benchmark(
    name: str, data_root: Path | None = None, limit: int | None = None, subset: str | None = None
) -> Benchmark:
    """Read a benchmark's TOML file, pair list, poses and truth tables; its images are not opened.

    Args:
        name: a registered name, or the path of a TOML file.
        data_root: folder of the data; default: the folder that the benchmark file gives.
        limit: number of pairs to keep, or None for all; applied after `subset`.
        subset: name of the subset to keep, or None for all pairs.

    Raises:
        UserError: if anything is missing or wrong.

    Examples:
        >>> load_benchmark("studio").image_size
        (256, 176)
    """
    if subset is not None:
        check_subset(subset)
    schema, root = _locate(name, data_root)
    frame = Frame(schema.keypoint_frame, schema.keypoint_fit) if schema.keypoint_frame else None
    poses = read_keypoints(root / schema.keypoints, schema.image_size, frame)
    listed_names = read_pairs(root / schema.pairs)
    table = read_people(root / schema.people) if schema.people else None
    shown = people_of(
        sorted({name for pair in listed_names for name in pair}), table, str(root / (schema.people or ""))
    )
    if table is not None:
        check_people(listed_names, shown, str(root / (schema.people or "")))
        without = [image for image, one in shown.items() if not getattr(one, schema.cluster)]
        if without:
            raise UserError(
                f"The table of people {root / (schema.people or '')} has no {schema.cluster} of "
                f"{count_and_name(without, 'image')}, but the benchmark file says cluster = {schema.cluster!r}: "
                "add them, or leave cluster out."
            )
    known = all(shown.get(source) and getattr(shown[source], schema.cluster) for source, _ in listed_names)
    # Without the person of every image nothing can be resampled: one unknown cluster gives no interval.
    pairs = [Pair(s, t, getattr(shown[s], schema.cluster) if known else UNKNOWN) for s, t in listed_names]
    estimated = {"test": schema.landmarks, "train": schema.train_landmarks}
    landmarks = {split: root / table for split, table in estimated.items() if table}
    present = {split: table for split, table in landmarks.items() if table.is_file()}
    exact = root / schema.truth if schema.truth else None
    truth = read_truth(exact or present.get("test"), root / schema.parsing if schema.parsing else None)
    for image in sorted({name for pair in pairs for name in (pair.source, pair.target)}):
        if image not in poses:
            raise UserError(f"The keypoint file {root / schema.keypoints} has no line for {image}: add one.")
        if any(image not in table for table in truth.tables):
            raise UserError(f"The truth or parsing table in {root} has no row for {image}: add one.")
    listed = tuple(sorted(pairs, key=lambda pair: (pair.target, pair.source)))
    benchmark = Benchmark(
        schema.id, schema.version, schema.title, root / schema.images, schema.image_size,
        listed, poses, truth, schema.protocols,
        schema.anchors.model_dump(exclude_none=True) if schema.anchors else {},
        people_known=schema.cluster == "person" and known, listed=listed, frame=frame,
        shown=shown if table is None else table, shareable=schema.shareable, landmark_files=landmarks,
    )  # fmt: skip
    if schema.train_images and schema.train_list:
        folder, file = root / schema.train_images, root / schema.train_list
        names = read_image_list(file) if folder.is_dir() or file.is_file() else ()
        held = names if folder.is_dir() else ()
        tables = {
            "pairs": schema.train_pairs, "keypoints": schema.train_keypoints, "truth": schema.train_truth,
            "parsing": schema.train_parsing,
        }  # fmt: skip
        files = {what: root / table for what, table in tables.items() if table}
        if "train" in present:
            files["truth"] = present["train"]
        benchmark = replace(benchmark, train_folder=folder, train_images=held, train_list=names, training_files=files)
    return benchmark.restricted(subset).limited(limit)


def schema_of(name: str) -> tuple[BenchmarkSchema, Path]:
    """What the file of a benchmark says, and its path; the data are not looked for.

    Args:
        name: a registered name, or the path of a TOML file.

    Raises:
        UserError: if there is no such benchmark, or its file is wrong.
    """
    entry = find_benchmark(name)
    path = Path(entry.target) if name.endswith(".toml") else benchmarks.load(name)
    return read_schema(path), path


def _locate(name: str, data_root: Path | None) -> tuple[BenchmarkSchema, Path]:
    schema, path = schema_of(name)
    if data_root is None and schema.root is None:
        raise UserError(
            f"The data of benchmark {name!r} is not part of this package: {schema.get}, and give its folder with "
            "--data-root."
        )
    root = data_root.expanduser() if data_root is not None else path.parent / (schema.root or "")
    if not root.is_dir():
        raise UserError(f"There is no data folder {root} for benchmark {name!r}: give it with --data-root.")
    if schema.root is None and not (root / schema.pairs).is_file():
        raise UserError(f"The folder {root} has no {schema.pairs} of benchmark {name!r}: {schema.get}.")
    return schema, root
