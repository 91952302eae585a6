"""A record checked against its values by pair: counts, values and intervals are computed again."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from fhpt_bench.progress import Advance, progress_bar
from fhpt_bench.reading import sha256_file
from fhpt_bench.records.installed_cards import slack, standing
from fhpt_bench.records.pair_table import PAIRS_FILE
from fhpt_bench.records.schema import Record, ScoreEntry
from fhpt_bench.records.validation.checks import Check, judge
from fhpt_bench.statistics import METHOD, cluster_bootstrap, weighted_mean

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

# Sums in another order or on another machine differ by less than this fraction of the mean absolute value.
TOLERANCE = 1e-12


def pairs_file_check(record: Record, people: pd.Series[str], columns: Collection[str]) -> list[Check]:
    """Check the file as a whole; no check of a single score makes sense if its rows are not the record's pairs."""
    return judge(PAIRS_FILE, _file(record, people, columns), f"as recorded, {len(people)} pairs")


def _file(record: Record, people: pd.Series[str], columns: Collection[str]) -> Iterator[str]:
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
    for key in sorted(set(columns) - {score.key for score in record.scores}):
        yield f"the column {key!r} belongs to no score of the record"


def table_checks(
    record: Record, tables: Mapping[str, pd.DataFrame], progress: bool = False
) -> tuple[list[Check], set[str]]:
    """Compute again everything that follows from the values by pair.

    Args:
        record: from `read_record`.
        tables: score key -> table with the columns person, value, weight, skipped.
        progress: show a progress bar.

    Returns:
        The checks, and the keys of the scores whose value and interval follow.
    """
    counts, values, intervals, other = [], [], [], []
    followed = set()
    present = [score for score in record.scores if score.key in tables]
    with progress_bar("scores", len(present), progress) as done:
        again = [_again(score, tables[score.key], done) for score in present]
    for score, mine in zip(present, again, strict=True):
        table, found = tables[score.key], standing(record, score).metric
        if found is not None and math.isfinite(found.range[0] - found.range[1]):
            mine[1] += _outside(score, table, *found.range)
        if score.interval is not None and score.interval[2] != METHOD:
            if found is not None:
                mine[2].append(f"{score.key} has an interval by {score.interval[2]!r}, its protocol resamples people")
            else:
                other.append(score.key)
        elif not any(mine):
            followed.add(score.key)
        counts += mine[0]
        values += mine[1]
        intervals += mine[2]
    detail = f"{len(followed)} follow from {PAIRS_FILE}"
    problems = {"counts": counts, "values": values, "intervals": intervals}
    checks = [check for name, found in problems.items() for check in judge(name, found, detail)]
    left_out = [s.key for s in present if s.status == "ok" and _leaves_out(tables[s.key])]
    if left_out:
        detail = f"whether pairs are rightly left out or weighted, which moves the mean: {', '.join(left_out)}"
        checks.append(Check("cannot", "left out", detail))
    if other:
        names = ", ".join(other)
        checks.append(Check("cannot", "intervals", f"of another method than the bootstrap over people: {names}"))
    return checks, followed


def _leaves_out(table: pd.DataFrame) -> bool:
    """Whether some pairs are skipped, or weigh more than others."""
    return bool((table["skipped"] != "").any() or (table["weight"] != 1).any())


def _again(score: ScoreEntry, table: pd.DataFrame, done: Advance) -> list[list[str]]:
    """What is wrong with the counts, the value and the interval of a score."""
    problems = [list(_counts(score, table)), list(_value(score, table)), list(_interval(score, table))]
    done(1)
    return problems


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


def _usable(value: NDArray[np.float64], weight: NDArray[np.float64]) -> bool:
    return bool(np.isfinite(value).all() and np.isfinite(weight).all() and (weight >= 0).all())


def _value(score: ScoreEntry, table: pd.DataFrame) -> Iterator[str]:
    """The weighted mean of the pairs that count."""
    value, weight, _ = _counted(table)
    if not _usable(value, weight):
        yield f"{score.key} has a pair that counts without a finite value and weight"
        return
    mean = weighted_mean(value, weight)
    if not _same(score.value, mean, value, weight):
        yield f"{score.key} is {score.value!r}, but its pairs give {mean!r}"


def _outside(score: ScoreEntry, table: pd.DataFrame, low: float, high: float) -> Iterator[str]:
    """Values by pair must be in the metric's range: a mean can hide one that is not."""
    value, _, _ = _counted(table)
    outside = ~((value >= low - slack(low)) & (value <= high + slack(high)))
    if outside.any():
        yield f"{score.key} has a pair with {value[outside][0]!r}, outside its range [{low:g}, {high:g}]"


def _interval(score: ScoreEntry, table: pd.DataFrame) -> Iterator[str]:
    """The bootstrap over people; an interval of another method is only checked for consistency."""
    if score.interval is not None and score.interval[2] != METHOD:
        yield from inconsistent([score])
        return
    value, weight, people = _counted(table)
    if not _usable(value, weight):
        return  # `_value` reports it
    found = cluster_bootstrap(value, weight, people)
    low, high = (found.low, found.high) if found else (None, None)
    recorded = score.interval[:2] if score.interval else (None, None)
    if not (_same(recorded[0], low, value, weight) and _same(recorded[1], high, value, weight)):
        yield f"{score.key} has the interval {recorded}, but its pairs give {(low, high)}"


def inconsistent(scores: Collection[ScoreEntry]) -> Iterator[str]:
    """An interval that cannot be computed again must be ordered and contain its value."""
    for score in scores:
        if score.interval is not None and score.value is not None:
            low, high, _ = score.interval
            if not low - slack(score.value) <= score.value <= high + slack(score.value):
                yield f"{score.key} is {score.value!r}, outside its interval [{low}, {high}]"


def _same(recorded: float | None, again: float | None, value: NDArray[np.float64], weight: NDArray[np.float64]) -> bool:
    """Equal up to rounding.

    Values may cancel, therefore rounding is relative to their mean absolute value: not to the largest one, which may
    have no weight.
    """
    if recorded is None or again is None:
        return recorded is again
    scale = weighted_mean(np.abs(value), weight) or 0.0
    return math.isclose(recorded, again, rel_tol=TOLERANCE, abs_tol=TOLERANCE * scale)
