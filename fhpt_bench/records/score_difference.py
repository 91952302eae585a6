"""Which of two models is better at a score, and what their pairs can show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from fhpt_bench.power import Power, paired_power, unpaired_power
from fhpt_bench.records.schema import ScoreEntry
from fhpt_bench.significance import p_value
from fhpt_bench.statistics import PairedDifference, jackknife_blocks, paired_difference

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Comparison:
    """Which of two models, a and b, is better at one score.

    Args:
        value_a: a's value: on the common pairs if there are values by pair, else the score.
        value_b: b's value.
        paired: the difference on the common pairs, or None for a score of the whole set.
        verdict: a is better, worse or tied; None if this cannot be decided.
        reason: why it cannot be decided, or "".
        p: the p-value of the difference, at most 0.05 if one is better, else 1 (`p_value`).
    """

    value_a: float
    value_b: float
    paired: PairedDifference | None
    verdict: Literal["better", "worse", "tie"] | None
    reason: str = ""
    p: float = 1.0


def compare_scores(
    score_a: ScoreEntry,
    score_b: ScoreEntry,
    table_a: pd.DataFrame | None,
    table_b: pd.DataFrame | None,
    higher_is_better: bool,
) -> Comparison:
    """Compare two models in one score.

    With values by pair, a model is better if the 95 % interval of the paired difference excludes 0. Without them it
    is better if the two 95 % intervals do not overlap, which is stricter.

    Args:
        score_a: a's score, with status ok.
        score_b: b's score, with status ok and the same fingerprint.
        table_a: a's values by pair, or None for a score of the whole set.
        table_b: b's.
        higher_is_better: the direction by the installed card of the metric.

    Raises:
        ValueError: if the fingerprints differ or a score has no value.
    """
    if score_a.fingerprint != score_b.fingerprint or score_a.value is None or score_b.value is None:
        raise ValueError("only two values of one fingerprint can be compared")
    sign = 1 if higher_is_better else -1
    if table_a is None or table_b is None:
        if score_a.interval is None or score_b.interval is None:
            reason = "a score of the whole set without an interval"
            return Comparison(score_a.value, score_b.value, None, None, reason)
        (low_a, high_a, _), (low_b, high_b, _) = score_a.interval, score_b.interval
        p = interval_p_values([score_a, score_b])[0, 1]
        verdict = _verdict(sign, low_a - high_b, high_a - low_b)
        return Comparison(score_a.value, score_b.value, None, verdict, p=float(p))
    try:
        paired = paired_difference(table_a, table_b)
    except ValueError as error:
        return Comparison(score_a.value, score_b.value, None, None, str(error))
    if paired is None:
        return Comparison(score_a.value, score_b.value, None, None, "no pair in common")
    if paired.interval is None:
        return Comparison(paired.mean_a, paired.mean_b, paired, None, "fewer than 10 people in common")
    verdict = _verdict(sign, paired.interval.low, paired.interval.high)
    return Comparison(paired.mean_a, paired.mean_b, paired, verdict, p=1.0 if paired.p is None else paired.p)


def interval_p_values(scores: Sequence[ScoreEntry]) -> NDArray[np.float64]:
    """P-values of the differences of every two scores of the whole set, from their intervals.

    Args:
        scores: k scores with a value and an interval of one method.

    Returns:
        (k, k), 1 where two intervals overlap. The errors of the scores count as independent.
    """
    from scipy.special import stdtrit

    value = np.array([score.value for score in scores], np.float64)
    blocks = [jackknife_blocks(score.interval[2]) for score in scores if score.interval is not None]
    df = min((count - 1 if count else math.inf for count in blocks), default=math.inf)
    ends = np.array([score.interval[:2] for score in scores if score.interval is not None]).reshape(-1, 2)
    above = ends[:, :1] > ends[:, 1]
    half = (ends[:, 1] - ends[:, 0]) / 2
    error = np.hypot(half[:, None], half) / float(stdtrit(df, 0.975))
    return p_value(value[:, None] - value, error, above | above.T, df)


def score_power(
    score_a: ScoreEntry, score_b: ScoreEntry, table_a: pd.DataFrame | None, table_b: pd.DataFrame | None
) -> Power | None:
    """What the pairs of two models can show in one score, by the test of `compare_scores`.

    Args:
        score_a: a's score, with a value.
        score_b: b's score, with a value and the same fingerprint.
        table_a: a's values by pair, or None for a score of the whole set.
        table_b: b's.

    Returns:
        The power; None under 10 people in common, or for a score of the whole set without a jackknife interval.
    """
    if table_a is not None and table_b is not None:
        try:
            return paired_power(table_a, table_b)
        except ValueError:  # `compare_scores` says why
            return None
    if score_a.interval is None or score_b.interval is None or score_a.value is None or score_b.value is None:
        return None
    (low_a, high_a, method), (low_b, high_b, other) = score_a.interval, score_b.interval
    blocks = jackknife_blocks(method)
    if blocks is None or method != other:
        return None
    n = min(score_a.n, score_b.n)
    return unpaired_power(score_a.value, (low_a, high_a), score_b.value, (low_b, high_b), n, blocks - 1)


def _verdict(sign: int, low: float, high: float) -> Literal["better", "worse", "tie"]:
    """The verdict of an interval of the difference a - b; `sign` is 1 if higher is better, else -1."""
    if low <= 0 <= high:
        return "tie"
    return "better" if (low > 0) == (sign > 0) else "worse"
