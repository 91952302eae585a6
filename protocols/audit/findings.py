"""What a score says of a damage: from which strength on it notices it, and whether it orders the strengths rightly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import numpy as np

from fhpt_bench.records.installed_cards import standing
from fhpt_bench.records.score_difference import compare_scores
from fhpt_bench.significance import LEVEL, holm
from fhpt_bench.statistics import Interval, cluster_bootstrap

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from fhpt_bench.records.pair_table import PairValues
    from fhpt_bench.records.schema import Record, ScoreEntry

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Finding:
    """What one score says of one damage.

    Args:
        key: the score.
        damage: name of the damage.
        real: the score of the undamaged images.
        values: the score at each of the five strengths; None if it has none there.
        worse: whether the score is significantly worse than that of the undamaged images, with Holm's correction for
            the five strengths.
        better: the same for significantly better.
        higher_is_better: direction of the score.
        tau: Kendall's rank correlation between strength (0 for undamaged) and how bad the score is: the mean over
            pairs, or of the set's scores; None if it cannot be computed.
        interval: of tau, over people; None for a score of the whole set.
        n: number of pairs behind tau.
    """

    key: str
    damage: str
    real: float
    values: tuple[float | None, ...]
    worse: tuple[bool, ...]
    better: tuple[bool, ...]
    higher_is_better: bool
    tau: float | None
    interval: Interval | None
    n: int

    @property
    def noticed_from(self) -> int | None:
        """The weakest strength, 1 to 5, from which on the score is significantly worse; None if it is not at 5."""
        behind = 0
        for flag in reversed(self.worse):
            if not flag:
                break
            behind += 1
        return len(self.worse) - behind + 1 if behind else None

    @property
    def monotone(self) -> bool:
        """Whether the score never improves from one strength to the next, starting from the undamaged images."""
        values = [self.real, *(value for value in self.values if value is not None)]
        if len(values) <= len(self.values):
            return False
        sign = -1 if self.higher_is_better else 1
        steps = [sign * (after - before) for before, after in pairwise(values)]
        return all(step >= -_ROUNDING * max(1.0, abs(self.real)) for step in steps)

    def loss(self, strength: int) -> float | None:
        """By how much the score is worse than that of the undamaged images at a strength of 1 to 5."""
        value = self.values[strength - 1]
        return None if value is None else (self.real - value if self.higher_is_better else value - self.real)


def examine(
    damage: str, real: tuple[Record, PairValues], damaged: Sequence[tuple[Record, PairValues]]
) -> list[Finding]:
    """What every score of a record says of a damage.

    Args:
        damage: its name.
        real: the record of the undamaged images, with its values by pair.
        damaged: those of the five strengths, in their order.

    Returns:
        A finding for each score that the undamaged images and at least one strength have with one fingerprint.
    """
    record, values = real
    found = []
    for score in record.scores:
        if score.value is None:
            continue
        # The direction of a protocol in a file of the user's is what the record says: it was made just now.
        better_is_higher = (standing(record, score).metric or score).higher_is_better
        others = [same_score(score, other) for other, _ in damaged]
        if not any(others):
            continue
        tables = [table.get(score.key) for _, table in damaged]
        own = values.get(score.key)
        worse, better = _verdicts(score, others, own, tables, better_is_higher)
        usable = [t for t, other in zip(tables, others, strict=True) if other is not None]
        tau, interval, n = _order(score, others, own, usable, better_is_higher)
        shown = tuple(other.value if other else None for other in others)
        finding = Finding(score.key, damage, score.value, shown, worse, better, better_is_higher, tau, interval, n)
        found.append(finding)
    return found


def same_score(score: ScoreEntry, record: Record) -> ScoreEntry | None:
    """The score of another record, if it has a value and is comparable.

    Args:
        score: a score.
        record: the other record.
    """
    return next(
        (s for s in record.scores
         if s.key == score.key and s.value is not None and s.fingerprint == score.fingerprint), None
    )  # fmt: skip


def _verdicts(
    real: ScoreEntry,
    others: Sequence[ScoreEntry | None],
    own: pd.DataFrame | None,
    tables: Sequence[pd.DataFrame | None],
    higher_is_better: bool,
) -> tuple[tuple[bool, ...], tuple[bool, ...]]:
    verdicts: list[str | None] = []
    p = []
    for other, table in zip(others, tables, strict=True):
        if other is None:
            verdicts.append(None)
            p.append(1.0)
            continue
        comparison = compare_scores(other, real, table, own, higher_is_better)
        verdicts.append(comparison.verdict)
        p.append(comparison.p)
    certain = holm(np.array(p)) <= LEVEL
    kept = [verdict if sure else None for verdict, sure in zip(verdicts, certain, strict=True)]
    return tuple(verdict == "worse" for verdict in kept), tuple(verdict == "better" for verdict in kept)


def _order(
    real: ScoreEntry,
    others: Sequence[ScoreEntry | None],
    own: pd.DataFrame | None,
    tables: Sequence[pd.DataFrame | None],
    higher_is_better: bool,
) -> tuple[float | None, Interval | None, int]:
    """Kendall's tau-a between strength and badness, its interval, and the number of pairs."""
    sign = -1 if higher_is_better else 1
    present = [other for other in others if other is not None]
    if len(present) < len(others):
        return None, None, 0
    if own is None or any(table is None for table in tables):
        values = np.array([real.value, *(other.value for other in present)], np.float64)
        return float(_tau(sign * values[None])[0]), None, real.n
    counted = [table[table["skipped"] == ""] for table in (own, *tables) if table is not None]
    common = _common([table.index for table in counted])
    if not len(common):
        return None, None, 0
    matrix = np.stack([table.loc[common, "value"].to_numpy(np.float64) for table in counted], axis=1)
    tau = _tau(sign * matrix)
    people = counted[0].loc[common, "person"].to_numpy(str)
    return float(tau.mean()), cluster_bootstrap(tau, np.ones(len(tau)), people), len(tau)


def _common(indices: Sequence[pd.Index[str]]) -> pd.Index[str]:
    """The entries that all indices have, in the order of the first."""
    common = indices[0]
    for index in indices[1:]:
        common = common[common.isin(index)]
    return common


def _tau(badness: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 6) how bad each image is at each strength -> (n,) Kendall's tau-a."""
    pairs = combinations(range(badness.shape[1]), 2)
    found: NDArray[np.float64] = np.mean([np.sign(badness[:, j] - badness[:, i]) for i, j in pairs], axis=0)
    return found
