"""Parts of a pair list: by what the names say, and so many pairs spread over the people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fhpt_bench.data.leakage import items, said
from fhpt_bench.data.names import VIEWS
from fhpt_bench.errors import UserError, did_you_mean

LIMIT_SEED = 20200526
SUBSETS = ("leak-free", "men", "women", *(f"view={view}" for view in VIEWS))


def check_subset(subset: str) -> None:
    """Find a mistyped subset before anything is read.

    Raises:
        UserError: where there is none of that name.
    """
    if subset not in SUBSETS:
        raise UserError(f"There is no subset {subset!r}: {did_you_mean(subset, SUBSETS)}")


def choose_subset(subset: str, pairs: Sequence[tuple[str, str]], train: Sequence[str]) -> tuple[int, ...]:
    """The pairs of a subset.

    Args:
        subset: "leak-free" (no item of the pair stands in the training list), "men" or "women" (who is shown), or
            "view=front" and so on (of the target).
        pairs: (source, target) file names.
        train: file names of the training images, for "leak-free".

    Returns:
        Their places in the list.

    Raises:
        UserError: where there is no such subset, it has no pair, or a name does not say what is asked.

    Examples:
        >>> pairs = [("fashionMENPantsid0000000101_1front.jpg", "fashionMENPantsid0000000101_3back.jpg")]
        >>> choose_subset("men", pairs, []), choose_subset("view=back", pairs, [])
        ((0,), (0,))
    """
    check_subset(subset)
    if subset == "leak-free":
        known = items(train)
        chosen = [known.isdisjoint(items(pair)) for pair in pairs]
    elif subset in ("men", "women"):
        chosen = [said(source).gender == subset.upper() for source, _ in pairs]
    else:
        chosen = [f"view={said(target).view}" == subset for _, target in pairs]
    if not any(chosen):
        raise UserError(f"The subset {subset} has none of the {len(pairs)} pairs: choose another one.")
    return tuple(place for place, is_in in enumerate(chosen) if is_in)


def spread_over_people(people: Sequence[str], limit: int) -> tuple[int, ...]:
    """Draw pairs by a fixed seed: everybody's first pair, then everybody's second, and so on.

    Args:
        people: who each pair shows.
        limit: how many are drawn.

    Returns:
        Their places in the list, ascending; a smaller limit draws a part of a larger one's.

    Examples:
        >>> spread_over_people(["ann", "ann", "ann", "bob"], 2)
        (0, 3)
    """
    order = np.random.default_rng(LIMIT_SEED).permutation(len(people))
    turn: dict[str, int] = {}
    turns = []
    for place in order:
        turn[people[place]] = turn.get(people[place], -1) + 1
        turns.append(turn[people[place]])
    # Stable, so that the drawn order decides among those of one turn.
    return tuple(sorted(order[np.argsort(turns, kind="stable")[:limit]].tolist()))
