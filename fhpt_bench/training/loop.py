"""The training loop: units that are seeded one by one, logged, and kept, so that a stopped training goes on."""

from __future__ import annotations

import abc
import contextlib
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.errors import UserError
from fhpt_bench.processes import Processes, join
from fhpt_bench.progress import progress_bar

if TYPE_CHECKING:
    from torch import Tensor
    from torch.utils.tensorboard import SummaryWriter

    from fhpt_bench.training.recipe import Task

Losses = dict[str, list[Any]]  # name -> numbers, or tensors that a GPU may not have computed yet


class Learner(abc.ABC):
    """What a recipe hands to the loop. Several processes each make one, and it sees its part of every batch."""

    unit = "iteration"  # what `advance` does, in a word; heads the log
    images_per_unit = 0  # by all processes together; 0 where a rate says nothing
    phases: tuple[int, ...] = (1,)  # the first unit of each phase, where a unit of one takes longer than of another

    @property
    @abc.abstractmethod
    def state(self) -> Mapping[str, Any]:
        """All that changes while it learns, by name: modules, optimisers, schedules, the stream's position.

        Each has `state_dict` and `load_state_dict`; the main process's are kept, and loaded by all.
        """

    @abc.abstractmethod
    def advance(self, number: int) -> Mapping[str, float | Tensor]:
        """Learn for one unit.

        Torch's generators were seeded from seed, number and rank: what is random in a unit follows from them alone.

        Args:
            number: of the unit, from 1.

        Returns:
            Name -> loss, means over this process's part: numbers or detached tensors, which are looked at only when a
            row of the log or a checkpoint is due, so that a GPU need not wait. A loss of which there is none is left
            out; one that is not finite ends the training.
        """

    @abc.abstractmethod
    def judge(self) -> Mapping[str, float]:
        """How well it does on the held-out people: name -> value. All processes are asked, and the main one heard."""

    def samples(self) -> NDArray[np.uint8] | None:
        """A contact sheet (H, W, 3) of what it makes now, or None. The main process alone is asked."""
        return None


@dataclass(frozen=True)
class Schedule:
    """How long a training is, and what is done how often; all but the last field in units.

    Args:
        units: how many in all.
        log_every: a row of means over so many.
        judge_every: held-out people are looked at; at the start and the end in any case.
        checkpoint_every: the state is kept; at the end in any case.
        sample_every: a contact sheet is saved; 0 for never, else at the start and the end, too.
        budget_s: after so many seconds of this call, keep the state and stop; several processes do so at the next row
            of the log.
    """

    units: int
    log_every: int = 1
    judge_every: int = 1
    checkpoint_every: int = 1
    sample_every: int = 0
    budget_s: float | None = None


def seed_unit(seed: int, number: int, rank: int) -> None:
    """Seed torch's generators for a unit.

    Args:
        seed: of the training.
        number: of the unit.
        rank: of the process, so that each draws its own.
    """
    import torch

    torch.manual_seed((seed * 1_000_003 + number + (rank << 40)) % 2**63)


def fit(learner: Learner, schedule: Schedule, task: Task) -> tuple[dict[str, float], ...]:
    """Train, going on from the folder's checkpoint if it has one.

    Each unit's random numbers follow from seed, number and rank alone, so that a stopped and resumed training equals an
    uninterrupted one, bit for bit where the device computes the same thing twice alike (CPUs do). A finished training
    is only loaded.

    Args:
        learner: what learns.
        schedule: for how long; it stops after `budget_s`, or `task.budget_s` if that is less.
        task: its seed, folder and progress.

    Returns:
        The log up to where it is, a row whenever one was due: number of the unit, losses (means over the units since
        they were logged last, over all processes), what `judge` says. `task.folder.spent()` says how far it is.

    Raises:
        UserError: where the checkpoint is damaged, the processes do not see the same one, a loss is not finite, or
            nothing can be written.
    """
    processes = join(task.device)
    with own_random_numbers(task.device), _Training(learner, schedule, task, processes) as training:
        training.run()
    return tuple(training.rows)


@contextlib.contextmanager
def own_random_numbers(device: str) -> Iterator[None]:
    """What the caller draws afterwards does not depend on the training."""
    import torch

    with torch.random.fork_rng([torch.cuda.current_device()] if device == "cuda" else []):
        yield


class _Training:
    """One call of `fit`."""

    def __init__(self, learner: Learner, schedule: Schedule, task: Task, processes: Processes) -> None:
        self.learner, self.schedule, self.task, self.processes = learner, schedule, task, processes
        self.rows: list[dict[str, float]] = []
        self._pending: Losses = {}
        self._number, self._before = 0, 0.0
        self._load()
        self._begun = time.monotonic()
        budgets = [seconds for seconds in (schedule.budget_s, task.budget_s) if seconds is not None]
        self._budget = min(budgets, default=math.inf)
        self._board: SummaryWriter | None = None

    def __enter__(self) -> _Training:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._board:
            self._board.close()

    def _load(self) -> None:
        kept = self.task.folder.checkpoint()
        numbers = self._gather([kept["number"] if kept else 0])
        if len(set(numbers)) > 1:
            raise UserError(
                f"The processes see different checkpoints in {self.task.folder.path}: choose a folder that all of them "
                "share with --out."
            )
        if kept is None:
            return
        self._number, self.rows, self._before = kept["number"], kept["rows"], kept["seconds"]
        self._pending = kept["pending"] if self.processes.main else {}
        for name, part in self.learner.state.items():
            part.load_state_dict(kept["state"][name])

    def run(self) -> None:
        """All units that are left, or as many as there is time for."""
        learner, schedule, task = self.learner, self.schedule, self.task
        if self._number >= schedule.units:
            return
        if self.processes.main:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(task.folder.path / "tensorboard"), purge_step=self._number + 1)
        if not self.rows:
            seed_unit(task.seed, 0, self.processes.rank)
            self._note(learner.judge())
            self._sample()
        timed, since = self._number, time.monotonic()
        shown = task.progress and self.processes.main
        with progress_bar(f"{learner.unit}s", schedule.units, shown, self._number) as done:
            while self._number < schedule.units:
                self._number += 1
                seed_unit(task.seed, self._number, self.processes.rank)
                for name, value in learner.advance(self._number).items():
                    self._pending.setdefault(name, []).append(value)
                row: dict[str, float] = {}
                note = None
                if logs := self._due(schedule.log_every):
                    row |= self._losses()
                    rate = (self._number - timed) * learner.images_per_unit / (time.monotonic() - since)
                    note = _spelt(row, rate)
                    if self._board and rate:
                        self._board.add_scalar("images/s", rate, self._number)
                if judges := self._due(schedule.judge_every):
                    row |= learner.judge()
                if row:
                    self._note(row)
                if self._due(schedule.sample_every):
                    self._sample()
                stops = self._out_of_time(logs)
                if stops or self._due(schedule.checkpoint_every):
                    self._keep()
                if logs or judges:
                    timed, since = self._number, time.monotonic()
                done(1, note)
                if stops:
                    return

    def _due(self, every: int) -> bool:
        return every > 0 and (self._number % every == 0 or self._number == self.schedule.units)

    def _out_of_time(self, logs: bool) -> bool:
        """All processes must stop at the same unit; asking them makes them wait, so they are asked at a row's end."""
        if self._budget == math.inf or (self.processes.count > 1 and not logs):
            return False
        return any(self._gather([time.monotonic() - self._begun > self._budget]))

    def _losses(self) -> dict[str, float]:
        gathered = self._gathered()
        self._pending = {}
        # Sums are exact, so that it does not matter whose came first.
        return {name: math.fsum(values) / len(values) for name, values in gathered.items()}

    def _gathered(self) -> Losses:
        own = {name: [float(value) for value in values] for name, values in self._pending.items()}
        together: Losses = {}
        for part in self._gather([own]):
            for name, values in part.items():
                together.setdefault(name, []).extend(values)
        for name, values in together.items():
            if not all(map(math.isfinite, values)):
                raise UserError(
                    f"The loss {name} is no longer finite by {self.learner.unit} {self._number}; the last checkpoint "
                    f"in {self.task.folder.path} is kept: try another precision, or train anew with another rate."
                )
        return together

    def _gather(self, own: list[Any]) -> list[Any]:
        """What all processes say, in the order of their ranks."""
        if self.processes.count < 2:
            return own
        from accelerate.utils import gather_object

        everybody: list[Any] = gather_object(own)
        return everybody

    def _note(self, values: Mapping[str, float]) -> None:
        # Python's own numbers: no others may stand in a checkpoint.
        row = {name: float(value) for name, value in values.items()}
        self.rows.append({self.learner.unit: self._number, **row})
        for name, value in row.items():
            if self._board and math.isfinite(value):
                self._board.add_scalar(name, value, self._number)

    def _sample(self) -> None:
        if self.schedule.sample_every and self.processes.main:
            sheet = self.learner.samples()
            if sheet is not None:
                self.task.folder.save_sample(self._number, sheet)

    def _keep(self) -> None:
        """Keep everything; whoever stops now goes on from here."""
        gathered = self._gathered()
        self._pending = gathered if self.processes.main else {}
        if self.processes.main:
            seconds = self._before + time.monotonic() - self._begun
            folder = self.task.folder
            folder.save_log(self.rows)
            state = {name: part.state_dict() for name, part in self.learner.state.items()}
            folder.save_checkpoint(
                {"number": self._number, "rows": self.rows, "pending": self._pending, "seconds": seconds,
                 "state": state}
            )  # fmt: skip
            folder.save_spent({"done": self._number, "of": self.schedule.units, "seconds": round(seconds, 1)})
            if self._board:
                self._board.flush()
        self.processes.wait()


def _spelt(losses: Mapping[str, float], rate: float) -> str:
    """Losses and rate in a line."""
    words = [f"{name} {value:.3g}" for name, value in losses.items()]
    return "  ".join([*words, f"{rate:.3g} images/s"] if rate else words)
