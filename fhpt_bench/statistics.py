"""Intervals: resample people, never pairs, because the pairs of one person resemble each other."""

from __future__ import annotations

import functools
import math
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fhpt_bench.processes import waiting_cores
from fhpt_bench.significance import resampled_p_value

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

RESAMPLES = 1000
SEED = 20200526
# With fewer people, percentiles of resampled means are not reliable: no interval is given.
FEWEST_CLUSTERS = 10
METHOD = f"bootstrap over people, {RESAMPLES} resamples, 95 % percentile"
BLOCKS = 20
_JACKKNIFE = re.compile(r"delete-block jackknife over people, (\d+) blocks")
_KEPT = 1 << 24  # drawn clusters in memory at a time
_MEMORY = 4 << 30  # bytes for blocks of a jackknife that are computed at once
# Read when numpy is loaded, as its linear algebra does.
_ONE_THREAD = (os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS")) == "1"
_USED = ("person", "value", "weight")  # columns of a table of values by pair
PAIRED_METHOD = f"{METHOD}, the same people drawn for both"


@dataclass(frozen=True)
class Interval:
    """A 95 % interval and the method that computed it."""

    low: float
    high: float
    method: str


@dataclass(frozen=True)
class PairedDifference:
    """The difference of two models, a and b, in one score, on the pairs that both have.

    Args:
        n: the number of pairs that both have and neither skips.
        mean_a: a's weighted mean on these pairs.
        mean_b: b's weighted mean.
        difference: mean_a - mean_b.
        interval: of the difference, resampling people jointly; None under 10 people.
        a_higher: number of pairs on which a's value is higher.
        b_higher: number of pairs on which b's value is higher.
        equal: number of pairs with equal values.
        p: see `fhpt_bench.significance.p_value`; None under 10 people.
    """

    n: int
    mean_a: float
    mean_b: float
    difference: float
    interval: Interval | None
    a_higher: int
    b_higher: int
    equal: int
    p: float | None = None


def cluster_bootstrap(
    value: NDArray[np.float64], weight: NDArray[np.float64], cluster: NDArray[np.str_]
) -> Interval | None:
    """A 95 % percentile interval of a weighted mean, resampling whole clusters.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13.

    Args:
        value: (n,) one finite value per pair.
        weight: (n,) not negative; the mean is sum(weight * value) / sum(weight).
        cluster: (n,) the person of each pair.

    Returns:
        The interval, or None under 10 clusters.

    Raises:
        ValueError: if the lengths differ or a value is not finite.

    Examples:
        >>> value = np.repeat(np.arange(20.0), 3)
        >>> people = np.repeat([f"p{i}" for i in range(20)], 3)
        >>> interval = cluster_bootstrap(value, np.ones(60), people)
        >>> interval.low < 9.5 < interval.high
        True
        >>> cluster_bootstrap(value[:9], np.ones(9), people[:9]) is None
        True
    """
    if not len(value) == len(weight) == len(cluster):
        raise ValueError("value, weight and cluster differ in length")
    if not np.isfinite(value).all():
        raise ValueError("cannot resample values that are not finite")
    means = resampled_means(value[np.newaxis], weight[np.newaxis], cluster)
    return None if means is None else _percentiles(means[0], METHOD)


def counts(values: pd.DataFrame) -> NDArray[np.bool_]:
    """Which pairs of a table of values by pair count: those that are not skipped.

    Args:
        values: as in `paired_difference`.
    """
    found: NDArray[np.bool_] = values["skipped"].to_numpy(object) == ""
    return found


def paired_difference(values_a: pd.DataFrame, values_b: pd.DataFrame) -> PairedDifference | None:
    """The difference of two models' weighted means on the pairs that both have, resampling people jointly.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13. The same people are drawn
    for both models, so that a person who is hard for both does not widen the interval.

    Args:
        values_a: a's table of one score, of the same fingerprint as b's: index = pair id; columns person, value,
            weight, skipped ("" if the pair counts).
        values_b: b's table.

    Returns:
        The difference a - b, or None if no pair with positive weight is common.

    Raises:
        ValueError: if a pair occurs twice, belongs to two people, or counts without being finite.

    Examples:
        >>> import pandas as pd
        >>> a = pd.DataFrame({"person": ["p", "q"], "value": [1.0, 2.0], "weight": 1.0, "skipped": ""}, ["x", "y"])
        >>> found = paired_difference(a, a.assign(value=[0.5, 2.0]))
        >>> found.n, found.difference, found.a_higher, found.equal, found.interval
        (2, 0.25, 1, 1, None)
    """
    people, value, weight = common_pairs(values_a, values_b)
    mean_a, mean_b = weighted_mean(value[0], weight[0]), weighted_mean(value[1], weight[1])
    if mean_a is None or mean_b is None:
        return None
    means = resampled_means(value, weight, people)
    interval, p = None, None
    if means is not None:
        resampled = means[0] - means[1]
        interval = _percentiles(resampled, PAIRED_METHOD)
        apart = not interval.low <= 0 <= interval.high
        p = float(resampled_p_value(resampled.mean(), resampled.std(), np.array(apart), len(np.unique(people))))
    return PairedDifference(
        n=len(people),
        mean_a=mean_a,
        mean_b=mean_b,
        difference=mean_a - mean_b,
        interval=interval,
        a_higher=int((value[0] > value[1]).sum()),
        b_higher=int((value[0] < value[1]).sum()),
        equal=int((value[0] == value[1]).sum()),
        p=p,
    )


def common_pairs(
    values_a: pd.DataFrame, values_b: pd.DataFrame
) -> tuple[NDArray[np.str_], NDArray[np.float64], NDArray[np.float64]]:
    """The values of the pairs that two models have and neither skips, by pair id.

    Args:
        values_a: as in `paired_difference`.
        values_b: as in `paired_difference`.

    Returns:
        (n,) the person of each pair, (2, n) values of a and b, (2, n) weights.

    Raises:
        ValueError: as in `paired_difference`.
    """
    if not (values_a.index.is_unique and values_b.index.is_unique):
        raise ValueError("a pair occurs twice")
    if values_a.index.equals(values_b.index):
        sorted_already = values_a.index.is_monotonic_increasing
        order = np.arange(len(values_a)) if sorted_already else values_a.index.argsort()
        order = order[counts(values_a)[order] & counts(values_b)[order]]
        a, b = ({name: table[name].to_numpy()[order] for name in _USED} for table in (values_a, values_b))
    else:
        counted_a, counted_b = values_a[counts(values_a)], values_b[counts(values_b)]
        common = counted_a.index.intersection(counted_b.index).sort_values()
        a, b = ({name: table.loc[common, name].to_numpy() for name in _USED} for table in (counted_a, counted_b))
    people = a["person"].astype(str)
    if (people != b["person"].astype(str)).any():
        raise ValueError("a pair belongs to two people")
    value = np.stack([a["value"].astype(np.float64), b["value"].astype(np.float64)])
    weight = np.stack([a["weight"].astype(np.float64), b["weight"].astype(np.float64)])
    if not np.isfinite(value).all():
        raise ValueError("cannot resample values that are not finite")
    return people, value, weight


def resampled_means(
    value: NDArray[np.float64], weight: NDArray[np.float64], cluster: NDArray[np.str_]
) -> NDArray[np.float64] | None:
    """Weighted means of k models, resampling the same clusters for all of them.

    Args:
        value: (k, n) one finite value per model and pair.
        weight: (k, n) not negative.
        cluster: (n,) the person of each pair.

    Returns:
        (k, resamples), without resamples of weight 0; None under 10 clusters.
    """
    # Sorted by cluster name, so that the resamples do not depend on the order of the pairs.
    names, position = np.unique(cluster, return_inverse=True)
    if len(names) < FEWEST_CLUSTERS:
        return None
    masses = weight[:1] if (weight == weight[0]).all() else weight
    rows = [np.bincount(position, row) for row in (*(weight * value), *masses)]
    sums = np.concatenate(
        [np.stack([row[drawn].sum(1) for row in rows]) for drawn in drawn_clusters(len(names))], axis=1
    )
    total, mass = sums[: len(value)], sums[len(value) :]
    usable = (mass > 0).all(0)
    return total[:, usable] / mass[:, usable] if usable.any() else None


def drawn_clusters(n: int) -> Iterator[NDArray[np.int64]]:
    """The clusters that are drawn from n, (resamples, n): in one part, or in several if that would need much memory."""
    if n * RESAMPLES <= _KEPT:
        yield _drawn_clusters(n)
        return
    random, step = np.random.default_rng(SEED), max(1, _KEPT // 8 // n)
    for start in range(0, RESAMPLES, step):
        yield random.integers(n, size=(min(step, RESAMPLES - start), n))


@functools.lru_cache(maxsize=4)
def _drawn_clusters(n: int) -> NDArray[np.int64]:
    """(resamples, n) clusters drawn with replacement; the same for every score with this number of clusters."""
    drawn = np.random.default_rng(SEED).integers(n, size=(RESAMPLES, n))
    drawn.setflags(write=False)
    return drawn


def _percentiles(values: NDArray[np.float64], method: str) -> Interval:
    low, high = np.percentile(values, [2.5, 97.5])
    return Interval(float(low), float(high), method)


def block_jackknife(
    statistic: Callable[[NDArray[np.bool_]], float], cluster: NDArray[np.str_], memory: int | None = None
) -> Interval | None:
    """A 95 % interval of a statistic of the whole set: a jackknife that leaves out one block of clusters at a time.

    For a Fréchet distance a bootstrap is wrong: repeated images shrink covariances, so that every resample is above
    the value. Leaving out blocks repeats no image, and its bias is the same for all blocks.
    Source: Busing, Meijer and van der Leeden, Delete-m Jackknife for Unequal m, Statistics and Computing 1999.

    Args:
        statistic: (n,) mask of the pairs to keep -> value.
        cluster: (n,) the person of each pair.
        memory: bytes that one call of a slow statistic needs. If it is given, a process that works alone while other
            processes of its run wait computes several blocks at once, on their cores; the digits are the same.

    Returns:
        Value -+ t · standard error, or None under 10 clusters. It is the interval of the statistic at this number of
        images; its expectation falls as images are added.

    Examples:
        >>> value = np.random.default_rng(0).normal(size=300)
        >>> people = np.repeat([f"p{i}" for i in range(100)], 3)
        >>> interval = block_jackknife(lambda keep: float(value[keep].mean()), people)
        >>> abs((interval.high - interval.low) / 2 - 2.09 * value.std(ddof=1) / 300**0.5) < 0.05
        True
    """
    from scipy.special import stdtrit

    names, position = np.unique(cluster, return_inverse=True)
    blocks = min(BLOCKS, len(names))
    if blocks < FEWEST_CLUSTERS:
        return None
    block = (np.random.default_rng(SEED).permutation(len(names)) % blocks)[position]
    masks = [np.ones(len(cluster), bool), *(block != b for b in range(blocks))]
    if (several := _at_once(memory)) > 1:
        with ThreadPoolExecutor(several) as pool:
            value, *rest = pool.map(statistic, masks)
    else:
        value, *rest = map(statistic, masks)
    without = np.array(rest)
    share = len(cluster) / np.bincount(block, minlength=blocks)  # n / m_b
    pseudo = share * value - (share - 1) * without
    estimate = blocks * value - ((1 - 1 / share) * without).sum()
    error = float(np.sqrt(np.mean((pseudo - estimate) ** 2 / (share - 1))))
    reach = float(stdtrit(blocks - 1, 0.975)) * error
    return Interval(value - reach, value + reach, f"delete-block jackknife over people, {blocks} blocks")


def _at_once(memory: int | None) -> int:
    """How many blocks are computed at once.

    The number of threads that a matrix product uses can change its last digit. Therefore each block has one thread, as
    without this, and blocks are computed one after another where a product has several.
    """
    if memory is None or not _ONE_THREAD:
        return 1
    return max(1, min(waiting_cores(), _MEMORY // max(memory, 1)))


def jackknife_blocks(method: str) -> int | None:
    """The number of blocks of an interval by `block_jackknife`; None for another method.

    Args:
        method: `Interval.method`.

    Examples:
        >>> jackknife_blocks("delete-block jackknife over people, 20 blocks"), jackknife_blocks(METHOD)
        (20, None)
    """
    found = _JACKKNIFE.fullmatch(method)
    return int(found[1]) if found else None


def weighted_mean(value: NDArray[np.float64], weight: NDArray[np.float64]) -> float | None:
    """sum(weight * value) / sum(weight), or None if the total weight is 0; the order does not matter.

    Examples:
        >>> weighted_mean(np.array([1.0, 4.0]), np.array([2.0, 1.0]))
        2.0
        >>> weighted_mean(np.array([]), np.array([])) is None
        True
    """
    mass = math.fsum(weight)
    return math.fsum(weight * value) / mass if mass > 0 else None
