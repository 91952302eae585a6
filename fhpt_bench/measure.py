"""The pass itself: every image generated once, embedded once, compared once, and saved as it comes."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench import weights
from fhpt_bench.benchmark import Benchmark, Pair
from fhpt_bench.cache import FeatureCache
from fhpt_bench.data.images import pixels_sha256
from fhpt_bench.errors import UserError
from fhpt_bench.feature import Feature, MapFeature, VectorFeature
from fhpt_bench.plan import Step
from fhpt_bench.processes import Processes
from fhpt_bench.progress import progress_bar
from fhpt_bench.protocol import Evidence, ImagePairs, Protocol
from fhpt_bench.run_folder import Batch, PairResult, RunFolder, Work
from fhpt_bench.sources import ImageSource, RealImages

if TYPE_CHECKING:
    from torch import Tensor

F = TypeVar("F", bound=Feature)
log = logging.getLogger(__name__)


def target_batches(pairs: Sequence[Pair], size: int) -> list[tuple[Pair, ...]]:
    """Deal pairs into batches that keep a target's pairs together, so that a target is looked at once.

    Args:
        pairs: sorted by target.
        size: pairs a batch at the most; only a target with more pairs than that is spread over several.

    Examples:
        >>> pairs = [Pair(s, t, "ann") for t in "abc" for s in "xy"]
        >>> [len(batch) for batch in target_batches(pairs, 5)]
        [4, 2]
    """
    batches: list[list[Pair]] = [[]]
    for _, group in groupby(pairs, key=lambda pair: pair.target):
        together = list(group)
        if len(batches[-1]) + len(together) > size and batches[-1]:
            batches.append([])
        for pair in together:
            if len(batches[-1]) == size:
                batches.append([])
            batches[-1].append(pair)
    return [tuple(batch) for batch in batches if batch]


class Measurement:
    """The evidence for a plan's scores.

    Args:
        setting: the benchmark.
        plan: the protocols; those to be skipped take no part.
        source: of the judged images.
        real: the benchmark's images.
        train: its training images, none where no protocol needs them.
        folder: where finished work is kept.
        device: "cpu" or "cuda".
        processes: who shares the work.
        batch_size: pairs at a time.
    """

    def __init__(
        self,
        setting: Benchmark,
        plan: Sequence[Step],
        source: ImageSource,
        real: RealImages,
        train: RealImages,
        folder: RunFolder,
        device: str,
        processes: Processes,
        batch_size: int,
    ) -> None:
        self.setting, self.plan, self.source, self.folder = setting, tuple(plan), source, folder
        self.device, self.processes, self.batch_size = device, processes, batch_size
        self.failed: dict[str, str] = {}  # protocol key -> reason
        self.real, self._train = real, train
        self._features: dict[str, Feature] = {}
        self._caches: dict[str, FeatureCache] = {}
        self._stages: dict[str, Work] = {}
        self._finished = folder.finished()

    def gather(self, progress: bool) -> None:
        """Generate, embed and compare all that is not finished yet.

        Args:
            progress: show bars.

        Raises:
            UserError: where a model fails or nothing can be written; what was finished is kept.
        """
        mine = slice(self.processes.rank, None, self.processes.count)
        self._embed_all("real images", self.real, mine, progress)
        self._embed_all("training images", self._train, mine, progress)
        batches = list(enumerate(target_batches(self.setting.pairs, self.batch_size)))
        with progress_bar(f"pairs of {self.source.card.name}", len(self.setting.pairs), progress) as done:
            for number, batch in batches[mine]:
                self._measure(number, batch)
                done(len(batch) * self.processes.count)

    def _embed_all(self, what: str, images: RealImages, mine: slice, progress: bool) -> None:
        """Embed images of the benchmark's own, through the networks whose protocols look at them."""
        train, names = images is self._train, list(images.digests)
        if not names or not self._wanted(VectorFeature, self._steps(train)):
            return
        chunks = [names[i : i + self.batch_size] for i in range(0, len(names), self.batch_size)]
        with progress_bar(what, len(names), progress) as done:
            for chunk in chunks[mine]:
                self._embed(functools.partial(images.stack, chunk), [images.digests[n] for n in chunk], train)
                done(len(chunk))
        if self._stages:
            self._save(Batch())

    def _measure(self, number: int, batch: tuple[Pair, ...]) -> None:
        """Bring one batch of pairs to an end, doing only what is not finished."""
        fresh = not all(self.source.has(pair) for pair in batch)
        with self._timed("generate" if fresh else "read images", len(batch)):
            images = self.source.images(number, batch)
        digests = {pair.id: pixels_sha256(image) for pair, image in zip(batch, images, strict=True)}
        self._embed(lambda: images, list(digests.values()))
        todo = [
            step
            for step in self._steps()
            if _compares(step.protocol) and not self._finished.has(step.fingerprint, digests)
        ]
        values = self._compare(todo, batch, images) if todo else {}
        if values or any(self._finished.images.get(pair) != digest for pair, digest in digests.items()):
            self._save(Batch(digests, values))

    def _compare(
        self, todo: list[Step], batch: tuple[Pair, ...], images: NDArray[np.uint8]
    ) -> dict[str, dict[str, PairResult]]:
        unique = sorted({pair.target for pair in batch})
        position = [unique.index(pair.target) for pair in batch]
        targets = self.real.stack(unique)
        generated_maps: dict[str, tuple[Tensor, ...]] = {}
        target_maps: dict[str, tuple[Tensor, ...]] = {}
        for name, feature in self._wanted(MapFeature, todo).items():
            with self._guarded(*_users(name, todo)), self._timed(name, len(images) + len(unique), forwards=True):
                generated_maps[name] = feature.extract(images)
                target_maps[name] = tuple(maps[position] for maps in feature.extract(targets))
        values: dict[str, dict[str, PairResult]] = {}
        pairs = ImagePairs(images, targets[position], generated_maps, target_maps)
        for step in todo:
            if step.protocol.card.key in self.failed:  # its network has just broken
                continue
            with self._guarded(step), self._timed(step.protocol.card.key, len(batch)):
                measured = step.protocol.compare(pairs)
                rows = {
                    metric: list(zip(v.value.tolist(), v.weight.tolist(), v.skipped, strict=True))
                    for metric, v in measured.items()
                }
                values[step.fingerprint] = {
                    pair.id: {metric: row[i] for metric, row in rows.items()} for i, pair in enumerate(batch)
                }
        return values

    def _embed(self, images: Callable[[], NDArray[np.uint8]], digests: list[str], train: bool = False) -> None:
        """Embed a batch whole or not at all, so that a resumed run equals an uninterrupted one bit for bit."""
        steps = self._steps(train)
        for name, feature in self._wanted(VectorFeature, steps).items():
            cache = self._cache(name)
            new = [cache.get(digest) is None for digest in digests]
            if not any(new):
                continue
            with self._guarded(*_users(name, steps)), self._timed(name, len(digests), forwards=True):
                vectors = feature.extract(images())
                for i in np.flatnonzero(new):
                    cache.put(digests[i], vectors[i])

    def evidence(self, step: Step) -> Evidence:
        """What was gathered for one protocol; after `collect`."""
        ids = [pair.id for pair in self.setting.pairs]
        images = {pair: self._finished.images[pair] for pair in ids}
        if _compares(step.protocol) and not self._finished.has(step.fingerprint, images):
            raise RuntimeError("it broke in another process, which has said why")
        compared = self._finished.gather(step.fingerprint, ids) if _compares(step.protocol) else {}

        def vectors(feature: str, role: str) -> NDArray[np.float32]:
            given = step.given.get(feature)
            return given.vectors(self.setting.pairs, role) if given else self._vectors(feature, role)

        return Evidence(self.setting, compared, vectors, step.given)

    def collect(self) -> dict[str, Work]:
        """Read what all processes have finished; returns the cost of each stage."""
        self._finished = self.folder.finished()
        return self._finished.stages

    def _vectors(self, feature: str, role: str) -> NDArray[np.float32]:
        """(n, ...) values of a feature on one image of each pair, or on each training image."""
        if role == "generated":
            digests = [self._finished.images[pair.id] for pair in self.setting.pairs]
        elif role == "train":
            digests = list(self._train.digests.values())
        else:
            names = [pair.source if role == "source" else pair.target for pair in self.setting.pairs]
            digests = [self.real.digests[name] for name in names]
        known = {digest: self._cache(feature).get(digest) for digest in set(digests)}
        if any(value is None for value in known.values()):
            raise RuntimeError(f"the cache of {feature} lost an entry: give the same command again")
        return np.stack([known[digest] for digest in digests])  # type: ignore[misc]

    def _steps(self, train: bool = False) -> list[Step]:
        """What is to be run and has not broken; only what compares with training images, if so asked."""
        steps = [step for step in self.plan if not step.skip and step.protocol.card.key not in self.failed]
        return [step for step in steps if step.protocol.training_images] if train else steps

    def _wanted(self, kind: type[F], steps: Sequence[Step]) -> dict[str, F]:
        """The networks of one kind that some protocols look through, each loaded once a run."""
        found: dict[str, F] = {}
        for name, plugin in {n: f for step in steps for n, f in step.features.items()}.items():
            if not issubclass(plugin, kind):
                continue
            if name not in self._features:
                with self._guarded(*_users(name, steps)), self._timed(f"load {name}", 0):
                    self._features[name] = plugin(self.device)
            feature = self._features.get(name)
            if isinstance(feature, kind):
                found[name] = feature
        return found

    def _cache(self, name: str) -> FeatureCache:
        if name not in self._caches:
            plugin = next(step.features[name] for step in self.plan if name in step.features)
            known = {weight: weights.fetch(weight) for weight in plugin.spec.weights}
            self._caches[name] = FeatureCache(plugin.spec.identity(known))
        return self._caches[name]

    @contextmanager
    def _guarded(self, *steps: Step) -> Iterator[None]:
        """One failing protocol is recorded as failed, and the others go on."""
        try:
            yield
        except UserError:  # a full disk is nobody's failing: the run stops with its sentence
            raise
        except Exception as error:  # whatever a plugin raises
            for step in steps:
                self.failed[step.protocol.card.key] = f"{type(error).__name__}: {error}"
                if not self.processes.main:  # the record is the main process's, which cannot know the reason
                    log.error("%s failed: %s", step.protocol.card.key, self.failed[step.protocol.card.key])

    @contextmanager
    def _timed(self, stage: str, images: int, forwards: bool = False) -> Iterator[None]:
        start = time.perf_counter()
        yield
        cost = Work(time.perf_counter() - start, images, images if forwards else 0)
        self._stages.setdefault(stage, Work()).add(cost)

    def _save(self, batch: Batch) -> None:
        batch.stages, self._stages = self._stages, {}
        self.folder.append(self.processes.rank, batch)


def _compares(protocol: Protocol) -> bool:
    """Whether a protocol measures pairs while their images are at hand."""
    return type(protocol).compare is not Protocol.compare


def _users(feature: str, steps: Sequence[Step]) -> list[Step]:
    return [step for step in steps if feature in step.features]
