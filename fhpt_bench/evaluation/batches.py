"""How the pairs of a run are divided into batches."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from fhpt_bench.benchmark import Pair


def target_batches(pairs: Sequence[Pair], size: int) -> list[tuple[Pair, ...]]:
    """Split pairs into batches that keep the pairs of a target together, so that each target is processed once.

    Args:
        pairs: sorted by target.
        size: pairs per batch at most; only a target with more pairs is spread over several batches.

    Examples:
        >>> pairs = [Pair(s, t, "ann") for t in "abc" for s in "xy"]
        >>> [len(batch) for batch in target_batches(pairs, 5)]
        [4, 2]
    """
    batches: list[list[Pair]] = [[]]
    for _, group in groupby(pairs, key=lambda pair: pair.target):
        together = list(group)
        if len(batches[-1]) + len(together) > size and batches[-1]:
            batches.append([])
        for pair in together:
            if len(batches[-1]) == size:
                batches.append([])
            batches[-1].append(pair)
    return [tuple(batch) for batch in batches if batch]
