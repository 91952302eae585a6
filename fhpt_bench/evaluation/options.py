"""The options that `run` and `evaluate` share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fhpt_bench.devices import check_device
from fhpt_bench.errors import UserError, check_type

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
    encoders: str | Path | None = None
    images: str | Path | None = None  # of `evaluate`
    parsing: str | Path | None = None
    parsing_labels: str | None = None
    figures: bool = True  # of `evaluate`

    def __post_init__(self) -> None:
        # A path may be any object that the system accepts as one; benchmarks are read by name or path.
        if isinstance(self.benchmark, Path):
            object.__setattr__(self, "benchmark", str(self.benchmark))
        for name in ("data_root", "out", "keypoints", "encoders", "images", "parsing"):
            check_type(name, getattr(self, name), (str, Path, type(None)), "a path: str or pathlib.Path")
            if "\0" in str(getattr(self, name)):
                raise UserError(f"{name} is a path with a NUL character: leave it out.")
        check_type("benchmark", self.benchmark, (str,), "a text")
        for name in ("subset", "device", "variants", "parsing_labels"):
            check_type(name, getattr(self, name), (str, type(None)), "a text")
        for name in ("limit", "batch_size", "processes"):
            check_type(name, getattr(self, name), (int, type(None)), "a whole number")
        for name in ("overwrite", "progress", "figures"):
            check_type(name, getattr(self, name), (bool,), "True or False")
        names = [self.protocols] if isinstance(self.protocols, str) else self.protocols
        check_type("protocols", names, (list, tuple), "a text, or a list of texts")
        for one in names:
            check_type("protocols", one, (str,), "a text, or a list of texts")
        check_device(self.device)
