"""The record: what one model got on one benchmark, complete enough to be checked by somebody else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from fhpt_bench.errors import UserError, did_you_mean
from fhpt_bench.files import explained
from fhpt_bench.records.pair_table import read_pair_values

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION: Literal[1] = 1
RECORD_FILE = "record.json"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class BenchmarkPart(_Part):
    """On what was measured."""

    id: str
    version: str
    title: str
    image_size: tuple[int, int]
    n_pairs: int
    limit: int | None
    pairs_sha256: str
    data_sha256: str
    # The part of the pair list that was asked for; its pairs are in the digest of the pair list.
    subset: str | None = None
    # Of the training images' pixels, where a protocol compared with them: part of those protocols' fingerprints only.
    train_sha256: str | None = None
    # How many pairs of the list have no image in the judged folder: `n_pairs` and `pairs_sha256` are without them.
    missing: int = 0

    @property
    def identity(self) -> list[Any]:
        """What two runs must share for their numbers to be comparable.

        The images, keypoints and anchors are part of it: one id and version over other pixels is another loaded.
        """
        return [self.id, self.version, self.pairs_sha256, list(self.image_size), self.data_sha256]


class FolderPart(_Part):
    """How images that were made elsewhere were found and read."""

    layout: str
    resize: str | None
    # What they were and what was done with them, as "256x256, cropped to 176x256" -> how many.
    sizes: dict[str, int]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    remarks: tuple[str, ...]


class ModelPart(_Part):
    """What was measured."""

    name: str
    title: str
    paper: str
    year: int | None
    licence: str
    conditioning: tuple[str, ...]
    oracle: bool
    origin: str
    code_sha256: str | None
    codec: str
    # Of a trained model: recipe -> digest of the tensors. Records of 0.1.0 before the new layout call it "learnt".
    trained: dict[str, str] = Field(default={}, validation_alias=AliasChoices("trained", "learnt"))
    folder: FolderPart | None = None


class Provenance(_Part):
    """Where and with what it was measured."""

    created: str
    fhpt_bench: str
    git_commit: str | None
    python: str
    platform: str
    packages: dict[str, str]
    device: str
    dtype: str
    threads: int
    processes: int
    seeds: dict[str, int]
    weights: dict[str, str]


class Stage(_Part):
    """One stage of the run: wall time of this and earlier, resumed runs together."""

    name: str
    seconds: float
    images: int
    forwards: int


class ScoreEntry(_Part):
    """One number, or the reason why there is none; `per_pair` reads the values of its pairs."""

    protocol: str
    variant: str
    metric: str
    label: str
    status: Literal["ok", "failed", "skipped"]
    value: float | None
    unit: str
    higher_is_better: bool
    interval: tuple[float, float, str] | None
    n: int
    skipped: dict[str, int]
    fingerprint: str
    details: dict[str, Any]
    reason: str | None
    _folder: Path | None = PrivateAttr(None)

    @property
    def key(self) -> str:
        """`protocol:variant:metric`, unique in a record."""
        return f"{self.protocol}:{self.variant}:{self.metric}"

    @property
    def per_pair(self) -> pd.Series[float]:
        """The values by pair id, NaN where a pair was skipped.

        Raises:
            UserError: where the score is of the whole set, or the record was not read from a folder.
        """
        table = read_pair_values(self._folder).get(self.key) if self._folder else None
        if table is None:
            raise UserError(f"The score {self.key} has no values by pair.")
        return table["value"]

    @model_validator(mode="after")
    def _value_or_reason(self) -> ScoreEntry:
        if (self.value is not None) != (self.status == "ok"):
            raise ValueError("a score has a value if and only if its status is ok")
        if self.value is None and not self.reason:
            raise ValueError("a score without a value needs a reason")
        return self


class PairsPart(_Part):
    """The table of per-pair values beside the record."""

    file: str
    sha256: str
    rows: int


class Record(_Part):
    """What one model got on one benchmark; indexed by protocol, `protocol:variant` or `protocol:variant:metric`."""

    schema_version: Literal[1]
    run_id: str
    benchmark: BenchmarkPart
    model: ModelPart
    provenance: Provenance
    protocols: tuple[dict[str, Any], ...]
    stages: tuple[Stage, ...]
    pairs: PairsPart
    scores: tuple[ScoreEntry, ...]
    _folder: Path | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _unique(self) -> Record:
        keys = [score.key for score in self.scores]
        if len(set(keys)) < len(keys):
            raise ValueError("a score stands twice")
        return self

    @property
    def folder(self) -> Path | None:
        """The folder it was read from or written to."""
        return self._folder

    @property
    def failed(self) -> tuple[ScoreEntry, ...]:
        """The scores whose protocol broke."""
        return tuple(score for score in self.scores if score.status == "failed")

    def __getitem__(self, key: str) -> ScoreEntry:
        """The first score that a key fits, so that `record["lpips"]` is its first variant's headline.

        Raises:
            KeyError: where none does.
        """
        for score in self.scores:
            if key in (score.protocol, f"{score.protocol}:{score.variant}", score.key):
                return score
        raise KeyError(f"{key}: {did_you_mean(key, {score.protocol for score in self.scores})}")

    def placed(self, folder: Path) -> Record:
        """The same record, knowing the folder in which its files lie."""
        self._folder = folder
        for score in self.scores:
            score._folder = folder
        return self


def read_record(path: Path) -> Record:
    """Read and check a record.

    Args:
        path: a `record.json`, or the folder that holds one.

    Raises:
        UserError: where it is missing, of a newer schema, or not a record.
    """
    file = path / RECORD_FILE if path.is_dir() else path
    with explained(file, "read"):
        text = file.read_text(encoding="utf-8")
    try:
        content = json.loads(text)
        version = content["schema_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} is not a record of fhpt-bench.") from error
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise UserError(
            f"The record {file} has schema version {version}, but this fhpt-bench reads up to {SCHEMA_VERSION}: "
            "upgrade fhpt-bench."
        )
    try:
        return Record.model_validate(content).placed(file.parent)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "record"
        raise UserError(f"The record {file} is wrong at {where}: {first['msg']}.") from error
