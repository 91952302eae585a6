"""`--dry-run` answers soon on any machine: what would take too long follows from what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from fhpt_bench.training import estimate
from fhpt_bench.training.loop import Schedule


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
