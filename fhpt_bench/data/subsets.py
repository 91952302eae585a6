"""Parts of a pair list: subsets by file name, and a limited number of pairs spread over the people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fhpt_bench.data.leakage import Facts, items, named, require
from fhpt_bench.data.names import VIEWS
from fhpt_bench.errors import UserError, did_you_mean

LIMIT_SEED = 20200526
SUBSETS = ("leak-free", "men", "women", *(f"view={view}" for view in VIEWS))


def check_subset(subset: str) -> None:
    """Check the name of a subset before any file is read.

    Raises:
        UserError: if there is no subset of that name.
    """
    if subset not in SUBSETS:
        raise UserError(f"There is no subset {subset!r}: {did_you_mean(subset, SUBSETS)}")


def choose_subset(
    subset: str, pairs: Sequence[tuple[str, str]], train: Sequence[str], facts: Facts = named
) -> tuple[int, ...]:
    """The pairs of a subset.

    Args:
        subset: "leak-free" (no item of the pair is in the training list), "men" or "women" (gender in the source's
            name), or "view=front" and so on (view in the target's name).
        pairs: (source, target) file names.
        train: file names of the training images, for "leak-free".
        facts: image name -> what it shows, or None.

    Returns:
        Their indices in the list.

    Raises:
        UserError: if there is no such subset, it has no pair, or a file name is not of DeepFashion's form.

    Examples:
        >>> pairs = [("fashionMENPantsid0000000101_1front.jpg", "fashionMENPantsid0000000101_3back.jpg")]
        >>> choose_subset("men", pairs, []), choose_subset("view=back", pairs, [])
        ((0,), (0,))
    """
    check_subset(subset)
    if subset == "leak-free":
        known = items(train, facts)
        chosen = [known.isdisjoint(items(pair, facts)) for pair in pairs]
    elif subset in ("men", "women"):
        chosen = [require(source, "gender", facts) == subset.upper() for source, _ in pairs]
    else:
        chosen = [f"view={require(target, 'view', facts)}" == subset for _, target in pairs]
    if not any(chosen):
        raise UserError(f"The subset {subset} contains none of the {len(pairs)} pairs: choose another one.")
    return tuple(place for place, is_in in enumerate(chosen) if is_in)


def spread_over_people(people: Sequence[str], limit: int) -> tuple[int, ...]:
    """Draw pairs with a fixed seed: one pair of each person, then a second one of each, and so on.

    Args:
        people: the person of each pair.
        limit: number of pairs to draw.

    Returns:
        Their indices in the list, ascending; the pairs of a smaller limit are among those of a larger one.

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
    # Stable, so that pairs of the same turn keep their random order.
    return tuple(sorted(order[np.argsort(turns, kind="stable")[:limit]].tolist()))
