"""How far scores agree on which images are worse, and which few scores say most of what all say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from protocols.audit.adversaries import ADVERSARIES
from protocols.audit.results import Results

DAMAGED = {adversary.name for adversary in ADVERSARIES if adversary.damage}  # measured as damage
FEWEST = 10  # systems, for a rank correlation


@dataclass(frozen=True)
class Agreement:
    """Rank correlations of scores over systems: folders of damaged images, and models.

    Args:
        keys: the scores.
        matrix: (k, k) Spearman's rank correlations, turned so that 1 means that two scores call the same systems worse.
        n: number of systems.
        three: the three scores from whose ranks those of all scores follow best.
        share: the share of the variance of the ranks that they explain: the mean over protocols, and within a protocol
            over its scores.
    """

    keys: tuple[str, ...]
    matrix: NDArray[np.float64]
    n: int
    three: tuple[str, str, str]
    share: float


def agreement(values: Mapping[str, Sequence[float | None]], higher_is_better: Mapping[str, bool]) -> Agreement | None:
    """Compare the orders in which scores put the same systems.

    Scores that do not have a value for every system, or only one value, are left out.

    Args:
        values: score key -> its value for each system, in one order; None if it has none.
        higher_is_better: score key -> its direction.

    Returns:
        The agreement; None if there are fewer than ten systems or fewer than four scores.

    Examples:
        >>> steps = [float(i) for i in range(10)]
        >>> columns = {"a:1:x": steps, "b:1:x": steps, "c:1:x": steps[::-1], "d:1:x": [*steps[5:], *steps[:5]]}
        >>> found = agreement(columns, dict.fromkeys(columns, True))
        >>> found.matrix[0].round(2).tolist()
        [1.0, 1.0, -1.0, -0.52]
    """
    from scipy.stats import rankdata

    usable = {key: column for key, column in values.items() if None not in column and len(set(column)) > 1}
    n = len(next(iter(usable.values()), ()))
    if n < FEWEST or len(usable) < 4:
        return None
    signs = [1 if higher_is_better[key] else -1 for key in usable]
    ranks = np.array(
        [rankdata(sign * np.array(usable[key], np.float64)) for key, sign in zip(usable, signs, strict=True)]
    )
    matrix = np.corrcoef(ranks)
    keys = tuple(usable)
    three, share = _best_three(keys, matrix)
    return Agreement(keys, matrix, n, three, share)


def of_results(results: Results) -> Agreement | None:
    """The agreement of the headline scores over every kind and strength of damage, and the models.

    Args:
        results: of an audit.
    """
    table = {score: row for score, row in results.table.items() if score.headline}
    names = dict.fromkeys(finding.damage for finding in results.findings)
    standings = {one.score: one.values for one in results.standings}
    models = dict.fromkeys(name for values in standings.values() for name in values if name not in DAMAGED)
    columns: dict[str, list[float | None]] = {}
    for score, row in table.items():
        columns[score.key] = [v for name in names for v in (row[name].values if name in row else (None,) * 5)]
        columns[score.key] += [standings.get(score, {}).get(name, (None,))[0] for name in models]
    return agreement(columns, {score.key: score.higher_is_better for score in table})


def _best_three(keys: Sequence[str], matrix: NDArray[np.float64]) -> tuple[tuple[str, str, str], float]:
    """The three scores whose ranks explain most of all scores' ranks by linear regression, and the share."""
    protocols = [key.partition(":")[0] for key in keys]
    counts = {name: protocols.count(name) for name in protocols}
    weights = np.array([1 / counts[name] / len(counts) for name in protocols])
    best: tuple[float, tuple[int, ...]] = (-1.0, ())
    for chosen in combinations(range(len(keys)), 3):
        own = matrix[np.ix_(chosen, chosen)]
        if np.linalg.det(own) < 1e-6:  # two of the three say the same
            continue
        cross = matrix[list(chosen)]
        explained = (cross * np.linalg.solve(own, cross)).sum(0)
        share = float(weights @ np.minimum(explained, 1.0))
        if share > best[0] + 1e-12:
            best = share, chosen
    first, second, third = (keys[i] for i in best[1]) if best[1] else keys[:3]
    return (first, second, third), best[0]
