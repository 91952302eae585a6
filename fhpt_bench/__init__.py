"""fhpt-bench: evaluation of human pose transfer.

`import fhpt_bench as fb; record = fb.run("warp")` is the whole of the simple interface; what it needs is imported
when it is first used, so that `fhpt-bench --help` stays quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fhpt_bench.engine import evaluate, run
    from fhpt_bench.errors import UserError
    from fhpt_bench.record import Record, read_record

__version__ = "0.1.0"
__all__ = ["Record", "UserError", "__version__", "evaluate", "read_record", "run"]

_HOMES = {
    "Record": "fhpt_bench.record",
    "UserError": "fhpt_bench.errors",
    "evaluate": "fhpt_bench.engine",
    "read_record": "fhpt_bench.record",
    "run": "fhpt_bench.engine",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'fhpt_bench' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
