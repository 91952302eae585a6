"""One process or many: the same run, its batches dealt out over ranks, `torchrun`'s or our own."""

from __future__ import annotations

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
_LOOK_ROUND = 2  # seconds between two looks whether the main process is still there
_STARTED_BY = "FHPT_STARTED_BY"
_finished = threading.Event()


@dataclass(frozen=True)
class Processes:
    """The processes that share a run.

    Args:
        count: how many.
        rank: this one's number, from 0.
        wait: returns when all have called it.
    """

    count: int = 1
    rank: int = 0
    wait: Callable[[], None] = lambda: None

    @property
    def main(self) -> bool:
        """Whether this is the process that writes the record."""
        return self.rank == 0


def launched() -> tuple[int, int]:
    """How many processes a launcher (`torchrun`, `accelerate launch`, `start`) started, and which of them this is.

    Returns:
        (count, rank from 0), as the environment says: nothing is imported or joined.
    """
    return int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))


def best_count(device: str, pairs: int) -> int:
    """How many processes a run is best shared by: on a CPU one a core, with a single thread each, else one.

    Args:
        device: "cpu" or "cuda".
        pairs: how many there are; few are done before others have started.

    Examples:
        >>> best_count("cuda", 800), best_count("cpu", 50)
        (1, 1)
    """
    from loky import cpu_count

    return 1 if device != "cpu" else max(1, min(_MOST, cpu_count(), pairs // _PAIRS_EACH))


def start(count: int) -> None:
    """Start this very command in more processes, which `join` then joins; nothing where a launcher has done so.

    Args:
        count: how many processes there will be, with this one.

    Raises:
        UserError: in a program that is not ours, whose command would do something else.
    """
    if count < 2 or "WORLD_SIZE" in os.environ:
        return
    program = Path(sys.argv[0])
    if program.stem != "fhpt-bench" and program.parts[-2:] != ("fhpt_bench", "__main__.py"):
        raise UserError(f"processes={count} is for the command line: start this program by torchrun, or give 1.")
    import torch

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    for rank in range(1, count):
        own = {"RANK": str(rank), "LOCAL_RANK": str(rank), _STARTED_BY: str(os.getpid())}
        # -P: a folder of the user's that is called as a package of ours must not be taken for it.
        command = [sys.executable, "-P", "-m", "fhpt_bench", *sys.argv[1:]]
        _end_without(subprocess.Popen(command, env={**os.environ, **shared, **own}))
    os.environ.update(shared, RANK="0", LOCAL_RANK="0")
    torch.set_num_threads(1)


def _end_without(process: subprocess.Popen[bytes]) -> None:
    """End this process when one that it started has failed: it would wait for it for ever."""

    def watch() -> None:
        if (code := process.wait()) and not _finished.is_set():
            # What went wrong was said there. Not through sys.stderr, which a progress bar may hold.
            os.write(2, b"stopped, since one of the processes of this run has failed; what was finished is kept\n")
            os._exit(code if code > 0 else 1)

    threading.Thread(target=watch, daemon=True).start()


def set_finished() -> None:
    """Say that all processes have done their part: from now on, how the others end does not matter to this one."""
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

    state = PartialState(cpu=device == "cpu")
    return Processes(state.num_processes, state.process_index, state.wait_for_everyone)


def end_with(main: int) -> None:
    """End this process when the main one is no longer there, whatever it is waiting for.

    Args:
        main: its number; it started this one.
    """

    def watch() -> None:
        while os.getppid() == main:
            time.sleep(_LOOK_ROUND)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
