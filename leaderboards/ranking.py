"""The ranks of the models in one column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from fhpt_bench.records.comparison import compare_scores
from fhpt_bench.records.installed_cards import standing
from fhpt_bench.records.schema import Record, ScoreEntry
from fhpt_bench.statistics import certain_differences
from leaderboards.columns import Column

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_MANY = 8  # models from which on it pays to compare all of them at once

# A record and its values by pair: score key -> table.
Measured = tuple[Record, Mapping[str, "pd.DataFrame"]]


@dataclass(frozen=True)
class Cell:
    """A model's score in a column.

    Args:
        score: the score, with a value or with the reason why there is none.
        rank: 1 + the number of ranked models that are significantly better, or None.
        shared: whether another model has the same rank.
    """

    score: ScoreEntry
    rank: int | None = None
    shared: bool = False


@dataclass(frozen=True)
class Ranking:
    """The cells of a column.

    Args:
        cells: one per record; None if the record does not have the score.
        paired: whether all comparisons used paired differences.
        reason: why there are no ranks, or "".
    """

    cells: list[Cell | None]
    paired: bool
    reason: str


def rank_models(column: Column, measured: Sequence[Measured]) -> Ranking:
    """Compare all pairs of models that can be ranked: no oracles, and no value without an interval.

    Args:
        column: the score.
        measured: records with their values by pair.
    """
    scores = [_find(column, record) for record, _ in measured]
    rivals = [
        (i, score)
        for i, ((record, _), score) in enumerate(zip(measured, scores, strict=True))
        if score is not None and score.interval is not None and score.value is not None and not record.model.oracle
    ]
    if not column.installed:
        rivals = []
    ranks = {i: 1 for i, _ in rivals}
    paired, reason = True, ""
    verdicts = _all_at_once([values.get(column.key) for values in (measured[i][1] for i, _ in rivals)])
    for (at_a, (i, a)), (at_b, (j, b)) in combinations(enumerate(rivals), 2):
        if verdicts is not None:
            sign = int(verdicts[at_a, at_b]) * (1 if column.higher_is_better else -1)
            verdict = ("worse", "tie", "better")[sign + 1]
        else:
            comparison = compare_scores(
                a, b, measured[i][1].get(column.key), measured[j][1].get(column.key), column.higher_is_better
            )
            paired &= comparison.paired is not None
            reason = reason or comparison.reason
            verdict = comparison.verdict or "tie"
        if verdict != "tie":
            ranks[j if verdict == "better" else i] += 1
    if len(rivals) < 2 or reason:  # a rank needs at least two models
        ranks = {}
    held = Counter(ranks.values())
    cells = [
        None if score is None else Cell(score, ranks.get(i), held[ranks.get(i, 0)] > 1)
        for i, score in enumerate(scores)
    ]
    return Ranking(cells, paired, reason)


def _all_at_once(tables: Sequence[pd.DataFrame | None]) -> NDArray[np.int8] | None:
    """The verdicts of all pairs of models, if all have values for the same pairs, as is usual; else None."""
    counted = [table[table["skipped"] == ""].sort_index() for table in tables if table is not None]
    if len(counted) < len(tables) or len(counted) < _MANY:
        return None
    first = counted[0]
    if not first.index.is_unique or any(
        not table.index.equals(first.index) or not table["person"].equals(first["person"]) for table in counted[1:]
    ):
        return None
    value, weight = (np.stack([t[name].to_numpy(np.float64) for t in counted]) for name in ("value", "weight"))
    if not np.isfinite(value).all() or not (weight > 0).all():
        return None
    return certain_differences(value, weight, first["person"].to_numpy(str))


def _find(column: Column, record: Record) -> ScoreEntry | None:
    """The record's score for a column; a score without a value appears in every column of its key."""
    for score in record.scores:
        fits = score.key == column.key and (score.value is None or score.fingerprint == column.fingerprint)
        if fits and (standing(record, score).metric is not None) == column.installed:
            return score
    return None
