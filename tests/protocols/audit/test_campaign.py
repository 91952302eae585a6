"""The processes of an audit."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest


def wait_for(what: Callable[[], bool], seconds: float = 90) -> bool:
    """Whether something happens in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.2)
    return False


def runs(process: Path) -> bool:
    """Whether a process of /proc runs: one that has ended stays listed until its new parent asks for it."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="lists child processes as Linux does")
def test_its_processes_end_with_a_killed_audit(tmp_path: Path) -> None:
    """They held gigabytes for ever."""
    words = [
        "audit",
        "-p",
        "ssim",
        "--limit",
        "6",
        "--damage",
        "blur",
        "--processes",
        "2",
        "--out",
        str(tmp_path / "a"),
    ]
    main = subprocess.Popen([sys.executable, "-m", "fhpt_bench", *words], stderr=subprocess.DEVNULL)
    listed = Path(f"/proc/{main.pid}/task/{main.pid}/children")
    try:
        assert wait_for(lambda: len(listed.read_text().split()) >= 3), "two workers, and what tracks their resources"
        assert wait_for(lambda: len(list((tmp_path / "a" / "records").iterdir())) >= 2), "they have begun"
        workers = [Path("/proc") / pid for pid in listed.read_text().split()]
    finally:
        main.kill()
        main.wait()
    assert wait_for(lambda: not any(map(runs, workers)), 60)
