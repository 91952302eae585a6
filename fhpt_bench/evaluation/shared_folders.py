"""Whether the processes of a run fit together: otherwise their work would be lost when the run ends."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from fhpt_bench.errors import UserError
from fhpt_bench.evaluation.exchange import from_all
from fhpt_bench.evaluation.run_folder import RUN_FILE, RunFolder
from fhpt_bench.files import cache_folder, write_bytes
from fhpt_bench.processes import Processes

_PATIENCE = 10.0  # seconds until a new file must be seen: network drives can be late
_WAYS = {
    "run folder": "give --out with one folder that all machines share",
    "cache folder": "set FHPT_CACHE_DIR to one folder that all machines share",
}


def check_shared(folder: RunFolder, processes: Processes) -> None:
    """Refuse a run whose processes do not share its folder or the cache folder.

    The main process writes an empty file with a random name into both folders, which the others look for.

    Args:
        folder: the run's folder.
        processes: all of which must call this; after they were joined.
        device: "cpu" or "cuda".

    Raises:
        UserError: in every process, if one of them differs from the main process.
    """
    if processes.count < 2:
        return
    # Named as what a kill leaves of writing a file: other commands ignore it.
    name, places = f"{secrets.token_hex(4)}.part", dict(zip(_WAYS, (folder.path, cache_folder()), strict=True))
    try:
        if processes.main:
            for place in places.values():
                write_bytes(_token(place, name), b"")
        name = from_all(name)[0]
        lacks = [what for what, place in places.items() if not _appears(_token(place, name))]
        found = from_all((lacks, str(folder.path), str(cache_folder())))
    finally:
        if processes.main:
            for place in places.values():
                _token(place, name).unlink(missing_ok=True)
    for rank, (lacking, *paths) in enumerate(found):
        for what, path in zip(_WAYS, paths, strict=True):
            if what in lacking:
                raise UserError(f"Process {rank} does not see the {what} of process 0 at {path}: {_WAYS[what]}.")


def _token(place: Path, name: str) -> Path:
    return place / f".{RUN_FILE}.{name}"


def _appears(file: Path) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while not file.exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
