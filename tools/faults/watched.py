"""`python -m tools.faults.watched LOG WORDS...`: a command of `fhpt-bench` whose file operations are written to LOG.

Its last line says whether the command has imported torch, which alone takes about two seconds of processor time.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fhpt_bench.cli import main
from tools.faults.files import Disk

TORCH = "imported torch"

if __name__ == "__main__":
    log, *words = sys.argv[1:]
    Disk([Path("/")], Path(log)).install()
    sys.argv = ["fhpt-bench", *words]
    try:
        main(words)
    finally:
        with Path(log).open("a") as file:
            file.write(f"{TORCH}\n" if "torch" in sys.modules else "")
