"""A command in a process of its own, forked from this one, which has imported the libraries before."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from fhpt_bench.model import models
from fhpt_bench.plugin_code import code_digest

# Slow to import; a child that needs another library imports it itself.
_LIBRARIES = (
    "torch", "torch._dynamo", "tensorboard.summary.writer.record_writer", "accelerate", "safetensors.torch", "pandas",
    "pydantic", "rich.progress", "matplotlib.figure", "scipy.ndimage", "skimage.metrics",
    "fhpt_bench.evaluation.engine", "fhpt_bench.training.loop",
    "fhpt_bench.data.prepare.writing", "fhpt_bench.records.validation",
)  # fmt: skip
PATIENCE = 300  # seconds after which a command counts as hanging
# What `evaluate` says of the images, and the leaderboard of records, before they go on.
_NOTES = ("Layout ", "ignored: ")
_BAR = re.compile(r"[━╸╺]|\d+/\d+ .*:..:..$|images/s$")


@dataclass(frozen=True)
class Ended:
    """A command that has ended.

    Args:
        code: its exit code; negative: the signal that killed it.
        out: its standard output.
        err: its standard error, without progress bars.
        seconds: how long it ran.
    """

    code: int
    out: str
    err: str
    seconds: float

    @property
    def sentence(self) -> str | None:
        """Why it refused: exit code 2 and one sentence, below notes on the input; None if it ended in any other way."""
        lines = [line for line in self.err.splitlines() if not line.startswith(_NOTES)]
        return lines[0] if self.code == 2 and len(lines) == 1 and lines[0].startswith("error: ") else None

    def __str__(self) -> str:
        return f"exit code {self.code}, {self.err.strip() or 'nothing on standard error'}"


def without_bars(text: str) -> str:
    """Standard error without the lines of progress bars, and without empty lines."""
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip() and not _BAR.search(line.rstrip())]
    return "".join(f"{line}\n" for line in lines)


def load_libraries() -> None:
    """Import what the commands need, so that a fault hits their work and not their imports."""
    for name in _LIBRARIES:
        importlib.import_module(name)
    code_digest(models.load("copy-source"))  # remembers the installed packages


class Command:
    """A command of `fhpt-bench`, started in a process group of its own.

    Args:
        words: its arguments.
        here: its working directory; its output goes to files there.
        environment: variables to set.
        prepare: called in the process before the command begins.
    """

    def __init__(
        self,
        words: Sequence[object],
        here: Path,
        environment: Mapping[str, str],
        prepare: Callable[[], object] = lambda: None,
    ) -> None:
        here.mkdir(parents=True, exist_ok=True)
        self._files = [here / f"{name}-{time.monotonic_ns()}" for name in ("out", "err")]
        context = multiprocessing.get_context("fork")
        self._process: BaseProcess = context.Process(
            target=_work, args=([str(word) for word in words], here, self._files, dict(environment), prepare)
        )
        self._start = time.monotonic()
        self._process.start()

    def kill(self, after: float) -> bool:
        """Kill its process group at a moment.

        Args:
            after: the moment, in seconds since its start.

        Returns:
            Whether it was still running.
        """
        self._process.join(max(0.0, self._start + after - time.monotonic()))
        if not self._process.is_alive():  # its number may be that of another process by now
            return False
        self._signal()
        self._process.join()
        return self._process.exitcode == -signal.SIGKILL

    def wait(self) -> Ended:
        """Wait for its end; after five minutes it is killed."""
        self._process.join(PATIENCE)
        seconds = time.monotonic() - self._start
        if self._process.is_alive():
            self._signal()
            self._process.join()
        out, err = (file.read_text(errors="replace") if file.exists() else "" for file in self._files)
        for file in self._files:
            file.unlink(missing_ok=True)
        code = self._process.exitcode
        return Ended(-1 if code is None else code, out, without_bars(err), seconds)

    def _signal(self) -> None:
        # Until the child has its own group, only the child itself can be killed.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid or 0, signal.SIGKILL)
        self._process.kill()


def _work(
    words: list[str], here: Path, files: Sequence[Path], environment: dict[str, str], prepare: Callable[[], object]
) -> None:
    os.setsid()
    for number, file in enumerate(files, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(here)
    os.environ.update(environment)
    sys.argv = ["fhpt-bench", *words]  # a run of several processes repeats its arguments
    from fhpt_bench.cli import main

    prepare()
    main(words)
