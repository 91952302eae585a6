"""Training pairs of a benchmark, and an endless stream of batches that depends only on a seed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.benchmark import Benchmark
from fhpt_bench.data.names import parse_name, stem
from fhpt_bench.data.pairs import read_pairs
from fhpt_bench.data.pose import read_keypoints
from fhpt_bench.data.truth import read_truth
from fhpt_bench.errors import UserError
from fhpt_bench.progress import progress_bar
from fhpt_bench.training.recipe import Task
from fhpt_bench.training.split import deal_people

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_MEMORY = 2 << 30  # bytes of decoded images that each process keeps; larger sets are decoded batch by batch
_AHEAD = 4  # batches that are prepared in advance
_FACE = 68
_ANY_GENDER = "any"  # the group of people whose gender is unknown or not used


def lacks_pairs(benchmark: Benchmark) -> str | None:
    """Check whether a benchmark has training pairs. No file is read.

    Args:
        benchmark: the benchmark to check.

    Returns:
        Why it has no training pairs and how to add them, in one sentence; None if it has training pairs.

    Examples:
        >>> from fhpt_bench.benchmark import load_benchmark
        >>> lacks_pairs(load_benchmark("studio")) is None
        True
    """
    for what in ("pairs", "keypoints"):
        file = benchmark.training_files.get(what)
        if file is None:
            return (
                f"The benchmark {benchmark.id} names no training {what}: name their file in its benchmark file as "
                f"train_{what}, together with train_images and train_list."
            )
        if not file.is_file():
            return f"There is no file {file} of training {what}: put it there, or name another in the benchmark file."
    return None


@dataclass(frozen=True)
class TrainingBatch:
    """A batch of training pairs.

    Args:
        source: (B, 3, H, W) uint8.
        target: (B, 3, H, W) uint8.
        source_pose: (B, 18, 2) float32 pixels (x, y), NaN if missing.
        target_pose: like source_pose.
        source_face: (B, 68, 2) float32 pixels (x, y), NaN if not visible or not known.
        target_face: like source_face.
        index: (B,) int64 position of each pair in the list of all pairs.
        source_parsing: (B, H, W) uint8, 9 classes; None if they were not asked for.
        target_parsing: like source_parsing.
    """

    source: Tensor
    target: Tensor
    source_pose: Tensor
    target_pose: Tensor
    source_face: Tensor
    target_face: Tensor
    index: Tensor
    source_parsing: Tensor | None = None
    target_parsing: Tensor | None = None

    def to(self, device: torch.device | str) -> TrainingBatch:
        """Copy the batch to a device; from pinned memory the copy is asynchronous."""
        return self._changed(lambda part: part.to(device, non_blocking=True))

    def pinned(self) -> TrainingBatch:
        """Copy the batch to pinned memory, from which a copy to a GPU is asynchronous."""
        return self._changed(lambda part: part.pin_memory())

    def _changed(self, change: Callable[[Tensor], Tensor]) -> TrainingBatch:
        parts = {part.name: getattr(self, part.name) for part in fields(self)}
        new: dict[str, Any] = {name: part if part is None else change(part) for name, part in parts.items()}
        return TrainingBatch(**new)


class TrainingPairs:
    """The pairs of a benchmark's training split with images and keypoints; some people are held out.

    Args:
        task: gives the benchmark, the training images, the seed and the device.
        folds: number of folds of the people; one fold is held out. If the file names give the gender, women and men are
            split evenly.
        parsing: whether batches have parsing maps; the benchmark must name their table.

    Attributes:
        names: names of the images, sorted.
        source, target: (N,) positions of each pair's images in the names.
        people: N, the person of each pair.
        pose: (M, 18, 2) float32 of M images.
        face: (M, 68, 2) float32, NaN if not visible or not known to the benchmark.
        training, held_out: positions of the pairs of training people and of held-out people.

    Raises:
        UserError: if a table cannot be read or has no row for an image, or there are fewer than two people.
    """

    def __init__(self, task: Task, folds: int = 10, parsing: bool = False) -> None:
        files, self._images = task.benchmark.training_files, task.images
        pairs = read_pairs(files["pairs"])
        self.names = tuple(sorted({name for pair in pairs for name in pair}))
        position = {name: number for number, name in enumerate(self.names)}
        self.source, self.target = np.array([[position[s], position[t]] for s, t in pairs]).T
        poses = read_keypoints(files["keypoints"], task.benchmark.image_size, task.benchmark.frame)
        faces = read_truth(files.get("truth"), None).face
        maps = read_truth(None, files["parsing"]).parsing if parsing else {}
        tables: list[tuple[Mapping[str, Any], str]] = [
            (task.images.digests, "list of training images"), (poses, f"file {files['keypoints']}")
        ]  # fmt: skip
        for known, what in [*tables, *([(maps, f"table {files['parsing']}")] if parsing else [])]:
            if missing := next((name for name in self.names if name not in known), None):
                raise UserError(f"The {what} has no line for {missing} of {files['pairs']}: add one.")
        hidden = np.full((_FACE, 2), np.nan, np.float32)
        self.pose = np.stack([poses[name] for name in self.names])
        self.face = np.stack([faces.get(name, hidden) for name in self.names])
        self._parsing = np.stack([maps[name] for name in self.names]) if parsing else None
        self.people = _people(pairs)
        fold = _folds(self.people, [_gender(source) for source, _ in pairs], folds, task.seed)
        self.held_out, self.training = np.flatnonzero(fold == 0), np.flatnonzero(fold)
        self._pinned = task.device == "cuda"
        self._decoded = self._decode(task) if self._bytes(task) <= _MEMORY else None

    def __len__(self) -> int:
        return len(self.source)

    def _bytes(self, task: Task) -> int:
        height, width = task.benchmark.image_size
        return len(self.names) * height * width * 3

    def _decode(self, task: Task) -> NDArray[np.uint8]:
        """(M, 3, H, W) uint8."""
        images = np.empty((len(self.names), 3, *task.benchmark.image_size), np.uint8)
        with progress_bar("training images", len(images), task.progress) as done, ThreadPoolExecutor() as pool:
            for number, image in enumerate(pool.map(self._image, range(len(images)))):
                images[number] = image
                done(1)
        return images

    def _image(self, position: int) -> NDArray[np.uint8]:
        (image,) = self._images.stack([self.names[position]])
        return np.moveaxis(image, 2, 0)

    @property
    def decodes(self) -> bool:
        """Whether each batch decodes its images, because there are too many to keep in memory."""
        return self._decoded is None

    def batch(self, index: NDArray[np.int64]) -> TrainingBatch:
        """Make a batch with its images.

        Args:
            index: (B,) positions of the pairs.
        """
        import torch

        source, target = self.source[index], self.target[index]

        def images(positions: NDArray[np.int64]) -> NDArray[np.uint8]:
            if self._decoded is not None:
                return self._decoded[positions]
            return np.stack([self._image(position) for position in positions])

        arrays = (
            images(source), images(target), self.pose[source], self.pose[target], self.face[source], self.face[target],
            np.asarray(index, np.int64),
        )  # fmt: skip
        maps = [] if self._parsing is None else [self._parsing[source], self._parsing[target]]
        batch = TrainingBatch(*map(torch.from_numpy, (*arrays, *maps)))
        return batch.pinned() if self._pinned else batch


def _gender(name: str) -> str:
    parsed = parse_name(name)
    return parsed.gender if parsed else _ANY_GENDER


def _people(pairs: list[tuple[str, str]]) -> list[str]:
    """The person of each pair. Images of one item, and images joined by a pair, show the same person."""
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            node = parent[node]
        return node

    def node(name: str) -> str:
        parsed = parse_name(name)
        return f"{parsed.gender}-{parsed.item}" if parsed else stem(name)

    for source, target in pairs:
        first, second = sorted((root(node(source)), root(node(target))))
        parent[second] = first
    return [root(node(source)) for source, _ in pairs]


def _folds(people: list[str], genders: list[str], folds: int, seed: int) -> NDArray[np.int64]:
    gender_of = dict(zip(people, genders, strict=True))
    count = len(gender_of)
    if count < 2:
        raise UserError("The training pairs show only one person, so none can be held out: add pairs of others.")
    even = min(Counter(gender_of.values()).values()) >= folds
    # If the pairs of a person have different genders, the last pair decides.
    return deal_people(people, [gender_of[p] if even else _ANY_GENDER for p in people], min(folds, count), seed)


class PairStream:
    """An endless stream of batches. Each epoch has all pairs once, in a random order.

    Batch number k depends only on the seed and k. The next batches are prepared in the background.

    Args:
        pairs: the training pairs.
        batch_size: pairs per batch, over all processes together.
        seed: seed of the random order.
        rank: rank of this process.
        count: number of processes; this process gets every `count`-th pair of a batch, beginning at its rank.
        index: positions of the pairs to draw from; default: the pairs of the training people.

    Raises:
        UserError: if the batch size is not a multiple of the number of processes, or there are no pairs to draw from.
    """

    def __init__(
        self,
        pairs: TrainingPairs,
        batch_size: int,
        seed: int,
        rank: int = 0,
        count: int = 1,
        index: NDArray[np.int64] | None = None,
    ) -> None:
        if batch_size < 1 or batch_size % count:
            raise UserError(
                f"A batch of {batch_size} cannot be shared evenly by {count} processes: start a number of processes "
                "that divides the batch size."
            )
        self._pairs, self._size, self._seed, self._rank, self._count = pairs, batch_size, seed, rank, count
        self._index = pairs.training if index is None else index
        if not len(self._index):
            raise UserError("There are no training pairs: give a longer list.")
        self.position = 0
        threads = min(4, os.cpu_count() or 1) if pairs.decodes else 1
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="pairs")
        self._ready: dict[int, Future[TrainingBatch]] = {}
        self._orders: dict[int, NDArray[np.int64]] = {}

    def drawn(self, number: int) -> NDArray[np.int64]:
        """The pairs of a whole batch, over all processes.

        Args:
            number: number of the batch, from 0.

        Returns:
            (batch_size,) positions of the pairs.
        """
        total = len(self._index)
        first = number * self._size
        epochs, places = np.divmod(np.arange(first, first + self._size), total)
        chosen = np.array([self._order(int(e))[p] for e, p in zip(epochs, places, strict=True)])
        return np.take(self._index, chosen)

    def _order(self, epoch: int) -> NDArray[np.int64]:
        if epoch not in self._orders:
            for old in [known for known in self._orders if known < epoch - 1]:
                del self._orders[old]
            self._orders[epoch] = np.random.default_rng((self._seed, epoch)).permutation(len(self._index))
        return self._orders[epoch]

    def next_batch(self) -> TrainingBatch:
        """This process's part of the next batch."""
        for number in range(self.position, self.position + 1 + _AHEAD):
            if number not in self._ready:
                share = self.drawn(number)[self._rank :: self._count]
                self._ready[number] = self._pool.submit(self._pairs.batch, share)
        batch = self._ready.pop(self.position).result()
        self.position += 1
        return batch

    def state_dict(self) -> dict[str, int]:
        """The position in the stream."""
        return {"position": self.position}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a position in the stream."""
        self.position = state["position"]
        for future in self._ready.values():
            future.cancel()
        self._ready.clear()
