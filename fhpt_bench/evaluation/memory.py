"""A device whose memory is too small: smaller parts are tried, then one sentence says what to do."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import TypeVar

from fhpt_bench.errors import plain

T = TypeVar("T")
log = logging.getLogger(__name__)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device has no memory left for a tensor.

    Args:
        error: an exception that was raised.

    Examples:
        >>> out_of_memory(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")), out_of_memory(KeyError("a"))
        (True, False)
    """
    if not isinstance(error, RuntimeError):
        return False
    from accelerate.utils.memory import should_reduce_batch_size

    return bool(should_reduce_batch_size(error))


def memory_advice(images: int, device: str) -> str:
    """What a user can do if the memory is too small, as the end of a sentence.

    Args:
        images: number of images that were computed at once; 0 if the network itself did not fit.
        device: "cpu" or "cuda".

    Examples:
        >>> memory_advice(16, "cuda")
        'out of memory with 16 images at once: give --batch-size 8 or less.'
        >>> memory_advice(1, "cpu")
        'out of memory with one image at once: end other programs that use the memory.'
    """
    if images > 1:
        return f"out of memory with {images} images at once: give --batch-size {images // 2} or less."
    size = " with one image at once" if images else ""
    if device == "cpu":
        return f"out of memory{size}: end other programs that use the memory."
    return f"out of memory{size}: end other programs that use the GPU, or give --device cpu."


class Portions:
    """Work on batches in as few parts as fit into memory; the size that fits is kept for the next batches.

    Args:
        what: what is computed, for the warning.

    Examples:
        >>> Portions("sums")(lambda part: sum([1, 2, 3][part]), 3)
        [6]
    """

    def __init__(self, what: str) -> None:
        self._what, self._most = what, sys.maxsize

    def __call__(self, work: Callable[[slice], T], count: int) -> list[T]:
        """The result of each part of a batch.

        Args:
            work: is given the positions of a part.
            count: number of items of the batch.

        Returns:
            What `work` returned, in the order of the items; one result if the whole batch fits.

        Raises:
            Exception: whatever `work` raises, if it is not that the memory is too small, or a part has one item.
        """
        results: list[T] = []
        start = 0
        while start < count:
            part = slice(start, min(count, start + self._most))
            size = part.stop - part.start
            try:
                results.append(work(part))
                start = part.stop
                continue
            except Exception as error:
                if size == 1 or not out_of_memory(error):
                    raise
            # Outside of the `except`: the error holds the tensors of the part that failed.
            self._most = size // 2
            log.warning(
                "%s: out of memory with %d at once, continued with %d; values may differ in the last digits.",
                plain(self._what), size, self._most,
            )  # fmt: skip
            _free()
        return results


def _free() -> None:
    """Give unused memory back to the GPU, so that larger blocks fit."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
