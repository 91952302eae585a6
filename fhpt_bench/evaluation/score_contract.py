"""What a protocol's score must be: what its card says, and what its own values by pair give."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from fhpt_bench.protocol import MetricCard, Score
from fhpt_bench.records.installed_cards import slack
from fhpt_bench.statistics import Interval, weighted_mean

_COLUMNS = ("value", "weight", "skipped")
_ROUNDING = 1e-9  # relative; sums in another order


def broken_contract(score: Score, metric: MetricCard, pairs: Sequence[str]) -> str | None:
    """Why a score cannot be recorded, or None.

    Args:
        score: a score as a protocol returned it.
        metric: its card.
        pairs: the ids of all pairs.
    """
    if score.value is not None and (problem := _broken_value(score, metric)):
        return problem
    if not isinstance(score.n, int) or isinstance(score.n, bool) or score.n < 0:
        return f"n is {score.n!r}, not a number of pairs or images"
    if score.interval is not None and not isinstance(score.interval, Interval):
        return f"the interval is of type {type(score.interval).__name__}, not an Interval"
    try:
        json.dumps([dict(score.details), dict(score.skipped)], allow_nan=False)
    except (TypeError, ValueError) as error:
        return f"details or skipped are not JSON values ({error})"
    return None if score.per_pair is None else _broken_table(score, metric, pairs)


def _broken_value(score: Score, metric: MetricCard) -> str | None:
    if not isinstance(score.value, int | float) or isinstance(score.value, bool):
        return f"the value is of type {type(score.value).__name__}: return a Python float"
    if not math.isfinite(score.value):
        return f"the value is {score.value}"
    low, high = metric.range
    if not low - slack(score.value) <= score.value <= high + slack(score.value):
        return f"the value is {score.value}, outside its range [{low:g}, {high:g}] by the card"
    if (score.per_pair is not None) != metric.per_pair:
        came = "without" if metric.per_pair else "with"
        return f"its card says per_pair={metric.per_pair}, but it came {came} values by pair"
    return None


def _broken_table(score: Score, metric: MetricCard, pairs: Sequence[str]) -> str | None:
    """What is wrong with the values by pair: what `validate` would find in the record."""
    table = score.per_pair
    if not isinstance(table, pd.DataFrame) or not set(_COLUMNS) <= set(table.columns):
        return f"per_pair is not a table with the columns {', '.join(_COLUMNS)}"
    if sorted(map(str, table.index)) != sorted(pairs):
        return f"per_pair does not have one row for each of the {len(pairs)} pairs"
    counted = table[table["skipped"] == ""]
    value, weight = (counted[name].to_numpy(float) for name in _COLUMNS[:2])
    if not (np.isfinite(value).all() and np.isfinite(weight).all() and (weight >= 0).all()):
        return "a pair that is not skipped has no finite value and weight"
    if score.n != len(counted):
        return f"n is {score.n}, but {len(counted)} pairs count"
    low, high = metric.range
    outside = value[(value < low - slack(low)) | (value > high + slack(high))]
    if math.isfinite(high - low) and outside.size:
        return f"a pair has the value {outside[0]}, outside the range [{low:g}, {high:g}] by the card"
    mean, scale = weighted_mean(value, weight), weighted_mean(np.abs(value), weight) or 0.0
    if mean is None or score.value is None:
        same = mean is score.value
    else:
        same = math.isclose(score.value, mean, rel_tol=_ROUNDING, abs_tol=_ROUNDING * scale)
    return None if same else f"the value is {score.value}, but its pairs give {mean}"
