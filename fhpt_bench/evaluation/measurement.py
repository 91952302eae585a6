"""The pass over the pairs: each image is generated, embedded and compared once, and each batch is saved at once."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.benchmark import Benchmark, Pair
from fhpt_bench.data.images import pixels_sha256
from fhpt_bench.data.real_images import RealImages
from fhpt_bench.errors import UserError
from fhpt_bench.evaluation.accounting import Accounting
from fhpt_bench.evaluation.batches import target_batches
from fhpt_bench.evaluation.comparison import Comparison
from fhpt_bench.evaluation.embedder import Embedder, Unsaved
from fhpt_bench.evaluation.finished import GENERATE, READ, WRITE, Batch, Work
from fhpt_bench.evaluation.generated_images import Begun, GeneratedImages
from fhpt_bench.evaluation.in_flight import Measured
from fhpt_bench.evaluation.memory import Portions
from fhpt_bench.evaluation.pipeline import batches_ahead, flow, image_threads
from fhpt_bench.evaluation.plan import Step, by_view, of_real_images
from fhpt_bench.evaluation.run_folder import RunFolder
from fhpt_bench.processes import Processes, on_this_machine
from fhpt_bench.progress import progress_bar
from fhpt_bench.protocol import Evidence, Protocol, View
from fhpt_bench.threads import map_threads, worker_threads


@dataclass(frozen=True)
class Share:
    """What one of several jobs measures.

    Args:
        part: its batches, and its chunks of the benchmark's own images.
        store: the folder that takes the vectors that it computes.
    """

    part: slice
    store: Path


class Measurement:
    """The evidence for a plan's scores.

    Args:
        benchmark: the benchmark.
        plan: the protocols; skipped ones take no part.
        generated: the generated images.
        real: the benchmark's images.
        train: its training images; none if no protocol needs them.
        folder: keeps finished work.
        device: "cpu" or "cuda".
        processes: the processes that share the work.
        batch_size: pairs per batch.
        shard: measure only this part of the batches, and keep new vectors in its store.

    Raises:
        UserError: if a part of the images was generated with another batch size, on which the model's images depend.
    """

    def __init__(
        self,
        benchmark: Benchmark,
        plan: Sequence[Step],
        generated: GeneratedImages,
        real: RealImages,
        train: RealImages,
        folder: RunFolder,
        device: str,
        processes: Processes,
        batch_size: int,
        shard: Share | None = None,
    ) -> None:
        self._part = shard.part if shard else slice(None)
        self.benchmark, self.plan, self.generated, self.folder = benchmark, tuple(plan), generated, folder
        self.device, self.processes, self.batch_size = device, processes, batch_size
        self.real, self._train = real, train
        self.accounting = Accounting(plan, processes.main and shard is None, device)
        self._embedder = Embedder(plan, device, self.accounting, processes.count, shard.store if shard else None)
        self._comparison = Comparison(benchmark, real, self._embedder, self.accounting)
        self._portions, self._portions_beside = Portions("comparing pairs"), Portions("comparing pairs")
        self._ahead = batches_ahead(device)
        self._threads = image_threads(on_this_machine(processes.count))
        if self._ahead:  # sources and targets of all batches that wait, or are in a stage
            real.keep(2 * batch_size * (2 * self._ahead + 4))
        self._finished = folder.finished()
        generated.set_known(self._finished.images)
        self._read: dict[str, set[str]] = {}  # feature id -> digests of the images whose vectors the scores have read
        self._check_batch_size()

    def gather(self, progress: bool) -> None:
        """Generate, embed and compare everything that is not finished.

        Args:
            progress: show progress bars.

        Raises:
            UserError: if a model fails or nothing can be written; finished work is kept.
        """
        mine = slice(self.processes.rank, None, self.processes.count)
        batches = list(enumerate(target_batches(self.benchmark.pairs, self.batch_size)))[self._part]
        try:
            with worker_threads(self._threads):
                self._gather(batches, mine, progress)
        finally:
            self._embedder.close()

    def _gather(self, batches: Sequence[tuple[int, tuple[Pair, ...]]], mine: slice, progress: bool) -> None:
        # First, because a generated image may equal a real one; vectors that follow from compared maps come later.
        self._embed_all("real images", self.real, mine, progress, self._embedder.shared(self._whole()))
        count = sum(len(batch) for _, batch in batches)
        with progress_bar(f"pairs of {self.generated.card.name}", count, progress) as done:
            flow(
                batches[mine],
                (self._begin, self._measure, self._compare_beside, self._finish),
                here=1,
                waiting=self._ahead,
                done=lambda pairs: done(pairs * self.processes.count),
            )
        self.processes.wait()  # by now the targets' maps have been compared
        if self._embedder.shared(self._whole()) and self._part == slice(None):
            self._embed_all("other real images", self.real, mine, progress)
        self._embed_all("training images", self._train, mine, progress)
        self._embedder.finish(progress)
        self._save(Batch())

    def _whole(self, train: bool = False) -> list[Step]:
        """The protocols with the features of which they need vectors of the benchmark's own images."""
        return of_real_images(self.accounting.steps(train), self.benchmark)

    def _embed_all(
        self, what: str, images: RealImages, mine: slice, progress: bool, without: frozenset[str] = frozenset()
    ) -> None:
        """Embed the benchmark's own images with the networks of the protocols that need them."""
        train, names = images is self._train, list(images.digests)
        steps = self._whole(train)
        if not names or not self._embedder.embeds(steps):
            return
        chunks = self._chunks(names)[self._part][mine]

        def decode(chunk: Sequence[str]) -> tuple[list[str], Callable[[], NDArray[np.uint8]]]:
            digests = [images.digests[name] for name in chunk]
            stack = functools.partial(images.stack, chunk)
            if self._ahead and self._embedder.lacks(digests, steps, without):
                decoded = stack()
                return digests, lambda: decoded
            return digests, stack

        def embed(chunk: tuple[list[str], Callable[[], NDArray[np.uint8]]]) -> tuple[int, list[Unsaved]]:
            digests, stack = chunk
            with self._embedder.saved_later() as vectors:
                self._embedder.embed(stack, digests, steps, without)
            return len(digests), vectors

        def save(chunk: tuple[int, list[Unsaved]]) -> int:
            count, vectors = chunk
            self._embedder.save(vectors)
            return count

        with progress_bar(what, sum(map(len, chunks)), progress) as done:
            flow(chunks, (decode, embed, save), here=1, waiting=self._ahead, done=done)

    def _chunks(self, names: Sequence[str]) -> list[Sequence[str]]:
        return [names[i : i + self.batch_size] for i in range(0, len(names), self.batch_size)]

    def adopt(self, stores: Sequence[Path]) -> None:
        """Move the vectors that shards have computed into the cache, for an image that several of them computed the one
        that a single process would have computed; before `gather`.

        Args:
            stores: the store of each shard, in their order.

        Raises:
            UserError: if they cannot be moved.
        """
        shared = self._embedder.shared(self._whole())

        def take(digest: str, number: int, steps: list[Step], only: Callable[[str], bool] = lambda _: True) -> None:
            self._embedder.adopt(digest, steps, stores[number % len(stores)], only)

        # In the order in which `gather` computes them.
        for number, names in enumerate(self._chunks(list(self.real.digests))):
            for name in names:
                take(self.real.digests[name], number, self._whole(), lambda feature: feature not in shared)
        for number, batch in enumerate(target_batches(self.benchmark.pairs, self.batch_size)):
            for view, steps in by_view(self.accounting.steps()).items():
                for pair in batch:
                    if pair.id in self._finished.images:
                        take(self._comparison.digest(view, self._finished.images[pair.id], pair.target), number, steps)
                for target in {pair.target for pair in batch}:
                    shown = self._comparison.digest(view, self.real.digests[target], target)
                    take(shown, number, steps, lambda feature: feature in shared)
        for number, names in enumerate(self._chunks(list(self._train.digests))):
            for name in names:
                take(self._train.digests[name], number, self._whole(train=True))

    def _begin(self, entry: tuple[int, tuple[Pair, ...]]) -> Begun:
        """First stage of a batch: decode its images. All stages do only what is not finished."""
        number, pairs = entry
        start = time.perf_counter()
        begun = self.generated.begin(number, pairs)
        if self._ahead:
            self.real.stack([pair.target for pair in pairs])  # so that they are decoded when they are compared
        seconds = time.perf_counter() - start
        read = 0 if begun.images is None else len(pairs)
        self.accounting.book(READ if read or self._ahead else GENERATE, Work(seconds, read))
        return begun

    def _measure(self, begun: Begun) -> Measured:
        """Second stage, which alone uses the GPU: generate, compare with networks, embed."""
        batch, fresh = tuple(begun.pairs), begun.images is None
        if fresh:
            with self.accounting.timed(GENERATE, len(batch), device=self.accounting.device):
                images = self.generated.make(begun)
        else:
            images = self.generated.make(begun)
        found = dict(zip((pair.id for pair in batch), map_threads(pixels_sha256, images), strict=True))
        todo = [
            step
            for step in self.accounting.steps()
            if _compares(step.protocol) and not self._finished.has(step.fingerprint, found)
        ]
        measured = Measured(batch, images, found, fresh, self.generated.output_range, self.generated.draws)
        with self._embedder.saved_later() as vectors:
            for view, steps in by_view(self.accounting.steps()).items():
                seen = self._comparison.see(view, batch, images, list(found.values()))
                comparing = [step for step in steps if step in todo]
                later = [step for step in comparing if self._ahead and step.protocol.beside_gpu]
                measured.to_compare += [(later, seen)] if later else []
                if now := [step for step in comparing if step not in later]:
                    measured.values |= self._comparison.compare(now, seen, self._portions)
                self._embedder.embed(seen.images, seen.digests, steps)
        measured.vectors = vectors
        return measured

    def _compare_beside(self, measured: Measured) -> Measured:
        """Third stage: the protocols that compare beside the GPU; there are none on a CPU."""
        for steps, seen in measured.to_compare:
            measured.values |= self._comparison.compare(steps, seen, self._portions_beside)
        return measured

    def _finish(self, measured: Measured) -> int:
        """Last stage: write the images and vectors, then the line that says so; returns the number of pairs."""
        count, digests = len(measured.pairs), measured.digests
        if measured.fresh:
            with self.accounting.timed(WRITE, count):
                self.generated.keep(measured.pairs, measured.images, list(digests.values()))
        self._embedder.save(measured.vectors)
        if measured.values or any(self._finished.images.get(pair) != digest for pair, digest in digests.items()):
            made_in = self.batch_size if measured.fresh else None
            draws = measured.fresh and measured.draws
            self._save(Batch(digests, measured.values, {}, measured.output_range, made_in, draws))
        return count

    def _check_batch_size(self) -> None:
        """Refuse to mix images that depend on the batch size with those of another one.

        A model may have random numbers of its own, which are seen only in its images: one finished batch is made again.
        """
        pairs, used = self.benchmark.pairs, self._finished.batch_size
        if used in (None, self.batch_size) or all(map(self.generated.has, pairs)):
            return
        problem = "draws random numbers" if self._finished.draws else ""
        if not problem and (batch := self._moved_batch(used)) and not self.generated.repeats(*batch):
            problem = f"paints other images with --batch-size {self.batch_size}"
        if problem:
            raise UserError(
                f"{self.generated.card.name} {problem}, and {self.folder.path} holds images that it generated with "
                f"--batch-size {used}, on which they depend: give the same, --overwrite, or --out with another folder."
            )

    def _moved_batch(self, used: int) -> tuple[int, tuple[Pair, ...]] | None:
        """The batch that would be reused of which most pairs had another place in a batch of another size, if any is.

        At the same place, a generator that is seeded for each batch gives the same numbers.
        """
        places = {pair.id: i for batch in target_batches(self.benchmark.pairs, used) for i, pair in enumerate(batch)}
        batches = enumerate(target_batches(self.benchmark.pairs, self.batch_size))
        kept = [(number, batch) for number, batch in batches if all(map(self.generated.has, batch))]
        return max(kept, key=lambda one: sum(places[pair.id] != i for i, pair in enumerate(one[1])), default=None)

    def evidence(self, step: Step) -> Evidence:
        """The evidence for one protocol; after `collect`."""
        ids = [pair.id for pair in self.benchmark.pairs]
        images = {pair: self._finished.images[pair] for pair in ids}
        if _compares(step.protocol) and not self._finished.has(step.fingerprint, images):
            raise RuntimeError("it failed in another process: see the messages above")
        compared = self._finished.gather(step.fingerprint, ids) if _compares(step.protocol) else {}

        def vectors(feature: str, role: str) -> NDArray[np.float32]:
            supplied = step.supplied.get(feature)
            if supplied:
                return supplied.vectors(self.benchmark.pairs, role)
            return self._vectors(feature, role, step.protocol.view)

        return Evidence(self.benchmark, compared, vectors, step.supplied, self.device)

    @property
    def image_digests(self) -> dict[str, str]:
        """Pair id -> digest of the generated image's pixels; after `collect`."""
        return {pair.id: self._finished.images[pair.id] for pair in self.benchmark.pairs}

    @property
    def output_range(self) -> tuple[float, float] | None:
        """Smallest and largest value of a model's batches that do not fit [-1, 1]; after `collect`."""
        return self._finished.output_range

    @property
    def drawn_batch_size(self) -> int | None:
        """Pairs per batch, if the model has drawn random numbers; after `collect`."""
        return self._finished.batch_size if self._finished.draws else None

    def collect(self) -> dict[str, Work]:
        """Read the finished work of all processes and return the cost of each stage."""
        self._finished = self.folder.finished()
        self.generated.set_known(self._finished.images)
        return self._finished.stages

    def book_read(self, stages: dict[str, Work]) -> None:
        """Count images whose vectors the scores have read under the device that computed them, in this run or before.

        Args:
            stages: from `collect`; changed in place.
        """
        for feature, digests in self._read.items():
            device, work = self._embedder.device(feature), stages.setdefault(feature, Work())
            work.devices[device] = max(len(digests), work.devices.get(device, 0))

    def _vectors(self, feature: str, role: str, view: View | None) -> NDArray[np.float32]:
        """(n, ...) vectors of a feature for one image of each pair, or for each training image."""
        if role == "generated":
            pairs = self.benchmark.pairs
            digests = [self._comparison.digest(view, self._finished.images[pair.id], pair.target) for pair in pairs]
        elif view is not None:
            raise ValueError(f"a protocol with a view has vectors of generated images only, not of role {role!r}")
        elif role == "train":
            digests = list(self._train.digests.values())
        else:
            names = [pair.source if role == "source" else pair.target for pair in self.benchmark.pairs]
            digests = [self.real.digests[name] for name in names]
        self._read.setdefault(feature, set()).update(digests)
        known = {digest: self._embedder.vector(feature, digest) for digest in set(digests)}
        if any(value is None for value in known.values()):
            raise RuntimeError(f"the cache of {feature} lost an entry: run the same command again")
        return np.stack([known[digest] for digest in digests])  # type: ignore[misc]

    def _save(self, batch: Batch) -> None:
        batch.stages = self.accounting.close()
        if batch.images or batch.stages:
            self.folder.append(self.processes.rank, batch)


def _compares(protocol: Protocol) -> bool:
    """Whether a protocol measures pairs while their images are in memory."""
    return type(protocol).compare is not Protocol.compare
