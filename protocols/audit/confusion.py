"""What a score confuses: hardly visible damage for which it is worse than for serious damage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from fhpt_bench.records.score_difference import compare_scores
from fhpt_bench.significance import LEVEL, holm
from protocols.audit.findings import AuditedScore, audited_score, same_score

if TYPE_CHECKING:
    from fhpt_bench.records.pair_table import PairValues
    from fhpt_bench.records.schema import Record

Measured = tuple["Record", "PairValues"]


@dataclass(frozen=True)
class Confusion:
    """Mild damage for which a score is significantly worse than for serious damage.

    Args:
        score: the score.
        mild: name of the mild damage.
        number: its strength, 1 to 5.
        serious: name of the serious damage; its strength is 5.
        mild_value: the score with the mild damage.
        serious_value: the score with the serious one.
    """

    score: AuditedScore
    mild: str
    number: int
    serious: str
    mild_value: float
    serious_value: float


def confusions(mild: Sequence[tuple[str, int, Measured]], serious: Sequence[tuple[str, Measured]]) -> list[Confusion]:
    """What each score confuses, with Holm's correction for all couples of mild and serious damage of a score.

    Args:
        mild: name, strength from 1 to 5, and record with its values by pair.
        serious: name, and record with its values by pair at the strongest.
    """
    found: list[Confusion] = []
    if not mild or not serious:
        return found
    first = mild[0][2][0]
    for score in first.scores:
        kind = audited_score(first, score)
        candidates, p = [], []
        for (name, number, (record, values)), (other_name, (other_record, other_values)) in product(mild, serious):
            ours, theirs = same_score(score, record), same_score(score, other_record)
            if ours is None or theirs is None or ours.value is None or theirs.value is None:
                continue
            done = compare_scores(
                ours, theirs, values.get(score.key), other_values.get(score.key), kind.higher_is_better
            )
            candidates.append((done.verdict, Confusion(kind, name, number, other_name, ours.value, theirs.value)))
            p.append(done.p)
        certain = holm(np.array(p, np.float64)) <= LEVEL
        found += [
            item for (verdict, item), sure in zip(candidates, certain, strict=True) if sure and verdict == "worse"
        ]
    return found
