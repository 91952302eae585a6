"""The processes that share a run, started by `torchrun` or by `start`."""

from __future__ import annotations

import atexit
import datetime
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fhpt_bench.errors import UserError

_MOST, _PAIRS_EACH = 8, 100  # each process holds the networks in memory, and takes seconds to start
_CHECK_EVERY = 2  # seconds between two checks whether the main process is still running
_STARTED_BY = "FHPT_STARTED_BY"
_LONGEST = datetime.timedelta(days=7)  # that a process waits for the others
_finished = threading.Event()


@dataclass(frozen=True)
class Processes:
    """The processes that share a run.

    Args:
        count: number of processes.
        rank: number of this process, from 0.
        wait: a barrier: returns when all processes have called it.
    """

    count: int = 1
    rank: int = 0
    wait: Callable[[], None] = lambda: None

    @property
    def main(self) -> bool:
        """Whether this is the process that writes the record."""
        return self.rank == 0


def launched() -> tuple[int, int]:
    """The number of processes that a launcher (`torchrun`, `accelerate launch`, `start`) started, and the own rank.

    Returns:
        (count, rank from 0), read from the environment: nothing is imported or joined.
    """
    return int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))


def by_launcher() -> bool:
    """Whether a launcher such as `torchrun` started several processes; those of `start` do not count."""
    return launched()[0] > 1 and _STARTED_BY not in os.environ


def on_this_machine(count: int) -> int:
    """How many of the processes that share a run are on this machine, as `torchrun` says; all, if nothing says it.

    Args:
        count: number of processes of the run.

    Examples:
        >>> on_this_machine(1)
        1
    """
    return max(1, min(count, int(os.environ.get("LOCAL_WORLD_SIZE", count))))


def waiting_cores() -> int:
    """How many cores of this machine are free while only the main process works: one per process of the run on it."""
    return on_this_machine(launched()[0])


def best_count(device: str, pairs: int) -> int:
    """The best number of processes for a run: on a CPU one single-threaded process per core, else one.

    Args:
        device: "cpu" or "cuda".
        pairs: number of pairs; few pairs are finished before more processes have started.

    Examples:
        >>> best_count("cuda", 800), best_count("cpu", 50)
        (1, 1)
    """
    from loky import cpu_count

    return 1 if device != "cpu" else max(1, min(_MOST, cpu_count(), pairs // _PAIRS_EACH))


def start(count: int) -> None:
    """Start the same command in more processes, which `join` then joins; does nothing under another launcher.

    Args:
        count: total number of processes, including this one.

    Raises:
        UserError: if this is not the fhpt-bench command, whose arguments could be repeated.
    """
    if count < 2 or "WORLD_SIZE" in os.environ:
        return
    program = Path(sys.argv[0])
    if program.stem != "fhpt-bench" and program.parts[-2:] != ("fhpt_bench", "__main__.py"):
        raise UserError(
            f"processes={count} works only on the command line: start this program with torchrun, or give 1."
        )
    import torch

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # LOCAL_WORLD_SIZE too: Accelerate sets it to 1 if it is missing.
    shared = {
        "WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    for rank in range(1, count):
        own = {"RANK": str(rank), "LOCAL_RANK": str(rank), _STARTED_BY: str(os.getpid())}
        # -P: a folder in the working directory with the name of one of our packages must not be imported in its place.
        command = [sys.executable, "-P", "-m", "fhpt_bench", *sys.argv[1:]]
        _end_without(subprocess.Popen(command, env={**os.environ, **shared, **own}))
    os.environ.update(shared, RANK="0", LOCAL_RANK="0")
    torch.set_num_threads(1)


def one_thread() -> int:
    """Compute as one of several processes of `start` does, so that the last digits are the same; returns 1."""
    import torch

    if launched()[0] < 2:
        torch.set_num_threads(1)
    return 1


def _end_without(process: subprocess.Popen[bytes]) -> None:
    """End this process when one that it started has failed: otherwise it would wait forever."""

    def watch() -> None:
        if (code := process.wait()) and not _finished.is_set():
            # The failed process has printed the reason. Not through sys.stderr, which a progress bar may have replaced.
            os.write(2, b"stopped: one of the processes of this run has failed; finished work is kept\n")
            os._exit(code if code > 0 else 1)

    threading.Thread(target=watch, daemon=True).start()


def set_finished() -> None:
    """Record that all processes have finished their work: from now on, their exit codes are ignored."""
    _finished.set()


def join(device: str) -> Processes:
    """Join the other processes that a launcher or `start` started, if any.

    Args:
        device: "cpu" or "cuda".
    """
    if _STARTED_BY in os.environ:
        end_with(int(os.environ[_STARTED_BY]))
    if launched()[0] < 2:
        return Processes()
    from accelerate import PartialState

    # A barrier lasts as long as the main process computes scores. If a process dies, the launcher ends the others.
    state = PartialState(cpu=device == "cpu", timeout=_LONGEST)
    atexit.unregister(_leave)
    atexit.register(_leave)

    def wait() -> None:
        try:
            state.wait_for_everyone()
        except RuntimeError:  # another process has closed its connection
            if _STARTED_BY in os.environ:
                sys.exit(1)  # the main process has said why
            raise UserError("Another process of this run has ended: its message says why.") from None

    return Processes(state.num_processes, state.process_index, wait)


def _leave() -> None:
    """Leave the group: a thread of gloo that still holds a tensor when Python ends would abort this process."""
    import torch

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def end_with(main: int) -> None:
    """End this process when the main process has ended, whatever this one is waiting for.

    Args:
        main: process id of the main process, which started this one.
    """

    def watch() -> None:
        while os.getppid() == main:
            time.sleep(_CHECK_EVERY)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
