"""What a number of pairs can show: the smallest difference, the people that are needed, the chance of a wrong order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fhpt_bench.statistics import FEWEST_CLUSTERS, common_pairs, weighted_mean

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

POWER = 0.8
_NORMAL = 1.959964  # two-sided 5 %


@dataclass(frozen=True)
class Power:
    """What the pairs of two models can show in one score.

    Args:
        difference: value of a - value of b.
        error: standard error of the difference; pairs of one person count as one observation.
        smallest: the smallest true difference that is found with a probability of 80 %.
        n: number of pairs or images.
        people: number of people; 0 if it is not known (a score of the whole set).
        needed: how many times as many people, with as many pairs each, find the measured difference with a probability
            of 80 %; infinite for a difference of 0.
        wrong_order: the chance that the true difference has the other sign, if all differences were equally likely
            before measuring.
    """

    difference: float
    error: float
    smallest: float
    n: int
    people: int
    needed: float
    wrong_order: float

    @property
    def needed_people(self) -> int | None:
        """Number of people that would be needed, at least 10; None if no number is enough or they are not known."""
        if not self.people or not math.isfinite(self.needed):
            return None
        return max(FEWEST_CLUSTERS, math.ceil(self.needed * self.people))

    @property
    def needed_pairs(self) -> int | None:
        """Number of pairs that would be needed, with as many pairs a person; None as for people."""
        people = self.needed_people
        return None if people is None else math.ceil(people * self.n / self.people)


def cluster_error(value: NDArray[np.float64], weight: NDArray[np.float64], cluster: NDArray[np.str_]) -> float:
    """Standard error of the difference of two weighted means, with clusters as independent observations.

    Source: linearised ratio estimator over clusters; Cochran, Sampling Techniques (1977), section 6.3 and chapter 9A.

    Args:
        value: (2, n) finite values of a and b.
        weight: (2, n) not negative.
        cluster: (n,) the person of each pair.

    Returns:
        The standard error, not negative.

    Raises:
        ValueError: if there are fewer than 2 clusters.

    Examples:
        >>> value = np.array([[1.0, 2.0, 4.0], [0.0, 0.0, 0.0]])
        >>> error = cluster_error(value, np.ones((2, 3)), np.array(["p", "q", "r"]))
        >>> bool(np.isclose(error, np.std([1, 2, 4], ddof=1) / 3**0.5))
        True
    """
    names, position = np.unique(cluster, return_inverse=True)
    if len(names) < 2:
        raise ValueError("one cluster has no standard error")
    mean = (weight * value).sum(1) / weight.sum(1)
    influence = weight * (value - mean[:, None]) / weight.sum(1)[:, None]
    sums = np.bincount(position, influence[0] - influence[1])
    return float(np.sqrt(len(names) / (len(names) - 1) * (sums**2).sum()))


def paired_power(values_a: pd.DataFrame, values_b: pd.DataFrame) -> Power | None:
    """What the common pairs of two models can show in a score with values by pair.

    The test is that of `paired_difference`: the 95 % interval over people excludes 0. Its power follows from the
    noncentral t distribution.

    Args:
        values_a: a's table of one score, as in `paired_difference`.
        values_b: b's table.

    Returns:
        The power; None under 10 people in common.

    Raises:
        ValueError: as in `paired_difference`.

    Examples:
        >>> import pandas as pd
        >>> people = [f"p{i}" for i in range(40)]
        >>> a = pd.DataFrame({"person": people, "value": np.arange(40.0) % 2, "weight": 1.0, "skipped": ""}, people)
        >>> found = paired_power(a, a.assign(value=0.4))
        >>> round(found.difference, 3), round(found.error, 3), round(found.smallest, 3), found.needed_people
        (0.1, 0.08, 0.223, 199)
    """
    people, value, weight = common_pairs(values_a, values_b)
    clusters = len(np.unique(people))
    mean_a, mean_b = weighted_mean(value[0], weight[0]), weighted_mean(value[1], weight[1])
    if clusters < FEWEST_CLUSTERS or mean_a is None or mean_b is None:
        return None
    # A percentile interval of resampled people is this much narrower than one from the standard error.
    critical = _NORMAL * math.sqrt((clusters - 1) / clusters)
    error = cluster_error(value, weight, people)
    return _power(mean_a - mean_b, error, clusters - 1, critical, len(people), clusters)


def unpaired_power(
    value_a: float, interval_a: tuple[float, float], value_b: float, interval_b: tuple[float, float], n: int, df: int
) -> Power:
    """What two scores of the whole set can show, from their jackknife intervals.

    The test is that of `compare_scores`: the two intervals do not overlap. The errors of the two scores count as
    independent; on the same pairs they rise and fall together, so that the standard error is rather too large.

    Args:
        value_a: a's value.
        interval_a: ends of its 95 % interval: value -+ t · standard error.
        value_b: b's value.
        interval_b: its interval.
        n: number of images of each.
        df: degrees of freedom of t: number of blocks - 1.

    Examples:
        >>> found = unpaired_power(50.0, (46.0, 54.0), 60.0, (57.0, 63.0), 800, 19)
        >>> round(found.error, 3), round(found.smallest, 2)
        (2.389, 9.13)
    """
    from scipy.special import stdtrit

    halves = [(high - low) / 2 for low, high in (interval_a, interval_b)]
    error = math.hypot(*halves) / float(stdtrit(df, 0.975))
    critical = sum(halves) / error if error else 0.0
    return _power(value_a - value_b, error, df, critical, n, 0)


def _power(difference: float, error: float, df: int, critical: float, n: int, people: int) -> Power:
    from scipy.special import nctdtrinc, stdtr

    # The noncentrality at which t exceeds the critical value with this probability; the other side is negligible.
    steps = float(nctdtrinc(df, 1 - POWER, critical))
    smallest = steps * error
    needed = (smallest / difference) ** 2 if difference else math.inf
    wrong = float(stdtr(df, -abs(difference) / error)) if error else 0.0 if difference else 0.5
    return Power(difference, error, smallest, n, people, needed, wrong)
