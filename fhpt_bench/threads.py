"""Threads for work on single images that releases the GIL, such as decoding; none unless `worker_threads` is used."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
_pool: ThreadPoolExecutor | None = None
_own = threading.local()  # `working` is set in the threads of the pool


@contextlib.contextmanager
def worker_threads(count: int) -> Iterator[None]:
    """Let `map_threads` use some threads, in all threads of this process.

    Args:
        count: number of threads; with fewer than 2, `map_threads` stays a plain loop.

    Examples:
        >>> with worker_threads(2):
        ...     map_threads(abs, [-1, 2, -3])
        [1, 2, 3]
    """
    global _pool
    if count < 2 or _pool is not None:
        yield
        return
    _pool = ThreadPoolExecutor(count, "image", lambda: setattr(_own, "working", True))
    try:
        yield
    finally:
        ended, _pool = _pool, None
        ended.shutdown(cancel_futures=True)


def map_threads(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Apply a function to each item: in the threads of `worker_threads`, or else one after the other.

    Args:
        work: the function; what it returns must not depend on the other items.
        items: N items.

    Returns:
        N results in the order of the items.

    Raises:
        Exception: what `work` raises for the first item that fails.

    Examples:
        >>> map_threads(abs, [-1, 2, -3])
        [1, 2, 3]
    """
    pool = _pool
    if pool is None or getattr(_own, "working", False):  # a thread of the pool must not wait for another one
        return [work(item) for item in items]
    return list(pool.map(work, items))
