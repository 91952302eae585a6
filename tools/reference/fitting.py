"""The number of iterations that fit into a time limit, so that every training finishes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fhpt_bench.errors import UserError
from tools.reference.plan import make_plan
from tools.reference.running import RESERVE, progress, run_all

TRIAL = 40  # iterations that are timed, each phase with its share
_USED = 0.9  # of the time that is left: times vary


def fitting_iterations(
    names: Sequence[str],
    preset: str,
    work: Path,
    options: Mapping[str, Any],
    seconds: float,
    side_by_side: bool,
    tell: Callable[[str], None],
) -> int:
    """Time a few iterations of each training, and compute how many all of them can do within a time limit.

    Args:
        names: as for `make_plan`.
        preset: the preset of all of them.
        work: folder for the folders of the trial.
        options: as for `run_all`.
        seconds: time limit of trial and trainings together.
        side_by_side: whether they run at once.
        tell: prints a line.

    Returns:
        The same number for all; at most that of the shortest preset.

    Raises:
        UserError: if the trial fails, or the time is too short for one iteration.
    """
    start = time.monotonic()
    trial = make_plan(names, preset, work / "trial", TRIAL)
    tell(f"trial of {TRIAL} iterations, for their times")
    if set(run_all(trial, options, seconds / 2, side_by_side, tell)) != {"done"}:
        raise UserError("The trial failed (see above): leave out --fit, or give more --seconds.")
    each = [spent / done for done, spent in map(progress, trial) if done]
    left = seconds - (time.monotonic() - start) - RESERVE
    found = int(_USED * left / (max(each) if side_by_side else sum(each)))
    if found < 1:
        raise UserError(f"{seconds:g} seconds are too short for one iteration after the trial: give more --seconds.")
    return min(found, *(int(one.hparams.iterations) for one in make_plan(names, preset, work, None)))
