"""Features that compute on one processor core, looked through beside the main process while that one goes on."""

from __future__ import annotations

import functools
import os
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.evaluation.feature_cache import FeatureCache
from fhpt_bench.processes import end_with

if TYPE_CHECKING:
    from loky import Future, ProcessPoolExecutor

    from fhpt_bench.feature import VectorFeature

_MOST = 8  # processes: each holds its networks in memory
_WAITING = 4  # batches a process at the most, so that images do not pile up


class WorkerPool:
    """A few processes that fill the feature cache.

    Args:
        share: how many processes of this machine share it (1 if there is only the main one).
    """

    def __init__(self, share: int) -> None:
        self._share = share
        self._count = 1
        self._pool: ProcessPoolExecutor | None = None
        self._waiting: deque[tuple[str, int, Future[float]]] = deque()

    @property
    def waiting(self) -> int:
        """How many images are not done yet."""
        return sum(images for _, images, _ in self._waiting)

    def submit(
        self, plugin: type[VectorFeature], identity: dict[str, Any], images: NDArray[np.uint8], digests: list[str]
    ) -> None:
        """Have images looked at and their vectors kept.

        Args:
            plugin: the feature.
            identity: of the feature, for the cache.
            images: (N, H, W, 3) uint8.
            digests: of the N images.
        """
        if self._pool is None:
            # Not the standard library's pool: that one runs the user's script anew in each of its processes.
            from loky import ProcessPoolExecutor, cpu_count

            self._count = max(1, min(_MOST, cpu_count() // self._share - 1))
            self._pool = ProcessPoolExecutor(self._count, initializer=_begin, initargs=(os.getpid(),))
        self._waiting.append(
            (plugin.spec.id, len(digests), self._pool.submit(_look, plugin, identity, images, digests))
        )

    def oldest(self, last: bool) -> tuple[str, int, Future[float]] | None:
        """The oldest batch that is to be waited for: feature id, images, seconds; None where there is none.

        Args:
            last: wait for all of them, not only for those that are too many.
        """
        if len(self._waiting) > (0 if last else _WAITING * self._count):
            return self._waiting.popleft()
        return None

    def close(self) -> None:
        """End the processes; what they have not begun is not done."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, kill_workers=bool(self._waiting))
            self._pool = None
        self._waiting.clear()


def _begin(main: int) -> None:
    """In such a process, first of all: end with the main one, and do not end for having loaded networks.

    loky takes what a process holds after its first batch for its size, and a second network for a leak.
    """
    import loky.process_executor

    loky.process_executor._MAX_MEMORY_LEAK_SIZE = float("inf")
    end_with(main)


@functools.cache
def _load(plugin: type[VectorFeature]) -> VectorFeature:
    return plugin("cpu")


def _look(
    plugin: type[VectorFeature], identity: dict[str, Any], images: NDArray[np.uint8], digests: list[str]
) -> float:
    """In such a process: fill the cache, and say how many seconds that took."""
    start = time.perf_counter()
    cache = FeatureCache(identity)
    for digest, vector in zip(digests, _load(plugin).extract(images), strict=True):
        cache.put(digest, vector)
    return time.perf_counter() - start
