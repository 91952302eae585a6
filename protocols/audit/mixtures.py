"""Perfect images for some pairs, another image for the others: what a mean hides."""

from __future__ import annotations

from collections.abc import Callable

from protocols.audit.damage import Damage, Image8, Subject

_SHARES = (0.05, 0.1, 0.2, 0.5, 1.0)


def _pose(subject: Subject, share: float) -> Image8:
    return subject.source if subject.place < share else subject.image


def _person(subject: Subject, share: float) -> Image8:
    return subject.stranger if subject.place < share else subject.image


def _swap(name: str) -> Callable[[Subject, float], Image8]:
    """The target image rendered again with one thing taken from another person."""

    def apply(subject: Subject, share: float) -> Image8:
        return subject.swaps[name] if subject.place < share else subject.image

    return apply


def _swapped(name: str, title: str) -> Damage:
    return Damage(name, f"{title}, for some pairs", "share of the pairs", _SHARES, _swap(name), swap=True)


SWAPS = (
    _swapped("identity", "face and skin of another person"),
    _swapped("garment", "outfit of another person"),
    _swapped("gender", "a person of the other gender in the same clothes"),
)
DAMAGES = (
    *SWAPS,
    Damage("other-pose", "the source image instead, for some pairs", "share of the pairs", _SHARES, _pose, source=True),
    Damage("other-person", "another person's image instead, for some pairs", "share of the pairs", _SHARES, _person),
)
