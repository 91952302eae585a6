"""The split of people into folds, so that a training can be evaluated on held-out people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def deal_people(people: Sequence[str], groups: Sequence[str], count: int, seed: int) -> NDArray[np.int64]:
    """Split the people into folds, evenly within each group. All images of a person are in the same fold.

    Args:
        people: N, the person on each image.
        groups: N, the group of that person ("WOMEN", "MEN"; or one group for all).
        count: number of folds.
        seed: seed of the random draw.

    Returns:
        (N,) fold of each image, from 0. It does not depend on the order of the images.

    Raises:
        ValueError: if the lengths differ, a person is in two groups, or a group has fewer people than folds.

    Examples:
        >>> deal_people(["ann", "ann", "bob", "bob", "cem", "cem"], ["all"] * 6, count=3, seed=0).tolist()
        [1, 1, 2, 2, 0, 0]
    """
    if len(people) != len(groups):
        raise ValueError(f"{len(people)} people do not fit {len(groups)} groups")
    group_of = dict(zip(people, groups, strict=True))
    if any(group_of[person] != group for person, group in zip(people, groups, strict=True)):
        raise ValueError("a person is in two groups")
    rng, fold = np.random.default_rng(seed), dict[str, int]()
    for group in sorted(set(groups)):
        members = sorted(person for person, its_group in group_of.items() if its_group == group)
        if len(members) < count:
            raise ValueError(f"{len(members)} people of {group} cannot be split into {count} folds")
        fold |= {members[place]: turn % count for turn, place in enumerate(rng.permutation(len(members)))}
    return np.array([fold[person] for person in people])
