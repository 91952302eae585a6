"""Worker processes for features that compute on one CPU core, while the main process continues."""

from __future__ import annotations

import functools
import os
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.devices import memory_size
from fhpt_bench.evaluation.feature_cache import FeatureCache
from fhpt_bench.plugin_code import is_plugin_file
from fhpt_bench.processes import end_with

if TYPE_CHECKING:
    from loky import Future, ProcessPoolExecutor

    from fhpt_bench.feature import VectorFeature

_MOST = 8  # processes: each holds its networks in memory
_MEMORY = 2**30  # bytes that one may need
_PART = 8  # images that a worker is given at once beside a GPU: with fewer batches than cores, some would be idle
_WAITING = 4  # batches per process at most, which bounds the memory


def worker_count(share: int, device: str = "cpu") -> int:
    """How many worker processes a pool starts: one per core, without those of the main processes.

    In a run on a GPU they take longest: all cores are used, if half of the memory is enough for them, and there is at
    least one. On a CPU there are at most 8, and none if each core has a main process: four processes on two cores
    need a tenth more CPU time than two, and seconds to start.

    Args:
        share: the number of main processes of this run on this machine.
        device: where the networks of the main processes compute, "cpu" or "cuda".
    """
    from loky import cpu_count

    idle = int(cpu_count()) // share - 1
    if device == "cpu":
        return max(0, min(_MOST, idle))
    return max(1, min(max(_MOST, memory_size() // 2 // share // _MEMORY), idle))


class WorkerPool:
    """A few worker processes that fill the feature cache.

    Args:
        share: the number of main processes of this run on this machine.
        device: where the networks of the main processes compute, "cpu" or "cuda".
        store: a folder that takes the values (`FeatureCache`).

    Attributes:
        count: the number of processes for which there are cores. With 0 the caller should compute by itself; what it
            submits all the same takes one process.
    """

    def __init__(self, share: int, device: str = "cpu", store: Path | None = None) -> None:
        self._device, self._store = device, store
        self.count = worker_count(share, device)
        self._pool: ProcessPoolExecutor | None = None
        self._waiting: deque[tuple[str, int, Future[float]]] = deque()

    @property
    def waiting(self) -> int:
        """The number of images that are not finished."""
        return sum(images for _, images, _ in self._waiting)

    def submit(
        self, plugin: type[VectorFeature], identity: dict[str, Any], images: NDArray[np.uint8], digests: list[str]
    ) -> None:
        """Compute and cache the vectors of some images in a worker.

        Args:
            plugin: the feature.
            identity: the feature's identity, for the cache.
            images: (N, H, W, 3) uint8.
            digests: digests of the N images.
        """
        if self._pool is None:
            # Not the standard library's pool: it would run the user's script again in each worker.
            from loky import ProcessPoolExecutor

            self._pool = ProcessPoolExecutor(max(1, self.count), initializer=_begin, initargs=(os.getpid(),))
        size = len(digests) if self._device == "cpu" else _PART
        for start in range(0, len(digests), size):
            part = slice(start, start + size)
            future = self._pool.submit(_extract, _portable(plugin), identity, images[part], digests[part], self._store)
            self._waiting.append((plugin.spec.id, len(digests[part]), future))

    def oldest(self, last: bool) -> tuple[str, int, Future[float]] | None:
        """The oldest batch to wait for: feature id, number of images, seconds; None if there is none.

        Args:
            last: wait for all batches, not only for those above the limit of waiting ones.
        """
        if len(self._waiting) > (0 if last else _WAITING * max(1, self.count)):
            return self._waiting.popleft()
        return None

    def close(self) -> None:
        """End the processes; batches that have not begun are dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, kill_workers=bool(self._waiting))
            self._pool = None
        self._waiting.clear()


def _begin(main: int) -> None:
    """Prepare a worker: end together with the main process, and never because of loaded networks.

    loky would take the memory after the first batch as the normal size, and a second network as a memory leak.
    """
    import loky.process_executor

    loky.process_executor._MAX_MEMORY_LEAK_SIZE = float("inf")
    end_with(main)


def _portable(plugin: type[VectorFeature]) -> type[VectorFeature] | str:
    """The class, or `path/to/file.py:Class` for one of a file, whose module another process cannot import by name."""
    file = sys.modules[plugin.__module__].__file__
    return f"{file}:{plugin.__qualname__}" if is_plugin_file(plugin.__module__) else plugin


@functools.cache
def _load(plugin: type[VectorFeature] | str) -> VectorFeature:
    from fhpt_bench.feature import VectorFeature, features

    kind = features.load(plugin) if isinstance(plugin, str) else plugin
    feature = kind("cpu")
    if not isinstance(feature, VectorFeature):
        raise TypeError(f"{plugin} gives no vectors")
    return feature


def _extract(
    plugin: type[VectorFeature] | str,
    identity: dict[str, Any],
    images: NDArray[np.uint8],
    digests: list[str],
    store: Path | None,
) -> float:
    """In a worker: fill the cache and return the seconds that this took."""
    start = time.perf_counter()
    cache = FeatureCache(identity, store=store)
    for digest, vector in zip(digests, _load(plugin).extract(images), strict=True):
        cache.put(digest, vector)
    return time.perf_counter() - start
