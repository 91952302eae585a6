"""fhpt-bench: evaluation of human pose transfer.

`import fhpt_bench as fb; record = fb.run("warp")` is the simple interface. Each name is imported when it is first used,
so that `fhpt-bench --help` stays fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from fhpt_bench.version import VERSION as __version__

if TYPE_CHECKING:
    from fhpt_bench.errors import UserError
    from fhpt_bench.evaluation.engine import evaluate, run
    from fhpt_bench.evaluation.evaluator import Evaluator
    from fhpt_bench.records.schema import Record, read_record

__all__ = ["Evaluator", "Record", "UserError", "__version__", "evaluate", "read_record", "run"]

_MODULES = {
    "Evaluator": "fhpt_bench.evaluation.evaluator",
    "Record": "fhpt_bench.records.schema",
    "UserError": "fhpt_bench.errors",
    "evaluate": "fhpt_bench.evaluation.engine",
    "read_record": "fhpt_bench.records.schema",
    "run": "fhpt_bench.evaluation.engine",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'fhpt_bench' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
