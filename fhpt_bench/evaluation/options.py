"""The options that `run` and `evaluate` share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BATCH_SIZE = 16


@dataclass(frozen=True)
class RunOptions:
    """What to measure, on which pairs, where and how; `fhpt_bench.evaluation.engine.run` describes each one."""

    benchmark: str
    protocols: str | Sequence[str]
    data_root: str | Path | None = None
    subset: str | None = None
    limit: int | None = None
    out: str | Path | None = None
    batch_size: int = BATCH_SIZE
    device: str | None = None
    overwrite: bool = False
    keypoints: str | Path | None = None
    progress: bool = False
    processes: int | None = 1
    variants: str | None = None
    images: str | Path | None = None  # of `evaluate`
