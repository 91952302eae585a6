"""Values that the processes of a training exchange, in torch's process group, which the training has started."""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")


def process_group() -> tuple[int, int]:
    """The number of processes in torch's process group and the own rank; (1, 0) if there is no group.

    Examples:
        >>> process_group()
        (1, 0)
    """
    import torch.distributed as dist

    if not dist.is_available() or not dist.is_initialized():
        return 1, 0
    return dist.get_world_size(), dist.get_rank()


def from_all(value: T) -> list[T]:
    """The value of each process, by rank, in all processes, which must all call this.

    Args:
        value: this process's own; pickled, if there are others.

    Examples:
        >>> from_all("a")
        ['a']
    """
    count, _ = process_group()
    if count < 2:
        return [value]
    import torch.distributed as dist

    found: list[Any] = [None] * count
    dist.all_gather_object(found, value)
    return found
