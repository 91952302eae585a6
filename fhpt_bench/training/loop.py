"""The training loop: each unit is seeded, logged and saved, so that a stopped training can resume."""

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
from fhpt_bench.training.board import Board

if TYPE_CHECKING:
    from torch import Tensor

    from fhpt_bench.training.recipe import Task

Losses = dict[str, list[Any]]  # name -> numbers, or tensors that a GPU may still be computing


class Learner(abc.ABC):
    """The part of a recipe that the training loop calls.

    Each of several processes makes its own learner, which gets its part of every batch.
    """

    unit = "iteration"  # name of a unit of training; the first column of the log
    images_per_unit = 0  # by all processes together; 0 if a rate in images/s is not meaningful
    phases: tuple[int, ...] = (1,)  # the first unit of each phase; units of different phases take different times
    phase_costs: tuple[float, ...] = ()  # roughly the time of a unit of each phase, in units of the first; () if equal

    @property
    @abc.abstractmethod
    def state(self) -> Mapping[str, Any]:
        """Everything that training changes, by name: modules, optimisers, schedules, position in the data stream.

        Each value has `state_dict` and `load_state_dict`. The main process saves its state; all processes load it.
        """

    @abc.abstractmethod
    def advance(self, number: int) -> Mapping[str, float | Tensor]:
        """Train for one unit.

        Torch's random generators are seeded with the seed, the number of the unit and the rank before each call. The
        random numbers of a unit must depend on nothing else.

        Args:
            number: number of the unit, from 1.

        Returns:
            Name -> loss, the mean over this process's part of the batch: numbers or detached tensors. Tensors are read
            only when a row of the log or a checkpoint is due, so that a GPU need not wait. A loss that was not computed
            is left out. A loss that is not finite ends the training.
        """

    @abc.abstractmethod
    def judge(self) -> Mapping[str, float]:
        """Evaluate on the held-out people: name -> value.

        It is called in all processes; the values of the main process are used.
        """

    def samples(self) -> NDArray[np.uint8] | None:
        """Make a contact sheet (H, W, 3) of generated images, or None. It is called in the main process only."""
        return None


@dataclass(frozen=True)
class Schedule:
    """Length of a training and intervals of its actions. All fields except the last are in units.

    Args:
        units: number of units.
        log_every: interval between rows of the log, which hold means over the interval.
        judge_every: interval between evaluations on held-out people; they are evaluated at the start and the end, too.
        checkpoint_every: interval between checkpoints; one is saved at the end, too.
        sample_every: interval between contact sheets; 0 for none, else they are saved at the start and the end, too.
        budget_s: time limit of this call in seconds, after which it saves a checkpoint and stops; several processes
            stop at the next row of the log. None for no limit.
    """

    units: int
    log_every: int = 1
    judge_every: int = 1
    checkpoint_every: int = 1
    sample_every: int = 0
    budget_s: float | None = None


def seed_unit(seed: int, number: int, rank: int) -> None:
    """Seed torch's random generators for a unit.

    Args:
        seed: seed of the training.
        number: number of the unit.
        rank: rank of the process, so that each process draws different numbers.
    """
    import torch

    torch.manual_seed((seed * 1_000_003 + number + (rank << 40)) % 2**63)


def fit(learner: Learner, schedule: Schedule, task: Task) -> tuple[dict[str, float], ...]:
    """Train; resume from the folder's checkpoint if it has one.

    The random numbers of a unit depend only on the seed, the number of the unit and the rank. So a training that was
    stopped and resumed equals an uninterrupted one, bit for bit if the device is deterministic (CPUs are). A finished
    training is only loaded.

    Args:
        learner: the learner to train.
        schedule: length and intervals; training stops after `budget_s`, or after `task.budget_s` if that is less.
        task: gives the seed, the folder and whether to show progress bars.

    Returns:
        The rows of the log so far: number of the unit, losses (means over the units since the last row with
        losses, over all processes), values of `judge`. `task.folder.spent()` gives the progress.

    Raises:
        UserError: if the checkpoint is damaged, the processes see different checkpoints, a loss is not finite, or the
            folder cannot be written.
    """
    processes = join(task.device)
    with own_random_numbers(task.device), _Training(learner, schedule, task, processes) as training:
        training.run()
    return tuple(training.rows)


@contextlib.contextmanager
def own_random_numbers(device: str) -> Iterator[None]:
    """Restore the state of torch's random generators afterwards, so that training does not change the caller's."""
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
        self._start = time.monotonic()
        budgets = [seconds for seconds in (schedule.budget_s, task.budget_s) if seconds is not None]
        self._budget = min(budgets, default=math.inf)
        self._board: Board | None = None

    def __enter__(self) -> _Training:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._board:
            self._board.close()

    def _load(self) -> None:
        saved = self.task.folder.checkpoint()
        numbers = self._gather([saved["number"] if saved else 0])
        if len(set(numbers)) > 1:
            raise UserError(
                f"The processes see different checkpoints in {self.task.folder.path}: choose a folder that all of them "
                "share with --out."
            )
        if saved is None:
            return
        self._number, self.rows, self._before = saved["number"], saved["rows"], saved["seconds"]
        self._pending = saved["pending"] if self.processes.main else {}
        for name, part in self.learner.state.items():
            part.load_state_dict(saved["state"][name])

    def run(self) -> None:
        """Run the remaining units, or as many as the time limit allows."""
        learner, schedule, task = self.learner, self.schedule, self.task
        if self._number >= schedule.units:
            return
        if self.processes.main:
            self._board = Board(task.folder.path / "tensorboard", self._number + 1)
        if not self.rows:
            seed_unit(task.seed, 0, self.processes.rank)
            self._add_row(learner.judge())
            self._save_sample()
        rate_number, rate_start = self._number, time.monotonic()
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
                    rate = (self._number - rate_number) * learner.images_per_unit / (time.monotonic() - rate_start)
                    note = _format_row(row, rate)
                    if self._board and rate:
                        self._board.add({"images/s": rate}, self._number)
                if judges := self._due(schedule.judge_every):
                    row |= learner.judge()
                if row:
                    self._add_row(row)
                if self._due(schedule.sample_every):
                    self._save_sample()
                stops = self._out_of_time(logs)
                if stops or self._due(schedule.checkpoint_every):
                    self._save()
                if logs or judges:
                    rate_number, rate_start = self._number, time.monotonic()
                done(1, note)
                if stops:
                    return

    def _due(self, every: int) -> bool:
        return every > 0 and (self._number % every == 0 or self._number == self.schedule.units)

    def _out_of_time(self, logs: bool) -> bool:
        """Whether to stop. Several processes must agree, which makes them wait: they check only at a row of the log."""
        if self._budget == math.inf or (self.processes.count > 1 and not logs):
            return False
        return any(self._gather([time.monotonic() - self._start > self._budget]))

    def _losses(self) -> dict[str, float]:
        gathered = self._gathered()
        self._pending = {}
        # `fsum` is exact, so that the order of the processes does not matter.
        return {name: math.fsum(values) / len(values) for name, values in gathered.items()}

    def _gathered(self) -> Losses:
        own = {name: [float(value) for value in values] for name, values in self._pending.items()}
        merged: Losses = {}
        for part in self._gather([own]):
            for name, values in part.items():
                merged.setdefault(name, []).extend(values)
        for name, values in merged.items():
            if not all(map(math.isfinite, values)):
                raise UserError(
                    f"The loss {name} is no longer finite by {self.learner.unit} {self._number}: try --mixed-precision "
                    f"no or a lower learning rate (the last checkpoint in {self.task.folder.path} is kept)."
                )
        return merged

    def _gather(self, own: list[Any]) -> list[Any]:
        """The items of all processes, in the order of their ranks."""
        if self.processes.count < 2:
            return own
        from accelerate.utils import gather_object

        gathered: list[Any] = gather_object(own)
        return gathered

    def _add_row(self, values: Mapping[str, float]) -> None:
        # Plain Python numbers: a checkpoint may not hold numbers of other types.
        row = {name: float(value) for name, value in values.items()}
        self.rows.append({self.learner.unit: self._number, **row})
        if self._board:
            self._board.add({name: value for name, value in row.items() if math.isfinite(value)}, self._number)

    def _save_sample(self) -> None:
        if self.schedule.sample_every and self.processes.main:
            image = self.learner.samples()
            if image is not None:
                self.task.folder.save_sample(self._number, image)

    def _save(self) -> None:
        """Save log, checkpoint and progress; a stopped training resumes from here."""
        gathered = self._gathered()
        self._pending = gathered if self.processes.main else {}
        if self.processes.main:
            seconds = self._before + time.monotonic() - self._start
            folder = self.task.folder
            folder.save_log(self.rows)
            state = {name: part.state_dict() for name, part in self.learner.state.items()}
            folder.save_checkpoint(
                {"number": self._number, "rows": self.rows, "pending": self._pending, "seconds": seconds,
                 "state": state}
            )  # fmt: skip
            folder.save_spent({"done": self._number, "of": self.schedule.units, "seconds": round(seconds, 1)})
        self.processes.wait()


def _format_row(losses: Mapping[str, float], rate: float) -> str:
    """Format losses and rate in one line."""
    words = [f"{name} {value:.3g}" for name, value in losses.items()]
    return "  ".join([*words, f"{rate:.3g} images/s"] if rate else words)
