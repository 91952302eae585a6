"""Running the trainings: side by side on a GPU, one after the other on a CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from fhpt_bench.files import write_text
from tools.reference.plan import Training

ROOT = Path(__file__).parents[2]
RESERVE = 45.0  # seconds of the time limit for imports, images, the last checkpoint and packing
GRACE = 20.0  # seconds after the time limit at which a training that has not stopped is ended

State = Literal["done", "late", "failed"]


def progress(training: Training) -> tuple[int, float]:
    """Read the iterations done and the seconds spent by a training, over all calls; 0 if it has not saved any."""
    file = training.folder / "spent.json"
    if not file.is_file():
        return 0, 0.0
    spent = json.loads(file.read_text(encoding="utf-8"))
    return int(spent["done"]), float(spent["seconds"])


def finished(training: Training) -> bool:
    """Whether all iterations of a training are done."""
    return progress(training)[0] >= int(training.hparams.iterations)


def run_all(
    trainings: Sequence[Training],
    options: Mapping[str, Any],
    seconds: float | None,
    side_by_side: bool,
    tell: Callable[[str], None],
) -> list[State]:
    """Train, and stop in time. A training resumes from its last checkpoint; a finished one is only loaded.

    Args:
        trainings: the trainings.
        options: `benchmark`, `device`, `mixed_precision` and `seed` for `fhpt_bench.training.train.train`.
        seconds: time limit of this call; None for none.
        side_by_side: whether all start at once, get the whole time, and are ended if they do not stop. Otherwise they
            run one after the other; each gets an equal part of the time that is left, and stops after its iteration.
        tell: prints a line.

    Returns:
        How each training ended: "late" if it had to be ended.
    """
    end = None if seconds is None else time.time() + seconds
    if side_by_side:
        stop = None if end is None else end - RESERVE
        threads = max(1, (os.cpu_count() or 1) // len(trainings))
        started = [(one, _start(one, options, stop, threads)) for one in trainings]
        return [_ended(one, process, end, tell) for one, process in started]
    states = []
    for number, one in enumerate(trainings):
        stop = None
        if end is not None:
            left = max(0.0, end - time.time())
            stop = time.time() + (left - min(RESERVE, 0.1 * left)) / (len(trainings) - number)
        # No end by force: one iteration and one evaluation may take minutes.
        states.append(_ended(one, _start(one, options, stop, None), None, tell))
    return states


def _start(
    training: Training, options: Mapping[str, Any], stop: float | None, threads: int | None
) -> subprocess.Popen[bytes]:
    """Start the process of a training; its output goes into a file next to its folder."""
    own = {"recipe": training.recipe(), "preset": training.preset, "out": str(training.folder), "deadline": stop}
    file = training.folder.with_suffix(".json")
    write_text(file, json.dumps({**options, **own}, indent=1) + "\n")
    environment = {**os.environ, **({} if threads is None else {"OMP_NUM_THREADS": str(threads)})}
    with training.folder.with_suffix(".txt").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "tools.reference.worker", str(file.resolve())],
            cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, env=environment,
        )  # fmt: skip


def _ended(
    training: Training, process: subprocess.Popen[bytes], end: float | None, tell: Callable[[str], None]
) -> State:
    """Wait for a training, end it if it does not stop, and say how it went."""
    try:
        code = process.wait(None if end is None else max(1.0, end + GRACE - time.time()))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        tell(f"{training.name}: ended, because it had not stopped in time; its last checkpoint is kept")
        return "late"
    done, spent = progress(training)
    if code:
        lines = training.folder.with_suffix(".txt").read_text(encoding="utf-8", errors="replace").splitlines()
        tell(f"{training.name}: failed: {lines[-1] if lines else f'exit code {code}'}")
        return "failed"
    rate = f", {spent / done:.3g} s each" if done else ""
    tell(f"{training.name}: {done:,} of {training.hparams.iterations:,} iterations in {spent:.0f} s{rate}")
    return "done"
