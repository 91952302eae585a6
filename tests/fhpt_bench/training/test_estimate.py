"""`--dry-run` answers soon on any machine: what would take too long follows from what was measured."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from fhpt_bench.training import estimate
from fhpt_bench.training.loop import Schedule
from fhpt_bench.training.replay import FIRST_REPLAY


class Clock:
    """A clock that moves only if a learner works."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


class Slow:
    """A learner whose units and evaluation take given times on a clock."""

    unit, images_per_unit = "iteration", 16

    def __init__(self, clock: Clock, seconds: tuple[float, ...], costs: tuple[float, ...]) -> None:
        self.clock, self.seconds, self.phase_costs = clock, seconds, costs
        self.phases = tuple(1 + 5 * i for i in range(len(seconds)))
        self.done: list[str] = []

    @property
    def state(self) -> Mapping[str, Any]:
        return {"network": nn.Linear(2, 2)}

    def advance(self, number: int) -> None:
        self.done.append(f"unit {number}")
        self.clock.now += self.seconds[self.phases.index(number)]

    def judge(self) -> None:
        self.done.append("judge")
        self.clock.now += 2 * self.seconds[-1]


@pytest.mark.parametrize(
    ("seconds", "costs", "done", "said"),
    [
        ((0.1,), (), ["unit 1", "unit 1", "judge"], "0.1 s"),
        ((0.1, 0.4), (1.0, 4.0), ["unit 1", "unit 1", "unit 6", "unit 6", "judge"], "0.4 s from 6 on"),
        ((6.0,), (), ["unit 1", "judge"], "6 s"),  # not repeated
        ((6.0, 24.0), (1.0, 4.0), ["unit 1", "unit 6"], "24 s (not measured: as one unit)"),
        ((7.0, 28.0), (1.0, 4.0), ["unit 1"], "28 s from 6 on (not measured)"),
        ((20.0,), (), ["unit 1"], "20 s (not measured: as one unit)"),
    ],
)
def test_what_takes_too_long_is_not_measured(
    monkeypatch: pytest.MonkeyPatch, seconds: tuple[float, ...], costs: tuple[float, ...], done: list[str], said: str
) -> None:
    clock = Clock()
    monkeypatch.setattr(estimate, "time", clock)
    learner = Slow(clock, seconds, costs)
    task: Any = SimpleNamespace(device="cpu", seed=0)
    whole: Any = learner
    facts = estimate.estimate_cost(whole, Schedule(10, 1, 5, 5, 5), task)
    assert learner.done == done
    assert said in " ".join(facts.values())
    assert clock.now < 60


class Recorded(Slow):
    """A learner whose units are faster once they are replayed."""

    def advance(self, number: int) -> None:
        done = self.done.count(f"unit {number}")
        super().advance(number)
        self.clock.now += 0 if done >= FIRST_REPLAY - 1 else self.slower

    slower = 2.0


@pytest.mark.parametrize(
    ("slower", "units", "said"),
    [
        (2.0, FIRST_REPLAY, "0.1 s, 0.4 s from 6 on; 40 images/s"),
        (10.0, 2, "10.1 s (before its steps are replayed, which is faster), 40.4 s from 6 on (not measured)"),
    ],
)
def test_on_a_gpu_a_replayed_unit_is_measured(
    monkeypatch: pytest.MonkeyPatch, slower: float, units: int, said: str
) -> None:
    properties = SimpleNamespace(total_memory=80 * 2**30)
    for name, fake in {
        "synchronize": lambda: None, "current_device": lambda: 0, "max_memory_allocated": lambda: 2**30,
        "get_device_properties": lambda number: properties,
    }.items():  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, fake)
    monkeypatch.setattr(estimate, "own_random_numbers", lambda device: contextlib.nullcontext())
    clock = Clock()
    monkeypatch.setattr(estimate, "time", clock)
    learner = Recorded(clock, (0.1, 0.4), (1.0, 4.0))
    learner.slower = slower
    task: Any = SimpleNamespace(device="cuda", seed=0)
    whole: Any = learner
    facts = estimate.estimate_cost(whole, Schedule(10, 1, 5, 5, 5), task)
    assert learner.done.count("unit 1") == units
    assert facts["one iteration"].startswith(said)
    assert facts["memory"].startswith("1.00 of the GPU's 80 GiB")
