"""A pipeline: batches pass through stages that work at the same time, in threads with bounded queues between them."""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

_AHEAD = 2  # batches between two stages: bounds the memory
_MOST_THREADS = 16
_END = object()


def batches_ahead(device: str) -> int:
    """How many batches may wait between two stages; 0 on a CPU, which has no idle cores for stages that overlap.

    Args:
        device: "cpu" or "cuda".

    Examples:
        >>> batches_ahead("cpu"), batches_ahead("cuda")
        (0, 2)
    """
    return 0 if device == "cpu" else _AHEAD


def image_threads(share: int) -> int:
    """How many threads decode, resize, compare and encode single images: as many as this process has cores.

    Args:
        share: the number of main processes of this run on this machine.

    Examples:
        >>> image_threads(1_000_000)
        1
    """
    from loky import cpu_count

    return max(1, min(_MOST_THREADS, int(cpu_count()) // share))


def flow(
    items: Sequence[Any],
    stages: Sequence[Callable[[Any], Any]],
    here: int,
    waiting: int,
    done: Callable[[Any], None] = lambda _: None,
) -> None:
    """Pass each item through all stages, in the order of the items at every stage.

    Each stage has a thread of its own, but for one that stays in the calling thread, such as the one that uses a GPU.
    If a stage fails at an item, earlier items pass through the remaining stages first; later ones are dropped, as in a
    plain loop. Ctrl-C does the same with the items that have left the calling thread's stage; a second one ends at
    once.

    Args:
        items: N items.
        stages: each is given what the one before returned.
        here: position of the stage that stays in the calling thread.
        waiting: how many items may wait between two stages; with 0, all stages run one after the other in the
            calling thread, without threads.
        done: called in the calling thread with each item's result, in order.

    Raises:
        BaseException: what a stage or `done` raised, for the first item that failed.

    Examples:
        >>> found = []
        >>> flow([1, 2, 3], [lambda x: x + 1, lambda x: x * 10, str], here=1, waiting=2, done=found.append)
        >>> found
        ['20', '30', '40']
    """
    if not waiting:
        for item in items:
            for stage in stages:
                item = stage(item)
            done(item)
        return
    _Flow(items, stages, here, waiting, done).run()


class _Flow:
    """The threads, queues and the first failure of one call of `flow`."""

    def __init__(
        self,
        items: Sequence[Any],
        stages: Sequence[Callable[[Any], Any]],
        here: int,
        waiting: int,
        done: Callable[[Any], None],
    ) -> None:
        self._items, self._stages, self._here, self._done = items, stages, here, done
        # What a stage has made; results are small, and the calling thread may be busy: they wait without limit.
        self._made: list[queue.Queue[Any]] = [*(queue.Queue(waiting) for _ in stages[1:]), queue.Queue()]
        self._lock = threading.Lock()
        self._failed_at = sys.maxsize  # the first item that failed: this and later ones are dropped
        self._error: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._work, args=(stage,), name=f"stage {stage}", daemon=True)
            for stage in range(len(stages))
            if stage != here
        ]

    def run(self) -> None:
        for thread in self._threads:
            thread.start()
        self._work(self._here)
        ended = False
        while not ended:
            try:
                self._tell(wait=True)
                for thread in self._threads:
                    thread.join()
                ended = True
            except BaseException as error:
                if self._interrupted(error):
                    raise
                self._fail(sys.maxsize, error)  # what waits is still finished
        if self._error is not None:
            raise self._error

    def _work(self, stage: int) -> None:
        """One stage, until its last item."""
        reached = 0
        try:
            for number, item in self._incoming(stage):
                reached = number
                if number < self._failed_at:
                    made = self._stages[stage](item)
                    reached = number + 1
                    self._made[stage].put((number, made))
                if stage == self._here:
                    self._tell(wait=False)
        except BaseException as error:  # Ctrl-C too, which reaches only the calling thread
            self._fail(reached, error)
            if stage:  # the stages before must not wait for a place in the queue
                for _ in self._incoming(stage):
                    pass
        finally:
            self._made[stage].put(_END)

    def _incoming(self, stage: int) -> Iterator[tuple[int, Any]]:
        if stage == 0:
            for number, item in enumerate(self._items):
                if number >= self._failed_at:
                    return
                yield number, item
            return
        before = self._made[stage - 1]
        while (entry := before.get()) is not _END:
            yield entry
        before.put(_END)  # stays there, for a caller that was interrupted here

    def _tell(self, wait: bool) -> None:
        """Give `done` the results that are there, or all of them."""
        last = self._made[-1]
        with contextlib.suppress(queue.Empty):
            while (entry := last.get(block=wait)) is not _END:
                self._done(entry[1])
            last.put(_END)  # stays there: an error of `done` is not the end

    def _fail(self, number: int, error: BaseException) -> None:
        with self._lock:
            interrupted = self._error is not None and not isinstance(self._error, Exception)
            first = self._error is None or number < self._failed_at or not isinstance(error, Exception)
            if first and not interrupted:
                self._error = error
            self._failed_at = min(self._failed_at, number)

    def _interrupted(self, error: BaseException) -> bool:
        """Whether this is the second Ctrl-C."""
        return not isinstance(error, Exception) and self._error is not None and not isinstance(self._error, Exception)
