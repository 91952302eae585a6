"""Two models side by side: paired differences, wins, and the pairs on which they differ most."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from fhpt_bench.records.comparison import compare_scores
from leaderboards.ranking import Measured
from leaderboards.tables import Table

MOST_ROWS = 12  # models whose pairs of models are all compared; a page for hundreds stays small
_EXTREMES = 6


def compare_rows(table: Table, measured: dict[str, Measured]) -> dict[str, Any]:
    """Compare every two of the first rows of a table.

    Args:
        table: the table; oracles are compared, too.
        measured: label of a row -> its record with its values by pair.

    Returns:
        `<i>-<j>`, positions of two rows -> {column: [difference, low, high, verdict, n, wins of i, wins of j]}, and the
        pairs on which they differ most by headline score.
    """
    found: dict[str, Any] = {}
    for i, j in combinations(range(min(len(table.rows), MOST_ROWS)), 2):
        (_, values_a), (_, values_b) = measured[table.rows[i].label], measured[table.rows[j].label]
        rows, extremes = {}, {}
        for at, column in enumerate(table.columns):
            cells = table.rows[i].cells[at], table.rows[j].cells[at]
            if not column.installed or any(cell is None or cell.score.value is None for cell in cells):
                continue
            a, b = (cell.score for cell in cells if cell is not None)
            table_a, table_b = values_a.get(column.key), values_b.get(column.key)
            done = compare_scores(a, b, table_a, table_b, column.higher_is_better)
            paired = done.paired
            low, high = (paired.interval.low, paired.interval.high) if paired and paired.interval else (None, None)
            wins = (paired.a_higher, paired.b_higher) if paired else (None, None)
            if paired and not column.higher_is_better:
                wins = wins[::-1]
            rows[at] = [
                done.value_a - done.value_b,
                low,
                high,
                done.verdict or done.reason,
                paired.n if paired else a.n,
                *wins,
            ]
            if table_a is not None and table_b is not None:
                extremes[at] = _extremes(table_a, table_b, column.higher_is_better)
        found[f"{i}-{j}"] = {"scores": rows, "extremes": extremes}
    return found


def _extremes(table_a: Any, table_b: Any, higher_is_better: bool) -> list[list[Any]]:
    """Pairs with the largest advantage of a, then of b: [pair, a's value, b's value] each."""
    a, b = (table[table["skipped"] == ""]["value"] for table in (table_a, table_b))
    common = a.index.intersection(b.index).sort_values()
    gain = (a.loc[common] - b.loc[common]).to_numpy() * (1 if higher_is_better else -1)
    order = np.argsort(-gain, kind="stable")
    chosen = [*order[:_EXTREMES], *order[::-1][:_EXTREMES]]
    return [[common[k], float(a[common[k]]), float(b[common[k]])] for k in dict.fromkeys(map(int, chosen)) if gain[k]]
