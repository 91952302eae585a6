"""Which of many models certainly differ: the same verdicts as two by two, for hundreds of models in seconds."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from fhpt_bench.significance import resampled_p_value
from fhpt_bench.statistics import FEWEST_CLUSTERS, drawn_clusters, resampled_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Signs and p-values of the differences of every two models.
Verdicts = tuple["NDArray[np.int8]", "NDArray[np.float64]"]

_MASKS = 16  # different choices of pairs up to which models with the same one are compared together
_HEAD = 160  # resamples that show most ties
_CHUNK = 64  # models at a time, so that their resamples stay in the CPU's cache
_ROUNDING = 1e-12  # of a difference of means, as a fraction of the means


def certain_differences(
    value: NDArray[np.float64],
    weight: NDArray[np.float64],
    cluster: NDArray[np.str_],
    counted: NDArray[np.bool_] | None = None,
) -> Verdicts | None:
    """For which models the interval of the paired difference excludes 0, for every two of many models at once.

    The same as the intervals of `paired_difference`. Differences below 1e-12 of the two means are rounding.

    Args:
        value: (k, n) one finite value per model and pair.
        weight: (k, n) not negative.
        cluster: (n,) the person of each pair.
        counted: (k, n) which pairs count for each model; two models are compared on the pairs that count for both.
            None: all.

    Returns:
        (k, k) signs: 1 if the interval of row minus column is above 0, -1 if it is below, else 0; and (k, k) p-values.
        None if two models have under 10 people in common.

    Examples:
        >>> value = np.arange(40.0).reshape(2, 20) % 20 + [[0], [1]]
        >>> signs, p = certain_differences(value, np.ones((2, 20)), np.array([f"p{i}" for i in range(20)]))
        >>> signs.tolist(), p.round(9).tolist()
        ([[0, -1], [1, 0]], [[1.0, 0.0], [0.0, 1.0]])
    """
    counted = np.ones(value.shape, bool) if counted is None else counted
    members: dict[bytes, list[int]] = {}
    for row, pairs in enumerate(counted):
        members.setdefault(pairs.tobytes(), []).append(row)
    if len(members) > _MASKS:
        return _on_common_pairs(value, weight, cluster, counted)
    found, p = np.zeros((len(value), len(value)), np.int8), np.ones((len(value), len(value)))
    groups = [(np.array(rows), counted[rows[0]]) for rows in members.values()]
    for (one, kept), (other, also) in itertools.combinations_with_replacement(groups, 2):
        rows = np.concatenate([one, other]) if other is not one else one
        common = kept & also
        means = resampled_means(value[rows][:, common], weight[rows][:, common], cluster[common])
        if means is None:
            return None
        signs, values = _signs_of_all(
            means[: len(one)], means[-len(other) :], one is other, len(np.unique(cluster[common]))
        )
        found[np.ix_(one, other)], found[np.ix_(other, one)] = signs, -signs.T
        p[np.ix_(one, other)], p[np.ix_(other, one)] = values, values.T
    return found, p


def _signs_of_all(ours: NDArray[np.float64], theirs: NDArray[np.float64], same: bool, people: int) -> Verdicts:
    """Whether the 95 % interval of each difference is above 0 (1), below (-1), or neither (0), and the p-values.

    Equal values have equal means, so that nothing has to be rounded here.

    Args:
        ours: (a, resamples) resampled means of models.
        theirs: (b, resamples) of other models.
        same: whether both are the same models.
        people: number of people.

    Returns:
        (a, b) each.
    """
    resamples = ours.shape[1]
    few = int(0.025 * (resamples - 1))
    centre, their_centre = ours.mean(1), theirs.mean(1)
    moved, theirs_moved = ours - centre[:, None], theirs - their_centre[:, None]
    spread, their_spread = (moved**2).mean(1), (theirs_moved**2).mean(1)
    most = spread[:, None] + their_spread
    variance = np.maximum(most - 2 * moved @ theirs_moved.T / resamples, 0) + 1e-9 * most
    distance = centre[:, None] - their_centre
    # Cantelli's inequality: at most this share of the resamples can be on the other side of 0. It decides most pairs.
    with np.errstate(invalid="ignore"):
        certain = resamples * variance < 0.99 * few * (variance + distance**2)
    found = np.where(certain, np.sign(distance), 0).astype(np.int8)
    if same:
        certain |= np.tri(len(ours), dtype=bool)
        found = np.triu(found, 1)
    # Two models that are equally good differ in both directions within the first resamples already.
    head = np.ascontiguousarray(theirs[:, :_HEAD])
    for row, own in enumerate(ours):
        rest = np.flatnonzero(~certain[row])
        below = _below(own[:_HEAD], head[rest])
        rest = rest[(below <= np.ceil(0.025 * (resamples - 1))).any(0)]
        for start in range(0, len(rest), _CHUNK):
            others = theirs[chosen := rest[start : start + _CHUNK]]
            gain = functools.partial(_gain, own, others)
            found[row, chosen] = _signs(_below(own, others), np.full(len(chosen), resamples), gain)
    if same:
        found = found - found.T
    return found, resampled_p_value(distance, np.sqrt(variance), found != 0, people)


def _on_common_pairs(
    value: NDArray[np.float64], weight: NDArray[np.float64], cluster: NDArray[np.str_], counted: NDArray[np.bool_]
) -> Verdicts | None:
    """As `certain_differences`, for models that skip different pairs: sums over people, then matrix products."""
    from scipy.sparse import csr_matrix

    names, position = np.unique(cluster, return_inverse=True)
    people = csr_matrix((np.ones(len(cluster)), (position, np.arange(len(cluster)))), (len(names), len(cluster)))
    used = np.ascontiguousarray(counted.T, np.float64)
    masses = np.where(counted, weight, 0.0).T
    totals = masses * np.where(counted, value, 0.0).T
    found, p = np.zeros((len(value), len(value)), np.int8), np.ones((len(value), len(value)))
    for row in range(len(value) - 1):
        rest, own = slice(row + 1, None), used[:, row, None]
        sums = [
            people @ part
            for part in (
                used[:, rest] * totals[:, row, None], used[:, rest] * masses[:, row, None], totals[:, rest] * own,
                masses[:, rest] * own,
            )
        ]  # fmt: skip
        present = people @ (used[:, rest] * own) > 0
        for members, kept in _alike(present):
            if kept.sum() < FEWEST_CLUSTERS:
                return None
            drawn = _drawn_counts(int(kept.sum()))
            for start in range(0, len(members), _CHUNK):
                chosen = members[start : start + _CHUNK]
                total, mass, their_total, their_mass = (part[np.ix_(kept, chosen)].T @ drawn for part in sums)
                unusable = (mass <= 0) | (their_mass <= 0)
                if unusable.all(1).any():
                    return None
                ours, theirs = total * their_mass, their_total * mass  # of one sign with the difference of the means
                gains = ours - theirs
                rounding = _ROUNDING * (np.abs(ours).max(1) + np.abs(theirs).max(1))[:, None]
                gains[unusable] = np.nan  # neither above nor below
                below = np.stack([np.count_nonzero(part <= rounding, axis=1) for part in (gains, -gains)])
                usable = gains.shape[1] - unusable.sum(1)
                difference = functools.partial(_difference, total, mass, their_total, their_mass)
                signs = _signs(below, usable, difference)
                found[row, row + 1 + chosen] = signs
                for at in np.flatnonzero(signs):
                    resampled = difference(at)
                    p[row, row + 1 + chosen[at]] = resampled_p_value(
                        resampled.mean(), resampled.std(), np.array(True), int(kept.sum())
                    )
    return found - found.T, np.minimum(p, p.T)


def _alike(present: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.bool_]]]:
    """The columns of (people, m) that are equal: their positions, and the column."""
    if present.all():
        yield np.arange(present.shape[1]), present[:, 0]
        return
    columns, group = np.unique(present, axis=1, return_inverse=True)
    for number in range(columns.shape[1]):
        yield np.flatnonzero(group.ravel() == number), columns[:, number]


def _signs(
    below: NDArray[np.intp], usable: NDArray[np.intp], gains: Callable[[int], NDArray[np.float64]]
) -> NDArray[np.int8]:
    """For each of m differences, whether its 95 % interval is above 0 (1), below (-1), or neither (0).

    Args:
        below: (2, m) number of resampled differences that are not above 0, and that are not below.
        usable: (m,) number of resampled differences.
        gains: the resampled differences at a position.
    """
    # A percentile lies between two neighbouring ordered values: counts decide unless zero is between just these.
    at = 0.025 * (usable - 1)
    found = np.zeros(len(usable), np.int8)
    for sign, count in zip((1, -1), below, strict=True):
        found[count <= np.floor(at)] = sign
        for row in np.flatnonzero((count > np.floor(at)) & (count <= np.ceil(at))):
            if np.percentile(sign * gains(row), 2.5) > 0:
                found[row] = sign
    return found


def _below(own: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.intp]:
    """(2, m) how many resampled differences are not above 0, and how many not below."""
    return np.stack([np.count_nonzero(part, axis=1) for part in (own <= others, own >= others)])


def _gain(own: NDArray[np.float64], others: NDArray[np.float64], at: int) -> NDArray[np.float64]:
    gain: NDArray[np.float64] = own - others[at]
    return gain


def _difference(
    total: NDArray[np.float64], mass: NDArray[np.float64], their_total: NDArray[np.float64],
    their_mass: NDArray[np.float64], at: int,
) -> NDArray[np.float64]:  # fmt: skip
    """The resampled differences of the means at a position, where both have a mass."""
    kept = (mass[at] > 0) & (their_mass[at] > 0)
    found: NDArray[np.float64] = total[at, kept] / mass[at, kept] - their_total[at, kept] / their_mass[at, kept]
    return found


@functools.lru_cache(maxsize=4)
def _drawn_counts(n: int) -> NDArray[np.float64]:
    """(n, resamples) how often each cluster is drawn in each resample."""
    rows = [np.bincount(row, minlength=n) for drawn in drawn_clusters(n) for row in drawn]
    return np.ascontiguousarray(np.stack(rows).T, np.float64)
