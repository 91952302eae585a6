"""The folder of a run: finished work is kept, even if the run is killed."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fhpt_bench.errors import UserError
from fhpt_bench.files import explained, sha256_json, write_text
from fhpt_bench.protocol import PairValues
from fhpt_bench.records.pair_table import PAIRS_FILE
from fhpt_bench.records.schema import RECORD_FILE

# What a run writes, and therefore everything that --overwrite may remove.
_OWN = ("run.json", RECORD_FILE, PAIRS_FILE, "variants.md", "images", "figures", "progress")


@dataclass
class Work:
    """The cost of a stage: wall seconds, images, and network forwards (one per image)."""

    seconds: float = 0.0
    images: int = 0
    forwards: int = 0

    def add(self, other: Work) -> None:
        """Add another cost to this one."""
        self.seconds += other.seconds
        self.images += other.images
        self.forwards += other.forwards


# Metric -> (value or NaN, weight, reason for skipping the pair or "").
PairResult = Mapping[str, tuple[float, float, str]]


@dataclass
class Batch:
    """The results of one batch of pairs.

    Args:
        images: pair id -> digest of its generated image.
        values: protocol fingerprint -> pair id -> result for that image.
        stages: name -> cost.
    """

    images: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, PairResult]] = field(default_factory=dict)
    stages: dict[str, Work] = field(default_factory=dict)


@dataclass
class Finished:
    """The results of all finished batches.

    Args:
        images: pair id -> digest of its generated image.
        values: (fingerprint, pair id, image digest) -> result.
        stages: name -> cost.
    """

    images: dict[str, str] = field(default_factory=dict)
    values: dict[tuple[str, str, str], PairResult] = field(default_factory=dict)
    stages: dict[str, Work] = field(default_factory=dict)

    def add(self, batch: Batch) -> None:
        """Add the results of one batch."""
        self.images.update(batch.images)
        for fingerprint, pairs in batch.values.items():
            for pair, result in pairs.items():
                self.values[fingerprint, pair, batch.images[pair]] = result
        for name, work in batch.stages.items():
            self.stages.setdefault(name, Work()).add(work)

    def has(self, fingerprint: str, images: Mapping[str, str]) -> bool:
        """Whether a protocol has results for these pairs (id -> image digest) with exactly these images."""
        return all((fingerprint, pair, image) in self.values for pair, image in images.items())

    def gather(self, fingerprint: str, pairs: Sequence[str]) -> dict[str, PairValues]:
        """Each metric's values in the order of the pairs."""
        rows = [self.values[fingerprint, pair, self.images[pair]] for pair in pairs]
        found = {}
        for metric in rows[0]:
            value, weight, skipped = zip(*(row[metric] for row in rows), strict=True)
            found[metric] = PairValues(np.array(value, float), np.array(weight, float), tuple(skipped))
        return found


class RunFolder:
    """The folder of one run.

    Args:
        path: the folder.
        identity: what identifies the run (model, code, benchmark, data); JSON values.
        overwrite: delete the run that it holds, and start again.

    Raises:
        UserError: if it cannot be written, or holds another run.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any], overwrite: bool = False) -> None:
        self.path = path
        self.run_id = sha256_json(identity)
        file = path / "run.json"
        if overwrite:
            self._clear()
        if file.is_file():
            self._check_same(file)
        write_text(file, json.dumps({"run_id": self.run_id, **identity}, indent=1) + "\n")

    def _clear(self) -> None:
        for name in _OWN:
            target = self.path / name
            with explained(target, "remove"):
                if target.is_dir() and not target.is_symlink():
                    shutil.rmtree(target)
                else:
                    target.unlink(missing_ok=True)

    def _check_same(self, file: Path) -> None:
        with explained(file, "read"):
            try:
                held = json.loads(file.read_text(encoding="utf-8"))["run_id"]
            except (ValueError, KeyError, TypeError):
                held = None
        if held != self.run_id:
            raise UserError(
                f"{self.path} holds a run of another model, code or data: "
                "give --overwrite to replace it, or --out with another folder."
            )

    @property
    def images(self) -> Path:
        """The folder of the generated images, `<pair id>.png`."""
        return self.path / "images"

    def finished(self) -> Finished:
        """Read the finished batches of all processes, of this and earlier attempts; incomplete lines are ignored."""
        found = Finished()
        for file in sorted((self.path / "progress").glob("*.jsonl")):
            with explained(file, "read"):
                lines = file.read_bytes().splitlines()
            for line in lines:
                try:
                    content = json.loads(line)
                except ValueError:
                    continue
                found.add(_decode(content))
        return found

    def append(self, rank: int, batch: Batch) -> None:
        """Save a finished batch as one line, on disk before the next batch begins.

        Args:
            rank: the rank of this process; each process writes its own file.
            batch: its results.

        Raises:
            UserError: if it cannot be written.
        """
        file = self.path / "progress" / f"rank-{rank}.jsonl"
        with explained(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("ab") as stream:
                # The newline in front separates this line from one that a kill cut short.
                stream.write(b"\n" + json.dumps(_encode(batch), allow_nan=False).encode() + b"\n")
                stream.flush()
                os.fsync(stream.fileno())


def _encode(batch: Batch) -> dict[str, Any]:
    def row(value: float, weight: float, reason: str) -> list[Any]:
        return [None if math.isnan(value) else value, weight, reason]

    return {
        "images": batch.images,
        "values": {
            fingerprint: {pair: {name: row(*r) for name, r in result.items()} for pair, result in pairs.items()}
            for fingerprint, pairs in batch.values.items()
        },
        "stages": {name: [work.seconds, work.images, work.forwards] for name, work in batch.stages.items()},
    }


def _decode(content: dict[str, Any]) -> Batch:
    def row(value: float | None, weight: float, reason: str) -> tuple[float, float, str]:
        return (math.nan if value is None else value, weight, reason)

    return Batch(
        content["images"],
        {
            fingerprint: {pair: {name: row(*r) for name, r in result.items()} for pair, result in pairs.items()}
            for fingerprint, pairs in content["values"].items()
        },
        {name: Work(*cost) for name, cost in content["stages"].items()},
    )
