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
Range = tuple[float, float]


@dataclass(frozen=True)
class AuditedScore:
    """A score that is audited.

    Args:
        key: `protocol:variant:metric`.
        label: its name in tables.
        headline: whether it is one of its protocol's headline scores.
        higher_is_better: its direction.
    """

    key: str
    label: str
    headline: bool
    higher_is_better: bool


@dataclass(frozen=True)
class Finding:
    """What one score says of one damage.

    Args:
        score: the score.
        damage: name of the damage.
        real: the score of the undamaged images.
        values: the score at each of the five strengths; None if it has none there.
        worse: whether the score is significantly worse than that of the undamaged images, with Holm's correction for
            the five strengths.
        better: the same for significantly better.
        decided: whether it can be told at each strength: not without a value there (a face that no detector finds), nor
            with fewer than ten people in common.
        differences: 95 % interval (low, high) of value - real at each strength, over people; None for a score of the
            whole set.
        tau: Kendall's tau-b between strength (0 for undamaged) and how bad the score is: the mean over the pairs whose
            value changes at all, or of the set's scores; None if nothing changes or a strength has no value.
        interval: of tau, over people; None for a score of the whole set.
        n: number of pairs behind tau: those whose value changes.
    """

    score: AuditedScore
    damage: str
    real: float
    values: tuple[float | None, ...]
    worse: tuple[bool, ...]
    better: tuple[bool, ...]
    decided: tuple[bool, ...]
    differences: tuple[Range | None, ...]
    tau: float | None
    interval: Range | None
    n: int

    @property
    def noticed_from(self) -> int | None:
        """The weakest strength, 1 to 5, from which on the score is significantly worse wherever that can be told.

        None if it is not worse at the strongest strength at which it can be told.
        """
        found = None
        for number in range(len(self.worse), 0, -1):
            if self.decided[number - 1]:
                if not self.worse[number - 1]:
                    break
                found = number
        return found

    @property
    def monotone(self) -> bool:
        """Whether the score never improves from one strength to the next, starting from the undamaged images."""
        values = [self.real, *(value for value in self.values if value is not None)]
        if len(values) <= len(self.values):
            return False
        sign = -1 if self.score.higher_is_better else 1
        steps = [sign * (after - before) for before, after in pairwise(values)]
        return all(step >= -_ROUNDING * max(1.0, abs(self.real)) for step in steps)

    def loss(self, strength: int) -> float | None:
        """By how much the score is worse than that of the undamaged images at a strength of 1 to 5."""
        value = self.values[strength - 1]
        return None if value is None else (self.real - value if self.score.higher_is_better else value - self.real)


def sign(finding: Finding) -> str:
    """The cell of a finding in a matrix, for example "3" or "-!": see `report` for its signs."""
    noticed = finding.noticed_from
    number = "?" if not any(finding.decided) else "-" if noticed is None else str(noticed)
    open_ones = any(finding.decided) and not all(finding.decided)
    return number + ("!" if any(finding.better) else "") + ("°" if open_ones else "")


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
        others = [same_score(score, other) for other, _ in damaged]
        if score.value is None or not any(others):
            continue
        kind = audited_score(record, score)
        tables = [table.get(score.key) for _, table in damaged]
        own = values.get(score.key)
        worse, better, decided, differences = _verdicts(score, others, own, tables, kind.higher_is_better)
        usable = [t for t, other in zip(tables, others, strict=True) if other is not None]
        tau, interval, n = _order(score, others, own, usable, kind.higher_is_better)
        shown = tuple(other.value if other else None for other in others)
        found.append(Finding(kind, damage, score.value, shown, worse, better, decided, differences, tau, interval, n))
    return found


def audited_score(record: Record, score: ScoreEntry) -> AuditedScore:
    """What an audit has to know of a score.

    Args:
        record: a record that was made just now: the direction of a protocol in a file of the user's is what it says.
        score: one of its scores.
    """
    known = standing(record, score)
    headline = known.card is None or score.metric in known.card.headlines
    return AuditedScore(score.key, score.label, headline, (known.metric or score).higher_is_better)


def same_score(score: ScoreEntry, record: Record) -> ScoreEntry | None:
    """The score of another record that has a value and can be compared with this one; None if there is none.

    Args:
        score: a score.
        record: another record.
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
) -> tuple[tuple[bool, ...], tuple[bool, ...], tuple[bool, ...], tuple[Range | None, ...]]:
    verdicts: list[str | None] = []
    differences: list[Range | None] = []
    p = []
    for other, table in zip(others, tables, strict=True):
        if other is None:
            verdicts.append(None)
            differences.append(None)
            p.append(1.0)
            continue
        comparison = compare_scores(other, real, table, own, higher_is_better)
        verdicts.append(comparison.verdict)
        differences.append(_range(comparison.paired.interval if comparison.paired else None))
        p.append(comparison.p)
    certain = holm(np.array(p)) <= LEVEL
    kept = [verdict if sure else None for verdict, sure in zip(verdicts, certain, strict=True)]
    worse, better = (tuple(verdict == word for verdict in kept) for word in ("worse", "better"))
    return worse, better, tuple(verdict is not None for verdict in verdicts), tuple(differences)


def _order(
    real: ScoreEntry,
    others: Sequence[ScoreEntry | None],
    own: pd.DataFrame | None,
    tables: Sequence[pd.DataFrame | None],
    higher_is_better: bool,
) -> tuple[float | None, Range | None, int]:
    """Kendall's tau-b between strength and badness, its interval, and the number of pairs behind it."""
    sign = -1 if higher_is_better else 1
    present = [other for other in others if other is not None]
    if len(present) < len(others):
        return None, None, 0
    if own is None or any(table is None for table in tables):
        values = np.array([real.value, *(other.value for other in present)], np.float64)
        tau = _tau(sign * values[None])
        return (float(tau[0]) if np.isfinite(tau[0]) else None), None, real.n
    counted = [table[table["skipped"] == ""] for table in (own, *tables) if table is not None]
    common = _common([table.index for table in counted])
    matrix = np.stack([table.loc[common, "value"].to_numpy(np.float64) for table in counted], axis=1)
    tau = _tau(sign * matrix)
    told = np.isfinite(tau)
    if not told.any():
        return None, None, 0
    people = counted[0].loc[common, "person"].to_numpy(str)[told]
    tau = tau[told]
    return float(tau.mean()), _range(cluster_bootstrap(tau, np.ones(len(tau)), people)), len(tau)


def _range(interval: Interval | None) -> Range | None:
    return None if interval is None else (interval.low, interval.high)


def _common(indices: Sequence[pd.Index[str]]) -> pd.Index[str]:
    """The entries that all indices have, in the order of the first."""
    common = indices[0]
    for index in indices[1:]:
        common = common[common.isin(index)]
    return common


def _tau(badness: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 6) how bad each image is at each strength -> (n,) Kendall's tau-b, NaN where all six are equal.

    Tau-b, because values repeat: a share of the pairs is damaged from one strength on, and many values are yes or no.
    """
    pairs = list(combinations(range(badness.shape[1]), 2))
    signs = np.array([np.sign(badness[:, j] - badness[:, i]) for i, j in pairs])
    different = np.abs(signs).sum(0)
    with np.errstate(invalid="ignore"):
        found: NDArray[np.float64] = signs.sum(0) / np.sqrt(len(pairs) * different)
    return found
