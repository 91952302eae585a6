"""What a training would take on this machine, measured by a few of its own units."""

from __future__ import annotations

import functools
import itertools
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from fhpt_bench.processes import launched
from fhpt_bench.training.loop import Learner, Schedule, own_random_numbers, seed_unit
from fhpt_bench.training.recipe import Task

_GIB = 2**30
_TRIALS = 2  # units; the first one warms up


def estimate_cost(learner: Learner, schedule: Schedule, task: Task) -> dict[str, str]:
    """Parameters, memory and time of a training: two units of each of its phases are done in earnest, and forgotten.

    Args:
        learner: as `fit` would get it; it has learnt for some units afterwards.
        schedule: as `fit` would get it.
        task: its device and seed; nothing is written into its folder.

    Returns:
        Fact -> value with its unit, for `Recipe.estimate`.
    """
    from torch import nn

    parts = {name: part for name, part in learner.state.items() if isinstance(part, nn.Module)}
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}
    begins = [first for first in learner.phases if first <= schedule.units]
    paces = []
    with own_random_numbers(task.device):
        judging = _seconds(learner.judge, task.device)
        for first in begins:
            for _ in range(_TRIALS):
                seed_unit(task.seed, first, launched()[1])
                seconds = _seconds(functools.partial(learner.advance, first), task.device)
            paces.append(seconds)
    lengths = [end - first for first, end in itertools.pairwise([*begins, schedule.units + 1])]
    work = sum(pace * length for pace, length in zip(paces, lengths, strict=True))
    looks = 2 + (schedule.units - 1) // schedule.judge_every
    spelt = ", ".join(
        f"{pace:.3g} s" + (f" from {first:,} on" if first > 1 else "")
        for pace, first in zip(paces, begins, strict=True)
    )
    rate = f"; {learner.images_per_unit / paces[-1]:.3g} images/s" if learner.images_per_unit else ""
    return {
        "parameters": f"{sum(counts.values()):,} ({', '.join(f'{name} {count:,}' for name, count in counts.items())})",
        "memory": _memory(task.device),
        f"one {learner.unit}": f"{spelt}{rate}",
        "one look at held-out people": f"{judging:.3g} s",
        "estimated time": f"{_spelt(work + looks * judging)} "
        f"({schedule.units:,} {learner.unit}s, {looks:,} looks; from one of each)",
    }


def _seconds(work: Callable[[], Any], device: str) -> float:
    import torch

    def wait() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    wait()
    begun = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - begun


def _memory(device: str) -> str:
    """The most that was in use so far."""
    import torch

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    process = f"{peak / _GIB:.2f} GiB of this process"
    if device != "cuda":
        return process
    total = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
    return f"{torch.cuda.max_memory_allocated() / _GIB:.2f} of the GPU's {total / _GIB:.0f} GiB, {process}"


def _spelt(seconds: float) -> str:
    """A duration in its two largest units.

    Examples:
        >>> [_spelt(s) for s in (12.4, 75, 3 * 3600 + 59, 200_000)]
        ['12 s', '1 min 15 s', '3 h 1 min', '2 d 8 h']
    """
    for unit, size, below, name in (("d", 86400, 3600, "h"), ("h", 3600, 60, "min"), ("min", 60, 1, "s")):
        if seconds >= size:
            whole, rest = divmod(round(seconds / below), size // below)
            return f"{whole} {unit} {rest} {name}"
    return f"{seconds:.0f} s"
