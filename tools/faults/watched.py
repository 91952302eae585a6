"""`python -m tools.faults.watched LOG WORDS...`: a command of `fhpt-bench` whose file operations are written to LOG."""

from __future__ import annotations

import sys
from pathlib import Path

from fhpt_bench.cli import main
from tools.faults.files import Disk

if __name__ == "__main__":
    log, *words = sys.argv[1:]
    Disk([Path("/")], Path(log)).install()
    sys.argv = ["fhpt-bench", *words]
    main(words)
