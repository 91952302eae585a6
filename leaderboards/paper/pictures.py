"""The images that the paper's figures show: real ones, and those of each system's run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.benchmark import Benchmark, Pair, load_benchmark
from fhpt_bench.data.images import read_image
from fhpt_bench.errors import UserError, did_you_mean
from fhpt_bench.evaluation.generated_folder import AUTO, GeneratedFolder, match_folder
from fhpt_bench.records.pair_table import images_digest
from fhpt_bench.records.schema import Record
from leaderboards.paper.choice import Choice
from leaderboards.paper.contents import System

Image8 = NDArray[np.uint8]


class SystemImages:
    """The images of a record: those of its run, or those of a folder that the user names.

    A path in a record is never followed: records may come from strangers.

    Args:
        record: a record in its folder.
        benchmark: the benchmark with the pairs of the figures.
        given: the folder that was evaluated, in any layout of `evaluate`; None: the folder of the run.

    Raises:
        UserError: if `given` cannot be used, or its images are not those that were measured.
    """

    def __init__(self, record: Record, benchmark: Benchmark, given: Path | None = None) -> None:
        self._size = benchmark.image_size
        self._folder = (record.folder or Path()) / "images"
        self._evaluated: GeneratedFolder | None = None
        if given is not None:
            resize = record.model.folder.resize if record.model.folder else None
            self._evaluated = match_folder(given, benchmark, AUTO, resize, record.benchmark.missing > 0)
            measured = record.pairs.images_sha256
            if measured is not None and images_digest(self._evaluated.check(benchmark).digests) != measured:
                raise UserError(f"The images in {given} are not those of the record of {record.model.name}.")

    def has(self, pair: Pair) -> bool:
        """Whether the image of a pair is there."""
        return self._file(pair).is_file() or (self._evaluated is not None and pair.id in self._evaluated.files)

    def image(self, pair: Pair) -> Image8:
        """The image of a pair, (H, W, 3) uint8.

        Raises:
            UserError: if it is missing, damaged or of another size.
        """
        if self._evaluated is not None and pair.id in self._evaluated.files and not self._file(pair).is_file():
            return self._evaluated.read(pair)
        return read_image(self._file(pair), self._size)

    def _file(self, pair: Pair) -> Path:
        return self._folder / f"{pair.id}.png"


@dataclass(frozen=True)
class Pictures:
    """What the figures are drawn from.

    Args:
        benchmark: the benchmark with the pairs of the records.
        choice: the records.
        systems: the systems of the paper that have a record with images -> their images.
    """

    benchmark: Benchmark
    choice: Choice
    systems: dict[System, SystemImages]

    def shown(self, systems: Sequence[System]) -> list[System]:
        """The systems of a figure that have images, in its order."""
        return [system for system in systems if system in self.systems]

    def real(self, names: Sequence[str]) -> list[Image8]:
        """Real images by name, (H, W, 3) uint8 each."""
        return [read_image(self.benchmark.folder / name, self.benchmark.image_size) for name in names]

    def generated(self, system: System, pair: Pair) -> Image8:
        """The image of a system for a pair, (H, W, 3) uint8."""
        return self.systems[system].image(pair)


def open_pictures(
    choice: Choice,
    systems: Sequence[System],
    benchmark: str,
    data_root: Path | None,
    folders: Mapping[str, Path] | None = None,
) -> Pictures:
    """Find the images of the chosen records.

    Args:
        choice: the records.
        systems: the systems of the figures.
        benchmark: name of the benchmark.
        data_root: folder of its data, if it does not ship with the package.
        folders: name of a model -> the folder that was evaluated, for records whose runs have no images.

    Raises:
        UserError: if the benchmark here has other pairs than the records, there is no record of a model in `folders`,
            or its folder cannot be used.
    """
    part = choice.benchmark
    loaded = load_benchmark(benchmark, data_root, part.limit, part.subset)
    if loaded.pairs_digest != part.pairs_sha256:
        raise UserError(
            f"The records of {part.id} have {part.n_pairs} pairs that are not those of the installed benchmark: "
            "measure the models again."
        )
    folders = folders or {}
    if unknown := set(folders) - choice.measured.keys():
        raise UserError(f"There is no record of {min(unknown)} here: {did_you_mean(min(unknown), choice.measured)}")
    found = {}
    for system in systems:
        if system.model in choice.measured:
            images = SystemImages(choice.measured[system.model][0], loaded, folders.get(system.model))
            if any(images.has(pair) for pair in loaded.pairs):
                found[system] = images
    return Pictures(loaded, choice, found)


def choose_pairs(
    pictures: Pictures, systems: Sequence[System], count: int, seed: int, able: Sequence[Pair]
) -> list[Pair]:
    """Choose random pairs of different people for which every system has an image.

    Args:
        pictures: the images.
        systems: the systems of the figure.
        count: number of pairs; fewer if there are fewer people.
        seed: of the choice.
        able: the pairs to choose from.

    Returns:
        The pairs in random order; the first ones of a larger count are those of a smaller one.
    """
    chosen: dict[str, Pair] = {}
    for place in np.random.default_rng(seed).permutation(len(able)):
        pair = able[place]
        if len(chosen) == count:
            break
        if pair.person not in chosen and all(pictures.systems[system].has(pair) for system in systems):
            chosen[pair.person] = pair
    return list(chosen.values())


def named_pairs(pictures: Pictures, ids: Sequence[str]) -> list[Pair]:
    """The pairs with the given ids.

    Raises:
        UserError: if there is no such pair, or a system has no image of it.
    """
    known = {pair.id: pair for pair in pictures.benchmark.pairs}
    for name in ids:
        if name not in known:
            raise UserError(
                f"There is no pair {name!r} in these records: give <source stem>___<target stem>, such as "
                f"{next(iter(known))}."
            )
        if without := [s.model for s, images in pictures.systems.items() if not images.has(known[name])]:
            raise UserError(f"The record of {without[0]} has no image of the pair {name}: choose another pair.")
    return [known[name] for name in ids]
