"""P-values, and the correction for several tests at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVEL = 0.05


def p_value(
    difference: NDArray[np.float64], error: NDArray[np.float64], apart: NDArray[np.bool_], df: float = math.inf
) -> NDArray[np.float64]:
    """Two-sided p-values of differences whose 95 % intervals are known, for `holm`.

    The interval decides at 5 %, and the t distribution below that: 1,000 resamples cannot show smaller levels.

    Args:
        difference: any shape.
        error: their standard errors, not negative.
        apart: whether the interval excludes 0.
        df: degrees of freedom of the standard errors; infinite for the normal distribution.

    Returns:
        At most 0.05 where the interval excludes 0, else 1.

    Examples:
        >>> p_value(np.array([3.0, 1.9, 1.0]), np.ones(3), np.array([True, True, False])).round(4).tolist()
        [0.0027, 0.05, 1.0]
    """
    from scipy.special import stdtr

    with np.errstate(divide="ignore", invalid="ignore"):
        tails = 2 * stdtr(df, -np.abs(difference) / error)
    return np.where(apart, np.fmin(tails, LEVEL), 1.0)


def resampled_p_value(
    difference: NDArray[np.float64], deviation: NDArray[np.float64], apart: NDArray[np.bool_], clusters: int
) -> NDArray[np.float64]:
    """`p_value` of differences by a bootstrap over clusters.

    Args:
        difference: any shape; the mean of the resampled differences.
        deviation: their standard deviation over the resamples, which is too small by the factor sqrt(1 - 1 / clusters).
        apart: whether the interval excludes 0.
        clusters: number of clusters, at least 2.
    """
    return p_value(difference, deviation * math.sqrt(clusters / (clusters - 1)), apart, clusters - 1)


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjusted p-values of several tests: at 5 %, the chance of one or more wrong discoveries is at most 5 %.

    Source: Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of Statistics 1979.

    Args:
        p: (m,) p-values.

    Returns:
        (m,) adjusted p-values, at most 1.

    Examples:
        >>> holm(np.array([0.01, 0.04, 0.03])).round(3).tolist()
        [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted
