"""The record: all scores of one model on one benchmark, with everything that is needed to check them."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from fhpt_bench.errors import UserError, check_type, did_you_mean, plain
from fhpt_bench.reading import COUNT, LINES, NAME, NUMBER, SCORES, SHARDS, SIDE, read_json
from fhpt_bench.records.pair_table import PairTables

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION: Literal[1] = 1
RECORD_FILE = "record.json"
AUDIT_FILE = "audit.json"  # in a folder with the records of damaged images, which are no models


# What a stranger's record may hold at most; the limits of texts and numbers in general are those of `read_json`.
_Name = Annotated[str, Field(max_length=NAME)]
_Number = Annotated[float, Field(ge=-NUMBER, le=NUMBER)]
_Count = Annotated[int, Field(ge=0, le=COUNT)]
_Side = Annotated[int, Field(ge=1, le=SIDE)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _plain_texts(cls, content: Any) -> Any:
        """Names of files, and texts of strangers, are printed later: control characters are replaced."""
        return _cleaned(content)


def _cleaned(content: Any) -> Any:
    if isinstance(content, str):
        return plain(content)
    if isinstance(content, dict):
        return {_cleaned(key): _cleaned(value) for key, value in content.items()}
    return [*map(_cleaned, content)] if isinstance(content, list | tuple) else content


class BenchmarkPart(_Part):
    """The benchmark that was used."""

    id: _Name
    version: _Name
    title: _Name
    image_size: tuple[_Side, _Side]
    n_pairs: _Count
    limit: _Count | None
    pairs_sha256: str
    data_sha256: str
    # The chosen part of the pair list; the digest of the pair list covers its pairs only.
    subset: _Name | None = None
    # Digest of the training images' pixels, if a protocol uses them: part of such protocols' fingerprints only.
    train_sha256: str | None = None
    # Digest and estimator of the keypoints of face and hands, if they are estimates: part of the fingerprints of
    # protocols that use them.
    landmarks_sha256: str | None = None
    landmarks_by: _Name | None = None
    # Digest of the target images' regions, and the labels of their parsing maps, if a protocol uses them: part of
    # such protocols' fingerprints only.
    parsing_sha256: str | None = None
    parsing_labels: _Name | None = None
    # Number of pairs without a generated image: `n_pairs` and `pairs_sha256` do not include them.
    missing: _Count = 0
    # Number of people (or items) that intervals resample; 0 if the benchmark does not name them.
    people: _Count | None = None

    @property
    def identity(self) -> list[Any]:
        """What two runs must share for their scores to be comparable.

        Images, keypoints and anchors are part of it: the same id and version with other pixels is not comparable.
        """
        return [self.id, self.version, self.pairs_sha256, list(self.image_size), self.data_sha256]


class FolderPart(_Part):
    """How generated images were found and read from a folder."""

    layout: str
    resize: str | None
    # Size and what was done with it, such as "256x256, cropped to 176x256" -> number of images.
    sizes: dict[str, int]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    remarks: tuple[str, ...]


class ModelPart(_Part):
    """The model that was measured."""

    name: _Name
    title: str
    paper: str
    year: _Count | None
    licence: str
    conditioning: tuple[str, ...]
    oracle: bool
    origin: str
    code_sha256: str | None
    codec: str
    # For a trained model: recipe -> digest of its tensors. Older records call it "learnt".
    trained: dict[str, str] = Field(default={}, validation_alias=AliasChoices("trained", "learnt"))
    folder: FolderPart | None = None
    # Smallest and largest value of the first generated batch, if they do not look like [-1, 1].
    output_range: tuple[_Number, _Number] | None = None
    # Pairs per batch, if the model has drawn random numbers: its images depend on it.
    batch_size: _Count | None = None


class ShardPart(_Part):
    """A job that has measured a part of the pairs (`--shard`)."""

    # From 1.
    number: _Count
    pairs: _Count
    ended: str
    platform: str
    threads: _Count
    processes: _Count


class Provenance(_Part):
    """Where, when and with which software it was measured."""

    created: str
    fhpt_bench: str
    git_commit: str | None
    python: str
    platform: str
    packages: dict[str, str]
    # Names of the devices of all stages.
    device: str
    dtype: str
    threads: _Count
    processes: _Count
    seeds: dict[str, int]
    weights: dict[str, str]
    # Names of weights that a file of the user's replaces.
    overrides: tuple[_Name, ...] = ()
    # The jobs that have measured the pairs, if there were several; `processes` and `threads` are those of `merge`.
    shards: Annotated[tuple[ShardPart, ...], Field(max_length=SHARDS)] = ()


class Stage(_Part):
    """One stage of the run: its wall time over all attempts of the run."""

    name: _Name
    seconds: _Number
    images: _Count
    forwards: _Count
    # Device -> images, if the device decides the last digits of what the stage computes.
    devices: Annotated[dict[_Name, _Count], Field(max_length=SCORES)] = {}


class MetricPart(_Part):
    """A metric on a protocol's card; an infinite end of its range is None."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)
    name: _Name
    label: _Name
    higher_is_better: bool
    unit: _Name
    range: tuple[_Number | None, _Number | None]


class CardPart(_Part):
    """The card of a protocol's variant, as `ProtocolCard` describes it; fields of newer versions are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)
    id: _Name
    variant: _Name
    version: _Count
    title: str = ""
    definition: str = ""
    citation: str = ""
    metrics: Annotated[tuple[MetricPart, ...], Field(min_length=1)]
    features: tuple[_Name, ...] = ()
    weights: tuple[_Name, ...] = ()
    numerics: str = ""
    training_images: bool = False
    used_by: str = ""
    group: _Name = "other"
    headlines: tuple[_Name, ...] = ()
    landmarks: bool = False
    parsing: bool = False

    @property
    def shown(self) -> tuple[str, ...]:
        """The metrics that short tables show; cards of older records name none."""
        return self.headlines or (self.metrics[0].name,)


class ScoreEntry(_Part):
    """One number, or the reason why there is none; `per_pair` gives its values by pair."""

    protocol: _Name
    variant: _Name
    metric: _Name
    label: _Name
    status: Literal["ok", "failed", "skipped"]
    value: _Number | None
    unit: _Name
    higher_is_better: bool
    interval: tuple[_Number, _Number, _Name] | None
    n: _Count
    skipped: Annotated[dict[str, _Count], Field(max_length=SCORES)]
    fingerprint: _Name
    details: dict[str, Any]
    reason: str | None
    _tables: PairTables | None = PrivateAttr(None)

    @property
    def key(self) -> str:
        """`protocol:variant:metric`, unique in a record."""
        return f"{self.protocol}:{self.variant}:{self.metric}"

    @property
    def per_pair(self) -> pd.Series[float]:
        """The values by pair id, NaN if a pair was skipped; the record reads its table once.

        Raises:
            UserError: if the score is one number of the whole set, or the record was not read from a folder.
        """
        table = self._tables.values.get(self.key) if self._tables else None
        if table is None:
            raise UserError(f"The score {self.key} is one number of the whole set, without values by pair.")
        return table["value"]

    @model_validator(mode="after")
    def _value_or_reason(self) -> ScoreEntry:
        if (self.value is not None) != (self.status == "ok"):
            raise ValueError("a score has a value if and only if its status is ok")
        if self.value is None and not self.reason:
            raise ValueError("a score without a value needs a reason")
        return self


class PairsPart(_Part):
    """The table of values by pair, in the folder of the record."""

    file: _Name
    sha256: _Name
    rows: Annotated[int, Field(ge=0, le=LINES)]
    # Digest of the pixels of all generated images, with their pair ids.
    images_sha256: _Name | None = None


class Record(_Part):
    """All scores of one model on one benchmark.

    `record["lpips"]` is the headline of a protocol's first variant; `record["lpips:vgg-0.1"]` and
    `record["kec:canonical:hands"]` are exact.
    """

    schema_version: Literal[1]
    run_id: str
    benchmark: BenchmarkPart
    model: ModelPart
    provenance: Provenance
    protocols: Annotated[tuple[CardPart, ...], Field(max_length=SCORES)]
    stages: tuple[Stage, ...]
    pairs: PairsPart
    scores: Annotated[tuple[ScoreEntry, ...], Field(max_length=SCORES)]
    _folder: Path | None = PrivateAttr(None)

    @model_validator(mode="before")
    @classmethod
    def _plain_texts(cls, content: Any) -> Any:
        """As in the parts, which replace the characters in theirs."""
        if not isinstance(content, dict):
            return content
        return {_cleaned(key): _cleaned(value) if isinstance(value, str) else value for key, value in content.items()}

    @model_validator(mode="after")
    def _unique(self) -> Record:
        keys = [score.key for score in self.scores]
        if len(set(keys)) < len(keys):
            raise ValueError("a score occurs twice")
        cards = [(card.id, card.variant) for card in self.protocols]
        if len(set(cards)) < len(cards):
            raise ValueError("a protocol's card occurs twice")
        return self

    @property
    def folder(self) -> Path | None:
        """The folder that it was read from or written to."""
        return self._folder

    @property
    def failed(self) -> tuple[ScoreEntry, ...]:
        """The scores whose protocol failed."""
        return tuple(score for score in self.scores if score.status == "failed")

    def __getitem__(self, key: str) -> ScoreEntry:
        """The first score that a key fits.

        Raises:
            KeyError: if no score fits.
        """
        for score in self.scores:
            if key in (score.protocol, f"{score.protocol}:{score.variant}", score.key):
                return score
        raise KeyError(f"{key}: {did_you_mean(str(key), {score.protocol for score in self.scores})}")

    @property
    def headlines(self) -> tuple[ScoreEntry, ...]:
        """The scores that short tables show: the headline metrics of each protocol and variant."""
        names = {(card.id, card.variant): card.shown for card in self.protocols}
        return tuple(s for s in self.scores if s.metric in names.get((s.protocol, s.variant), ()))

    def group(self, score: ScoreEntry) -> str:
        """ "perceptual", "structural", "semantic" or "other", as the card of the score's protocol says."""
        return next((card.group for card in self.protocols if card.id == score.protocol), "other")

    def card(self, score: ScoreEntry) -> CardPart | None:
        """The card of a score's protocol and variant, as the record gives it."""
        return self._cards.get((score.protocol, score.variant))

    @functools.cached_property
    def _cards(self) -> dict[tuple[str, str], CardPart]:
        return {(card.id, card.variant): card for card in self.protocols}

    def to_frame(self) -> pd.DataFrame:
        """All scores as a table.

        Returns:
            One row per score; index = `protocol:variant:metric`; columns label, value, unit, low, high (the interval),
            n, higher_is_better, status, reason, fingerprint. A missing number is NaN.
        """
        import pandas as pd

        rows = {
            score.key: {
                "label": score.label, "value": score.value, "unit": score.unit,
                "low": score.interval[0] if score.interval else None,
                "high": score.interval[1] if score.interval else None,
                "n": score.n, "higher_is_better": score.higher_is_better, "status": score.status,
                "reason": score.reason, "fingerprint": score.fingerprint,
            }
            for score in self.scores
        }  # fmt: skip
        table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("score")
        return table.astype({"value": float, "low": float, "high": float})

    def placed(self, folder: Path) -> Record:
        """Set the folder in which the record's files are, and return the record."""
        self._folder = folder
        tables = PairTables(folder, self.pairs.rows)
        for score in self.scores:
            score._tables = tables
        return self

    def __repr__(self) -> str:
        part = self.benchmark
        benchmark = " ".join([part.id, part.version, *([part.subset] if part.subset else [])])
        return f"<Record {self.model.name} on {benchmark}: n = {part.n_pairs}, {len(self.scores)} scores>"

    __str__ = __repr__


def read_record(path: str | Path) -> Record:
    """Read a record and check it against the schema.

    Args:
        path: a `record.json`, or the folder that holds one.

    Raises:
        UserError: if it is missing, has a newer schema, or is not a record.
    """
    check_type("path", path, (str, Path), "the path of a record: str or pathlib.Path")
    file = Path(path).expanduser()
    file = file / RECORD_FILE if file.is_dir() else file
    content = read_json(file)
    try:
        version = content["schema_version"]
    except (KeyError, TypeError) as error:
        raise UserError(f"{file} is not a record of fhpt-bench: give a record.json or its folder.") from error
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise UserError(
            f"The record {file} has schema version {version}, but this fhpt-bench reads up to {SCHEMA_VERSION}: "
            "upgrade fhpt-bench."
        )
    try:
        return Record.model_validate(content).placed(file.parent)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))[:NAME] or "record"
        raise UserError(f"The record {file} is wrong at {where}: {first['msg']}.") from error
