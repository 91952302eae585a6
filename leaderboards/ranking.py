"""The ranks of the models in one column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from fhpt_bench.power import Power
from fhpt_bench.records.installed_cards import standing
from fhpt_bench.records.pair_table import PairValues
from fhpt_bench.records.schema import Record, ScoreEntry
from fhpt_bench.records.score_difference import compare_scores, interval_p_values, score_power
from fhpt_bench.significance import LEVEL, holm
from fhpt_bench.verdicts import Verdicts, certain_differences
from leaderboards.columns import Column

_MANY = 8  # models from which on it pays to compare all of them at once

# A record and its values by pair.
Measured = tuple[Record, PairValues]


@dataclass(frozen=True)
class Cell:
    """A model's score in a column.

    Args:
        score: the score, with a value or with the reason why there is none.
        rank: 1 + the number of ranked models that are significantly better, with Holm's correction for all
            comparisons of the column, or None.
        shared: whether another model has the same rank.
    """

    score: ScoreEntry
    rank: int | None = None
    shared: bool = False


@dataclass(frozen=True)
class Tie:
    """The two best models of a column, which cannot be told apart.

    Args:
        rows: their positions among the records, best value first.
        power: what their pairs can show.
    """

    rows: tuple[int, int]
    power: Power


@dataclass(frozen=True)
class Ranking:
    """The cells of a column.

    Args:
        cells: one per record; None if the record does not have the score.
        paired: whether all comparisons used paired differences.
        reason: why there are no ranks, or "".
        tie: the two best models, if both have rank 1, and what their pairs can show; None if they differ.
    """

    cells: list[Cell | None]
    paired: bool
    reason: str
    tie: Tie | None = None


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
    tables = [measured[i][1] for i, _ in rivals]
    whole = not any(column.key in values for values in tables)
    rated = [score for _, score in rivals]
    verdicts = _by_intervals(rated) if whole else _all_at_once(tables, column.key)
    paired, reason = not (whole and len(rivals) > 1), ""
    if verdicts is None:
        verdicts, paired, reason = _one_by_one(column, rated, tables)
    signs, p = verdicts
    upper = np.triu_indices(len(rivals), 1)
    certain = np.zeros(signs.shape, bool)
    certain[upper] = holm(p[upper]) <= LEVEL
    better = (signs == (1 if column.higher_is_better else -1)) & (certain | certain.T)
    ranks = {i: 1 + int(count) for (i, _), count in zip(rivals, better.sum(0), strict=True)}
    if len(rivals) < 2 or reason:  # a rank needs at least two models
        ranks = {}
    held = Counter(ranks.values())
    cells = [
        None if score is None else Cell(score, ranks.get(i), held[ranks.get(i, 0)] > 1)
        for i, score in enumerate(scores)
    ]
    return Ranking(cells, paired, reason, _tie_at_the_top(column, measured, rivals, ranks))


def _tie_at_the_top(
    column: Column, measured: Sequence[Measured], rivals: Sequence[tuple[int, ScoreEntry]], ranks: Mapping[int, int]
) -> Tie | None:
    sign = -1 if column.higher_is_better else 1
    first = sorted(
        ((sign * (score.value or 0.0), i, score) for i, score in rivals if ranks.get(i) == 1),
        key=lambda entry: entry[:2],
    )[:2]
    if len(first) < 2:
        return None
    (_, i, a), (_, j, b) = first
    power = score_power(a, b, measured[i][1].get(column.key), measured[j][1].get(column.key))
    return Tie((i, j), power) if power is not None and power.error > 0 else None


def _one_by_one(
    column: Column, scores: Sequence[ScoreEntry], tables: Sequence[PairValues]
) -> tuple[Verdicts, bool, str]:
    """The verdicts, whether all differences are paired, and why the models cannot be compared, or ""."""
    signs, p, paired = np.zeros((len(scores),) * 2, np.int8), np.ones((len(scores),) * 2), True
    for i, j in combinations(range(len(scores)), 2):
        values = tables[i].get(column.key), tables[j].get(column.key)
        comparison = compare_scores(scores[i], scores[j], *values, higher_is_better=True)
        paired &= comparison.paired is not None
        if comparison.reason:
            return (signs, p), paired, comparison.reason
        signs[i, j] = {"better": 1, "worse": -1}.get(comparison.verdict or "", 0)
        p[i, j] = p[j, i] = comparison.p
    return (signs - signs.T, p), paired, ""


def _by_intervals(scores: Sequence[ScoreEntry]) -> Verdicts:
    """The verdicts by scores of the whole set: a model is above another if its interval is."""
    ends = np.array([score.interval[:2] for score in scores if score.interval is not None]).reshape(-1, 2)
    above = ends[:, :1] > ends[:, 1]
    return above.astype(np.int8) - above.T.astype(np.int8), interval_p_values(scores)


def _all_at_once(given: Sequence[PairValues], key: str) -> Verdicts | None:
    """The verdicts of all pairs of models, if all have the same pairs of the same people, as is usual; else None."""
    if len(given) < _MANY or any(key not in values for values in given):
        return None
    index, people = given[0].people.index, given[0].people.to_numpy(object)
    if not index.is_unique:
        return None
    columns = []
    for values in given:
        theirs, arrays = values.people, values.arrays(key)
        if not theirs.index.equals(index):
            order = theirs.index.get_indexer(index) if theirs.index.is_unique else None
            if order is None or len(theirs) != len(index) or (order < 0).any():
                return None
            theirs, arrays = theirs.iloc[order], (arrays[0][order], arrays[1][order], arrays[2][order])
        if (theirs.to_numpy(object) != people).any():
            return None
        columns.append(arrays)
    value, weight, counts = map(np.stack, zip(*columns, strict=True))
    if not np.isfinite(value[counts]).all() or not (weight[counts] > 0).all():
        return None
    return certain_differences(value, weight, people.astype(str), counts)


def _find(column: Column, record: Record) -> ScoreEntry | None:
    """The record's score for a column; a score without a value appears in every column of its key."""
    for score in record.scores:
        fits = score.key == column.key and (score.value is None or score.fingerprint == column.fingerprint)
        if fits and (standing(record, score).metric is not None) == column.installed:
            return score
    return None
