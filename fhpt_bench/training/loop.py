"""The training loop: epochs that are seeded one by one, logged, and kept, so that a stopped training goes on."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fhpt_bench.progress import progress_bar

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch import Tensor

    from fhpt_bench.training.recipe import Task


class Learner(abc.ABC):
    """What a recipe hands to the loop; its modules and optimisers are prepared by the accelerator it is made with."""

    @property
    @abc.abstractmethod
    def state(self) -> Mapping[str, Any]:
        """All that changes while it learns, by name: modules, optimisers, schedules (they have a `state_dict`)."""

    @abc.abstractmethod
    def batches(self) -> Iterable[Tensor]:
        """The batches of one epoch; what is random comes from torch's own generator, which the loop has seeded."""

    @abc.abstractmethod
    def step(self, batch: Tensor) -> Tensor:
        """Learn from a batch; returns its loss, a mean over the batch."""

    @abc.abstractmethod
    def judge(self) -> Mapping[str, float]:
        """How well it does on the held-out people: name -> value."""


def make_accelerator(device: str) -> Accelerator:
    """What moves tensors and gradients, in one process on one device.

    Args:
        device: "cpu" or "cuda".
    """
    from accelerate import Accelerator

    return Accelerator(cpu=device == "cpu")


def fit(learner: Learner, epochs: int, task: Task) -> tuple[dict[str, float], ...]:
    """Train for some epochs, going on from the folder's checkpoint if it has one.

    Each epoch's random numbers follow from the seed and its number alone, so that a stopped and resumed training
    equals an uninterrupted one bit for bit on the same machine.

    Args:
        learner: what learns.
        epochs: how many.
        task: its seed, folder and progress.

    Returns:
        The log, a row an epoch and one for the start: epoch, loss (mean over batches, empty at the start) and what the
        learner's `judge` says.

    Raises:
        UserError: where the checkpoint is damaged or nothing can be written.
    """
    import torch

    kept = task.folder.checkpoint()
    if kept is None:
        rows: list[dict[str, Any]] = [{"epoch": 0, "loss": "", **learner.judge()}]
    else:
        rows = kept["rows"]
        for name, part in learner.state.items():
            part.load_state_dict(kept["state"][name])
    with progress_bar("epochs", epochs, task.progress) as done, torch.random.fork_rng():
        done(len(rows) - 1)
        for epoch in range(len(rows), epochs + 1):
            torch.manual_seed(task.seed * 1_000_003 + epoch)
            losses = [float(learner.step(batch).detach()) for batch in learner.batches()]
            rows.append({"epoch": epoch, "loss": sum(losses) / len(losses), **learner.judge()})
            task.folder.save_log(rows)
            state = {name: part.state_dict() for name, part in learner.state.items()}
            task.folder.save_checkpoint({"rows": rows, "state": state})
            done(1)
    task.folder.finish()
    return tuple(rows)
