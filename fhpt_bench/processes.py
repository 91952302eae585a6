"""One process or many: the same run, its batches dealt out over the ranks of `torchrun`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Processes:
    """The processes that share a run.

    Args:
        count: how many.
        rank: this one's number, from 0.
        wait: returns when all have called it.
    """

    count: int = 1
    rank: int = 0
    wait: Callable[[], None] = lambda: None

    @property
    def main(self) -> bool:
        """Whether this is the process that writes the record."""
        return self.rank == 0


def join(device: str) -> Processes:
    """Join the other processes that a launcher started, if any.

    Args:
        device: "cpu" or "cuda".
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return Processes()
    from accelerate import PartialState

    state = PartialState(cpu=device == "cpu")
    return Processes(state.num_processes, state.process_index, state.wait_for_everyone)
