"""Validation of a record: what follows from its files is computed again; what cannot be checked is named."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ValidationError

from fhpt_bench.errors import UserError
from fhpt_bench.files import explained, sha256_file
from fhpt_bench.records.pair_table import PAIRS_FILE, read_pair_values
from fhpt_bench.records.schema import Record, ScoreEntry
from fhpt_bench.records.validation.checks import Check, judge
from fhpt_bench.records.validation.installed import installed_checks
from fhpt_bench.statistics import METHOD, cluster_bootstrap, weighted_mean

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

# Sums in another order or on another machine differ by less than this fraction of the largest value.
TOLERANCE = 1e-12


class _Metric(BaseModel):
    """The part of a metric's card that scores are checked against; an infinite end of the range is None."""

    name: str
    label: str
    unit: str
    higher_is_better: bool
    range: tuple[float | None, float | None]


class _Card(BaseModel):
    id: str
    variant: str
    metrics: tuple[_Metric, ...]


def validate_record(record: Record) -> list[Check]:
    """Check a record against its own files, and against its benchmark if that is installed.

    Args:
        record: from `read_record`, which has checked the schema.

    Returns:
        The checks with their status.

    Raises:
        ValueError: if the record was not read from a folder.
    """
    if record.folder is None:
        raise ValueError("only a record in a folder can be checked")
    checks = [Check("ok", "schema", f"fits version {record.schema_version}; every score occurs once")]
    checks += judge("cards", _cards(record), f"{len(record.scores)} scores fit their protocol's card and range")
    checks += judge("fingerprints", _fingerprints(record), "64 hexadecimal digits each")
    people: pd.Series[str] | None = None
    tables: dict[str, pd.DataFrame] = {}
    try:
        found = _read_people(record.folder / PAIRS_FILE)
        tables = {
            key: table.assign(person=found.to_numpy()) for key, table in read_pair_values(record.folder).items()
        }  # fmt: skip
    except (UserError, ValueError, KeyError) as error:
        checks.append(Check("WRONG", PAIRS_FILE, f"cannot be read as a table of pairs: {error}"))
    else:
        people = found
        checks += judge(PAIRS_FILE, _pairs_file(record, found, tables), f"as recorded, {len(found)} pairs")
        scores = [(score, tables[score.key]) for score in record.scores if score.key in tables]
        again = f"{len(scores)} follow from {PAIRS_FILE}"
        checks += judge("counts", (p for score, table in scores for p in _counts(score, table)), again)
        checks += judge("values", (p for score, table in scores for p in _value(score, table)), again)
        checks += judge("intervals", (p for score, table in scores for p in _interval(score, table)), again)
    whole = [score for score in record.scores if score.status == "ok" and score.key not in tables]
    checks += judge("other intervals", _whole_intervals(whole), "contain their values") if whole else []
    checks += installed_checks(record, people)
    checks += _images(record.folder / "images", people)
    return [*checks, *_cannot(whole)]


def _cards(record: Record) -> Iterator[str]:
    """Each score must be on a card and within its range."""
    try:
        cards = [_Card.model_validate(card) for card in record.protocols]
    except ValidationError as error:
        first = error.errors()[0]
        yield f"a card is wrong at {'.'.join(map(str, first['loc']))}: {first['msg']}"
        return
    metrics = {(card.id, card.variant, metric.name): metric for card in cards for metric in card.metrics}
    for score in record.scores:
        metric = metrics.get((score.protocol, score.variant, score.metric))
        if metric is None:
            yield f"{score.key} is on no card of the record"
            continue
        for field in ("label", "unit", "higher_is_better"):
            if getattr(metric, field) != getattr(score, field):
                yield f"{score.key} has {field} {getattr(score, field)!r}, its card {getattr(metric, field)!r}"
        low, high = metric.range
        if score.value is not None:
            slack = TOLERANCE * max(1.0, abs(score.value))
            if (low is not None and score.value < low - slack) or (high is not None and score.value > high + slack):
                yield f"{score.key} is {score.value!r}, outside its range [{low}, {high}]"


def _fingerprints(record: Record) -> Iterator[str]:
    for score in record.scores:
        if not re.fullmatch(r"[0-9a-f]{64}", score.fingerprint):
            yield f"{score.key} has the fingerprint {score.fingerprint!r}"


def _read_people(file: Path) -> pd.Series[str]:
    """The person of each pair, by pair id."""
    import pandas as pd

    with explained(file, "read"):
        table = pd.read_csv(file, usecols=["pair", "person"], index_col="pair", dtype=str, keep_default_na=False)
    return table["person"]


def _pairs_file(record: Record, people: pd.Series[str], tables: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    if record.pairs.file != PAIRS_FILE:
        yield f"the record names {record.pairs.file!r}"
    if record.folder is not None and sha256_file(record.folder / PAIRS_FILE) != record.pairs.sha256:
        yield "its sha256 is not the recorded one: the file was changed after the run"
    if not len(people) == record.pairs.rows == record.benchmark.n_pairs:
        yield (
            f"it has {len(people)} rows, the record says {record.pairs.rows}, "
            f"its benchmark has {record.benchmark.n_pairs} pairs"
        )
    if not people.index.is_unique:
        yield f"the pair {people.index[people.index.duplicated()][0]!r} occurs twice"
    for key in sorted(set(tables) - {score.key for score in record.scores}):
        yield f"the column {key!r} belongs to no score of the record"


def _counted(table: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.str_]]:
    """Value, weight and person of the pairs that are not skipped."""
    counts = table[table["skipped"] == ""]
    return (
        counts["value"].to_numpy(np.float64), counts["weight"].to_numpy(np.float64), counts["person"].to_numpy(str),
    )  # fmt: skip


def _counts(score: ScoreEntry, table: pd.DataFrame) -> Iterator[str]:
    """The number of pairs that count, and the reasons for skipping the others."""
    skipped = dict(Counter(table.loc[table["skipped"] != "", "skipped"]))
    n = int((table["skipped"] == "").sum())
    if score.n != n:
        yield f"{score.key} has n {score.n}, but {n} pairs count"
    if score.skipped != skipped:
        yield f"{score.key} leaves out {score.skipped}, its pairs say {skipped}"


def _value(score: ScoreEntry, table: pd.DataFrame) -> Iterator[str]:
    """The weighted mean of the pairs that count."""
    value, weight, _ = _counted(table)
    if not (np.isfinite(value).all() and np.isfinite(weight).all() and (weight >= 0).all()):
        yield f"{score.key} has a pair that counts without a finite value and weight"
        return
    mean = weighted_mean(value, weight)
    if not _same(score.value, mean, value):
        yield f"{score.key} is {score.value!r}, but its pairs give {mean!r}"


def _interval(score: ScoreEntry, table: pd.DataFrame) -> Iterator[str]:
    """The bootstrap over people; an interval of another method is only checked for consistency."""
    if score.interval is not None and score.interval[2] != METHOD:
        yield from _whole_intervals([score])
        return
    value, weight, people = _counted(table)
    if not (np.isfinite(value).all() and np.isfinite(weight).all()):
        return  # `_value` reports it
    found = cluster_bootstrap(value, weight, people)
    low, high = (found.low, found.high) if found else (None, None)
    recorded = score.interval[:2] if score.interval else (None, None)
    if not (_same(recorded[0], low, value) and _same(recorded[1], high, value)):
        yield f"{score.key} has the interval {recorded}, but its pairs give {(low, high)}"


def _whole_intervals(scores: Sequence[ScoreEntry]) -> Iterator[str]:
    """An interval that cannot be computed again must be ordered and contain its value."""
    for score in scores:
        if score.interval is not None and score.value is not None:
            low, high, _ = score.interval
            if not low <= score.value <= high:
                yield f"{score.key} is {score.value!r}, outside its interval [{low}, {high}]"


def _same(recorded: float | None, again: float | None, values: NDArray[np.float64]) -> bool:
    """Equal up to rounding; values may cancel, therefore rounding is relative to the largest one."""
    if recorded is None or again is None:
        return recorded is again
    return math.isclose(recorded, again, rel_tol=TOLERANCE, abs_tol=TOLERANCE * float(np.abs(values).max(initial=0)))


def _images(folder: Path, people: pd.Series[str] | None) -> list[Check]:
    """Each pair needs its generated image, if the images were kept."""
    if people is None or not folder.is_dir():
        return [Check("cannot", "images", "the generated images are not in the record's folder")]
    names = {path.name for path in folder.iterdir()}
    missing = sorted(pair for pair in people.index if f"{pair}.png" not in names)
    problem = f"{len(missing)} pairs have none, the first is {missing[0]}.png" if missing else ""
    return judge("images", iter([problem] if problem else []), f"one for each of {len(people)} pairs")


def _cannot(whole: Sequence[ScoreEntry]) -> list[Check]:
    """What files cannot prove."""
    checks = [
        Check(
            "cannot",
            "values by pair",
            "the scores of the images and the features of networks: only a new run shows them",
        ),
        Check("cannot", "provenance", "wall times, package versions, code and device cannot be checked"),
    ]
    if whole:
        names = ", ".join(score.key for score in whole)
        checks.insert(0, Check("cannot", "whole-set scores", f"no values by pair to compute them from: {names}"))
    return checks
