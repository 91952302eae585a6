"""Two models side by side: paired differences, wins, and the pairs on which they differ most."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from fhpt_bench.records.pair_table import PairValues
from fhpt_bench.records.score_difference import compare_scores
from leaderboards.page.content import short
from leaderboards.ranking import Measured
from leaderboards.tables import Table

MOST_ROWS = 12  # models whose pairs of models are all compared; a page for hundreds stays small
EXTREME = 3  # worst and best pairs of each model and score that the page always has
_EXTREMES = 6


def compare_rows(table: Table, measured: dict[str, Measured]) -> dict[str, Any]:
    """Compare every two of the first rows of a table.

    Args:
        table: the table; oracles are compared, too.
        measured: label of a row -> its record with its values by pair.

    Returns:
        `<i>-<j>`, positions of two rows -> {column: [value of i, value of j, difference, low, high, verdict, n, wins of
        i, wins of j]}, all on the common pairs, and the pairs on which they differ most by score.
    """
    found: dict[str, Any] = {}
    shown = table.rows[:MOST_ROWS]
    values = [measured[row.label][1].sorted() for row in shown]
    tables = [{key: one[key] for key in one} for one in values]  # made once, not for every two models
    for i, j in combinations(range(len(shown)), 2):
        rows, extremes = {}, {}
        for at, column in enumerate(table.columns):
            cells = shown[i].cells[at], shown[j].cells[at]
            if not column.installed or any(cell is None or cell.score.value is None for cell in cells):
                continue
            a, b = (cell.score for cell in cells if cell is not None)
            table_a, table_b = tables[i].get(column.key), tables[j].get(column.key)
            done = compare_scores(a, b, table_a, table_b, column.higher_is_better)
            paired = done.paired
            low, high = (paired.interval.low, paired.interval.high) if paired and paired.interval else (None, None)
            wins = (paired.a_higher, paired.b_higher) if paired else (None, None)
            if paired and not column.higher_is_better:
                wins = wins[::-1]
            rows[at] = [
                short(done.value_a),
                short(done.value_b),
                short(done.value_a - done.value_b),
                None if low is None else short(low),
                None if high is None else short(high),
                done.verdict or done.reason,
                paired.n if paired else a.n,
                *wins,
            ]
            if table_a is not None and table_b is not None:
                extremes[at] = _extremes(values[i], values[j], column.key, column.higher_is_better)
        found[f"{i}-{j}"] = {"scores": rows, "extremes": extremes}
    return found


def _extremes(ours: PairValues, theirs: PairValues, key: str, higher_is_better: bool) -> list[list[Any]]:
    """Pairs with the largest advantage of a, then of b: [pair, a's value, b's value] each; both are sorted."""
    common = ours.people.index
    (a, _, counts_a), (b, _, counts_b) = ours.arrays(key), theirs.arrays(key)
    if not common.equals(theirs.people.index):
        common = common.intersection(theirs.people.index)
        at_a, at_b = ours.people.index.get_indexer(common), theirs.people.index.get_indexer(common)
        a, counts_a, b, counts_b = a[at_a], counts_a[at_a], b[at_b], counts_b[at_b]
    counts = counts_a & counts_b
    common, a, b = common[counts], a[counts], b[counts]
    gain = (a - b) * (1 if higher_is_better else -1)
    order = np.argsort(-gain, kind="stable")
    chosen = [*order[:_EXTREMES], *order[::-1][:_EXTREMES]]
    return [[common[k], short(a[k]), short(b[k])] for k in dict.fromkeys(map(int, chosen)) if gain[k]]


def extreme_pairs(keys: Sequence[str], values: Sequence[PairValues]) -> list[str]:
    """The `EXTREME` pairs with the smallest and the largest values of each model.

    Args:
        keys: the scores.
        values: of each model.
    """
    found: dict[str, None] = {}
    for key in keys:
        for one in values:
            if key in one:
                value, _, counts = one.arrays(key)
                known = np.flatnonzero(counts)
                order = known[np.argsort(value[known], kind="stable")]
                found.update(dict.fromkeys(one.people.index[[*order[:EXTREME], *order[::-1][:EXTREME]]]))
    return list(found)
