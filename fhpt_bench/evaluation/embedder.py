"""The networks of a run: each is loaded once, each image is embedded once, and the vectors are cached by content."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench import weights
from fhpt_bench.devices import device_name
from fhpt_bench.evaluation.accounting import Accounting
from fhpt_bench.evaluation.feature_cache import FeatureCache
from fhpt_bench.evaluation.finished import Work
from fhpt_bench.evaluation.memory import Portions
from fhpt_bench.evaluation.plan import Step
from fhpt_bench.evaluation.worker_pool import WorkerPool
from fhpt_bench.feature import Feature, MapFeature, MapSummary, VectorFeature
from fhpt_bench.processes import on_this_machine
from fhpt_bench.progress import progress_bar
from fhpt_bench.threads import map_threads

if TYPE_CHECKING:
    from torch import Tensor

F = TypeVar("F", bound=Feature)
_MEMORY = 1 << 28  # bytes of vectors that stay in memory, so that protocols which share them read each file once
Unsaved = tuple[str, dict[str, NDArray[np.float32]]]  # feature id, image digest -> vector


class Embedder:
    """The features that a plan's protocols use.

    Args:
        plan: the protocols.
        device: "cpu" or "cuda".
        accounting: records cost and failures.
        processes: the number of processes that share this run.
        store: a folder that takes new values (`FeatureCache`); default: the cache.
    """

    def __init__(
        self, plan: Sequence[Step], device: str, accounting: Accounting, processes: int, store: Path | None = None
    ) -> None:
        self._plan, self._device, self._accounting = tuple(plan), device, accounting
        self._store = store
        self._features: dict[str, Feature] = {}
        self._caches: dict[str, FeatureCache] = {}
        self._portions: dict[str, Portions] = {}
        self._pool = WorkerPool(on_this_machine(processes), device, store)
        self._vectors: dict[tuple[str, str], NDArray[np.float32]] = {}  # (feature id, image digest) -> vector
        self._free, self._lock = _MEMORY, threading.Lock()
        self._later: list[Unsaved] | None = None
        # (feature id, image digest) that a worker has received, or whose vector is to be saved later.
        self._begun: set[tuple[str, str]] = set()

    def embeds(self, steps: Sequence[Step]) -> bool:
        """Whether some protocols use a feature that gives vectors."""
        return bool(_plugins(VectorFeature, steps))

    def wanted(self, kind: type[F], steps: Sequence[Step]) -> dict[str, F]:
        """The loaded features of one kind that some protocols use, without those that fail to load.

        Args:
            kind: `MapFeature` or `VectorFeature`.
            steps: the protocols.
        """
        found: dict[str, F] = {}
        for name in _plugins(kind, steps):
            feature = self._load(name, steps)
            if isinstance(feature, kind):
                found[name] = feature
        return found

    def shared(self, steps: Sequence[Step]) -> frozenset[str]:
        """The features whose vectors are computed from maps that some protocols compare anyway.

        Args:
            steps: the protocols.
        """
        compared = {plugin.spec.id for plugin in _plugins(MapFeature, steps).values()}
        made = _plugins(MapSummary, steps).items()
        return frozenset(name for name, plugin in made if plugin.maps.spec.id in compared)

    def lacks(self, digests: list[str], steps: Sequence[Step], without: frozenset[str]) -> bool:
        """Whether `embed` will need the images; another thread may ask.

        Args:
            digests: digests of N images.
            steps: the protocols that need their vectors.
            without: features that are computed later.
        """
        names = [name for name in _plugins(VectorFeature, steps) if name not in without]
        return any(self._new(name, digests).any() for name in names)

    def embed(
        self,
        images: Callable[[], NDArray[np.uint8]],
        digests: list[str],
        steps: Sequence[Step],
        without: frozenset[str] = frozenset(),
    ) -> None:
        """Compute and cache the vectors of a batch of images.

        A batch goes through a network as a whole or not at all, so that a resumed run equals an uninterrupted one.

        Args:
            images: returns (N, H, W, 3) uint8; called only if a vector of one of them is missing.
            digests: digests of the N images; those that occur several times are computed once.
            steps: the protocols that need the vectors.
            without: features that are computed later.
        """
        places = [place for place, digest in enumerate(digests) if digest not in digests[:place]]
        if len(places) < len(digests):
            images, digests = functools.partial(_part, images, places), [digests[place] for place in places]
        for name, plugin in _plugins(VectorFeature, steps).items():
            if name in without or not self._new(name, digests).any():
                continue
            if plugin.in_workers and self._pool.count:
                with self._accounting.guarded(*_users(name, steps)):
                    self._pool.submit(plugin, self._identity(name), images(), digests)
                self._begun.update((name, digest) for digest in digests)
                self._collect(last=False)
                continue
            feature = self._load(name, steps)
            with (
                self._accounting.guarded(*_users(name, steps), images=1),
                self._accounting.timed(name, len(digests), len(digests), self._accounting.device),
            ):
                if isinstance(feature, VectorFeature):
                    self._keep(name, self._extract(name, feature, images()), digests)

    def summarise(self, maps: str, values: Callable[[], tuple[Tensor, ...]], digests: list[str]) -> None:
        """Cache the vectors that follow from maps which were computed for a comparison.

        Args:
            maps: the id of the feature of the maps.
            values: returns maps of N images; called only if a vector of one of them is missing.
            digests: digests of the N images.
        """
        for name, plugin in _plugins(VectorFeature, self._accounting.steps()).items():
            if issubclass(plugin, MapSummary) and plugin.maps.spec.id == maps and self._new(name, digests).any():
                with self._accounting.guarded(*_users(name, self._plan)):
                    self._keep(name, plugin.summary(values()), digests)

    def finish(self, progress: bool) -> None:
        """Wait for the worker processes.

        Args:
            progress: show a bar.
        """
        with progress_bar(
            "faces, keypoints and the like", self._pool.waiting, progress and self._pool.waiting > 0
        ) as done:
            self._collect(last=True, done=done)

    def close(self) -> None:
        """End the worker processes; unfinished work is dropped."""
        self._pool.close()

    def adopt(self, digest: str, steps: Sequence[Step], store: Path, only: Callable[[str], bool]) -> None:
        """Move the vectors of an image from the store of another object into the cache.

        Args:
            digest: digest of the image.
            steps: the protocols that need the vectors.
            store: the store.
            only: whether a feature is meant, by its id.
        """
        for name in _plugins(VectorFeature, steps):
            if only(name):
                self._cache(name).adopt(digest, store)

    def device(self, name: str) -> str:
        """The name of the device that has computed a feature's vectors, also those of the cache.

        Args:
            name: id of the feature.
        """
        return device_name("cpu") if self._in_workers(name) else self._accounting.device

    def vector(self, name: str, digest: str) -> NDArray[np.float32] | None:
        """A feature's vector of an image; None if it is not cached. Several threads may ask."""
        if (name, digest) in self._vectors:
            return self._vectors[name, digest]
        found = self._cache(name).get(digest)
        with self._lock:
            if found is not None and (name, digest) not in self._vectors and found.nbytes <= self._free:
                self._free -= found.nbytes
                self._vectors[name, digest] = found
        return found

    def _collect(self, last: bool, done: Callable[[int], None] = lambda _: None) -> None:
        while (batch := self._pool.oldest(last)) is not None:
            name, images, future = batch
            with self._accounting.guarded(*_users(name, self._plan)):
                self._accounting.book(name, Work(future.result(), images, images, {device_name("cpu"): images}))
            done(images)

    def _load(self, name: str, steps: Sequence[Step]) -> Feature | None:
        if name not in self._features:
            plugin = next(step.features[name] for step in self._plan if name in step.features)
            with self._accounting.guarded(*_users(name, steps)), self._accounting.timed(f"load {name}"):
                self._features[name] = plugin(self._device)
        return self._features.get(name)

    def _extract(self, name: str, feature: VectorFeature, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """All together, or in parts if the memory is too small."""
        portions = self._portions.setdefault(name, Portions(name))
        return np.concatenate(portions(lambda part: feature.extract(images[part]), len(images)))

    def _new(self, name: str, digests: list[str]) -> NDArray[np.bool_]:
        new = [(name, digest) not in self._begun and self.vector(name, digest) is None for digest in digests]
        return np.array(new, bool)

    @contextmanager
    def saved_later(self) -> Iterator[list[Unsaved]]:
        """Collect the vectors that are computed inside, for `save`."""
        self._later = []
        try:
            yield self._later
        finally:
            self._later = None

    def save(self, vectors: Sequence[Unsaved]) -> None:
        """Write collected vectors into the cache; another thread may call this.

        Args:
            vectors: from `saved_later`.
        """
        for name, rows in vectors:
            with self._accounting.guarded(*_users(name, self._plan)):
                self._put(name, rows)

    def _keep(self, name: str, vectors: NDArray[np.float32], digests: list[str]) -> None:
        rows = {digests[i]: vectors[i] for i in np.flatnonzero(self._new(name, digests))}
        if self._later is None:
            self._put(name, rows)
        else:
            self._later.append((name, rows))
            self._begun.update((name, digest) for digest in rows)

    def _put(self, name: str, rows: dict[str, NDArray[np.float32]]) -> None:
        cache = self._cache(name)
        map_threads(lambda row: cache.put(*row), rows.items())

    def _identity(self, name: str) -> dict[str, object]:
        plugin = next(step.features[name] for step in self._plan if name in step.features)
        return plugin.identity({weight: weights.fetch(weight) for weight in plugin.spec.weights})

    def _cache(self, name: str) -> FeatureCache:
        if name not in self._caches:
            device = "cpu" if self._in_workers(name) else self._device
            self._caches[name] = FeatureCache(self._identity(name), device=device, store=self._store)
        return self._caches[name]

    def _in_workers(self, name: str) -> bool:
        plugin = next(step.features[name] for step in self._plan if name in step.features)
        return issubclass(plugin, VectorFeature) and plugin.in_workers


def _plugins(kind: type[F], steps: Sequence[Step]) -> dict[str, type[F]]:
    """Id -> class of the features of one kind that some protocols use."""
    return {n: plugin for step in steps for n, plugin in step.features.items() if issubclass(plugin, kind)}


def _users(feature: str, steps: Sequence[Step]) -> list[Step]:
    return [step for step in steps if feature in step.features]


def _part(images: Callable[[], NDArray[np.uint8]], places: list[int]) -> NDArray[np.uint8]:
    return images()[places]
