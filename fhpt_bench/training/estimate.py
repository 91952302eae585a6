"""Parameters, memory and time that a training needs on this machine, measured on a few of its units."""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable
from typing import Any

from fhpt_bench.devices import peak_memory
from fhpt_bench.processes import launched
from fhpt_bench.reporting.formatting import format_duration
from fhpt_bench.training.loop import Learner, Schedule, own_random_numbers, seed_unit
from fhpt_bench.training.recipe import Task
from fhpt_bench.training.replay import FIRST_REPLAY

_GIB = 2**30
_TRIALS = 2  # units on a CPU; the first one warms up
_SLOW = 5  # seconds of a unit, after which it is not repeated on a CPU
_PATIENCE = 30  # seconds, after which the evaluation is not measured


def estimate_cost(learner: Learner, schedule: Schedule, task: Task) -> dict[str, str]:
    """Measure the parameters, memory and time of a training by running a few units of each of its phases.

    The last one counts: on a GPU a unit whose steps are replayed (`Replay`), as in most of the training.

    Args:
        learner: the learner that `fit` would get; its state is changed by the measured units.
        schedule: the schedule that `fit` would get.
        task: gives the device and the seed; nothing is written into its folder.

    Returns:
        Name -> value with its unit, for `Recipe.estimate`.
    """
    from torch import nn

    parts = {name: part for name, part in learner.state.items() if isinstance(part, nn.Module)}
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}
    first_units = [first for first in learner.phases if first <= schedule.units]
    unit_seconds: list[float] = []
    guessed: list[int] = []  # phases whose time follows from the first one's
    unrecorded: list[int] = []  # phases whose steps were too slow to reach a replayed one
    replays = task.device == "cuda"
    trials = FIRST_REPLAY if replays else _TRIALS
    start = time.perf_counter()
    with own_random_numbers(task.device):
        for place, first in enumerate(first_units):
            costs = learner.phase_costs or (1.0,) * len(learner.phases)
            if unit_seconds and time.perf_counter() - start + unit_seconds[0] * costs[place] > _PATIENCE:
                unit_seconds.append(unit_seconds[0] * costs[place])
                guessed.append(first)
                continue
            seconds = 0.0
            for _ in range(trials):
                if replays and time.perf_counter() - start + seconds > _PATIENCE:
                    unrecorded.append(first)
                    break
                seed_unit(task.seed, first, launched()[1])
                seconds = _seconds(functools.partial(learner.advance, first), task.device)
                if seconds > _SLOW and not replays:
                    break
            unit_seconds.append(seconds)
        # An evaluation takes about as long as a unit: more images, but no gradients.
        judged = time.perf_counter() - start + 2 * max(unit_seconds) < _PATIENCE
        evaluation_seconds = _seconds(learner.judge, task.device) if judged else unit_seconds[-1]
    lengths = [end - first for first, end in itertools.pairwise([*first_units, schedule.units + 1])]
    training_seconds = sum(one * length for one, length in zip(unit_seconds, lengths, strict=True))
    evaluations = 2 + (schedule.units - 1) // schedule.judge_every
    per_unit = ", ".join(
        f"{one:.3g} s"
        + (f" from {first:,} on" if first > 1 else "")
        + (" (not measured)" if first in guessed else "")
        + (" (before its steps are replayed, which is faster)" if first in unrecorded else "")
        for one, first in zip(unit_seconds, first_units, strict=True)
    )
    rate = f"; {learner.images_per_unit / unit_seconds[-1]:.3g} images/s" if learner.images_per_unit else ""
    total = training_seconds + evaluations * evaluation_seconds
    return {
        "parameters": f"{sum(counts.values()):,} ({', '.join(f'{name} {count:,}' for name, count in counts.items())})",
        "memory": _memory(task.device),
        f"one {learner.unit}": f"{per_unit}{rate}",
        "one evaluation on held-out people": f"{evaluation_seconds:.3g} s"
        + ("" if judged else " (not measured: as one unit)"),
        "estimated time": f"{format_duration(total)} "
        f"({schedule.units:,} {learner.unit}s, {evaluations:,} evaluations; from one of each that was measured)",
    }


def _seconds(work: Callable[[], Any], device: str) -> float:
    import torch

    def wait() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    wait()
    start = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - start


def _memory(device: str) -> str:
    """The largest amount of memory in use so far."""
    import torch

    process = f"{peak_memory() / _GIB:.2f} GiB of this process"
    if device != "cuda":
        return process
    total = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
    return f"{torch.cuda.max_memory_allocated() / _GIB:.2f} of the GPU's {total / _GIB:.0f} GiB, {process}"
