"""One process and its children: seconds, CPU seconds, peak memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_SET_CHILD_SUBREAPER = 36  # of Linux's prctl
_INTERVAL = 0.1  # seconds between two looks at the memory


@dataclass(frozen=True)
class Cost:
    """The cost of a process.

    Args:
        seconds: wall seconds, from its start to its end.
        cpu: CPU seconds in user and system mode, of it and of all processes that it started.
        peak: MiB: the largest sum of the resident memory of its processes at one time, looked up every 0.1 s (what
            processes share is counted in each).
        forwards: network -> images that went through it.
        reason: why it failed, or "".
    """

    seconds: float
    cpu: float
    peak: float
    forwards: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""


def measure(words: Sequence[str], environment: Mapping[str, str], log: Path) -> Cost:
    """Run a command and measure it.

    Args:
        words: the command.
        environment: its whole environment.
        log: file for its output.

    Returns:
        The cost without forwards; the reason is the last line of the output if it failed.
    """
    adopt_orphans()
    with log.open("w+", encoding="utf-8", errors="replace") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            words, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        ended, peaks = threading.Event(), [0]
        watcher = threading.Thread(target=_watch, args=(process.pid, ended, peaks))
        watcher.start()
        seconds, cpu = waited(process, start)
        ended.set()
        watcher.join()
        output.seek(0)
        lines = [line.strip() for line in output.read().splitlines() if line.strip()]
    last = lines[-1][:200] if lines else "no output"
    # Not `ru_maxrss`: on Linux it starts with the resident memory of the process that started this one.
    peak = max(peaks) / 2**20
    reason = f"ended with {process.returncode}: {last}" if process.returncode else ""
    return Cost(seconds, cpu, peak, reason=reason)


def adopt_orphans(adopt: bool = True) -> None:
    """Make processes whose parent has ended children of this one, so that it can ask for their time; Linux only.

    Args:
        adopt: False ends it: a process that has ended stays in the list of processes until its parent asks for it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, int(adopt), 0, 0, 0)


def waited(process: subprocess.Popen[str] | subprocess.Popen[bytes], start: float) -> tuple[float, float]:
    """Wait for a process that was started with `start_new_session`, and for all that it has started.

    Args:
        process: the process, started after `adopt_orphans`.
        start: `time.perf_counter()` when it was started.

    Returns:
        Its wall seconds, and the CPU seconds of all.
    """
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)  # so that Popen does not wait for it again
    cpu = usage.ru_utime + usage.ru_stime
    with contextlib.suppress(ChildProcessError):
        while True:
            _, _, usage = os.wait4(-process.pid, 0)  # of its group
            cpu += usage.ru_utime + usage.ru_stime
    adopt_orphans(False)
    return seconds, cpu


def _watch(session: int, ended: threading.Event, peaks: list[int]) -> None:
    while not ended.wait(_INTERVAL):
        peaks.append(resident(session))


def resident(session: int) -> int:
    """The resident memory of all processes of a session, in bytes; 0 if the system has no /proc.

    Args:
        session: its id, the process id of its first process.
    """
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            after_name = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if int(after_name[3]) == session:
                total += int((folder / "statm").read_text(encoding="utf-8").split()[1]) * _PAGE
        except (OSError, IndexError, ValueError):  # it has ended meanwhile
            continue
    return total
