"""Perfect images for some pairs, another image for the others: what a mean hides."""

from __future__ import annotations

from protocols.audit.damage import Damage, Image8, Subject

_SHARES = (0.05, 0.1, 0.2, 0.5, 1.0)


def _pose(subject: Subject, share: float) -> Image8:
    return subject.source if subject.place < share else subject.image


def _person(subject: Subject, share: float) -> Image8:
    return subject.stranger if subject.place < share else subject.image


DAMAGES = (
    Damage("other-pose", "the source image instead, for some pairs", "share of the pairs", _SHARES, _pose),
    Damage("other-person", "another person's image instead, for some pairs", "share of the pairs", _SHARES, _person),
)
