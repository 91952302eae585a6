"""Two revisions of this repository, which do the same steps in turn, so that other work on the machine slows both."""

from __future__ import annotations

import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
WARM_UP = 1  # steps that are not counted
Answers = list[tuple[dict[str, Any], dict[str, Any]]]


@contextmanager
def checkout(revision: str) -> Iterator[Path]:
    """A temporary copy of the packages of a revision."""
    packages = ("fhpt_bench", "protocols", "baselines", "drn", "leaderboards")
    archive = subprocess.run(["git", "archive", revision, *packages], cwd=ROOT, capture_output=True, check=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder, filter="data")
        yield Path(folder)


@contextmanager
def worker(tree: Path, job: str, name: str) -> Iterator[subprocess.Popen[str]]:
    """A process of one thread with the code of a tree, see `tools/speed/worker.py`."""
    command = [sys.executable, "-P", str(ROOT / "tools" / "speed" / "worker.py"), job, name]
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, env=environment, cwd=tree, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        if process.stdin:
            process.stdin.close()


def begin(process: subprocess.Popen[str], number: int) -> None:
    """Let a worker begin a step."""
    assert process.stdin
    process.stdin.write(f"{number}\n")
    process.stdin.flush()


def end(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a worker's step.

    Raises:
        SystemExit: if it has failed.
    """
    assert process.stdout
    if not (line := process.stdout.readline()):
        raise SystemExit("the worker has failed")
    answer: dict[str, Any] = json.loads(line)
    return answer


def alternate(revision: str, job: str, name: str, steps: int) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Let a revision and this working tree do each step in turn.

    Yields:
        The answers of both for each step, `WARM_UP` of them before those that are counted.
    """
    with checkout(revision) as tree, worker(tree, job, name) as old, worker(ROOT, job, name) as new:
        for number in range(WARM_UP + steps):
            # Each goes first in every second step.
            order = (old, new) if number % 2 else (new, old)
            answers = {}
            for process in order:
                begin(process, number)
                answers[process.pid] = end(process)
            yield answers[old.pid], answers[new.pid]


def described(revision: str) -> str:
    """A revision as a page names it: its abbreviation, date and subject."""
    shown = subprocess.run(
        ["git", "show", "-s", "--format=%h of %cs (%s)", revision], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return shown.stdout.strip()


def times(answers: Answers, each: int) -> tuple[tuple[str, ...], list[list[str]]]:
    """The header and the rows of a table of times: minimum and median of both sides, and the median of the ratios.

    Args:
        answers: of both sides, also for the first steps, which are not counted.
        each: number of images or iterations in a step.
    """
    rows = []
    for what, title, digits in (("cpu", "CPU seconds", 3), ("wall", "seconds", 3), ("faults", "page faults", 0)):
        old, new = ([answer[side][what] / each for answer in answers[WARM_UP:]] for side in (0, 1))
        ratio = statistics.median(a / b for a, b in zip(old, new, strict=True)) if min(new) else float("nan")
        cells = [f"{value:.{digits}f}" for side in (old, new) for value in (min(side), statistics.median(side))]
        rows.append([title, *cells, f"{ratio:.2f}"])
    return ("", "before, least", "before, median", "now, least", "now, median", "before / now, median"), rows
