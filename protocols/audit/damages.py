"""All kinds of damage, and the subjects of a benchmark to which they are done."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fhpt_bench.benchmark import Benchmark
from fhpt_bench.data.images import read_image
from protocols.audit import geometric, mixtures, people, photometric
from protocols.audit.damage import Damage, Image8, Subject
from protocols.audit.swaps import missing_swaps, swaps_of

DAMAGES = (*photometric.DAMAGES, *geometric.DAMAGES, *people.DAMAGES, *mixtures.DAMAGES)
_SEED = 20200526


def lacking(damage: Damage, benchmark: Benchmark) -> str | None:
    """Why a damage cannot be done on a benchmark; None if it can.

    Args:
        damage: the damage.
        benchmark: the benchmark.
    """
    targets = {pair.target for pair in benchmark.pairs}
    if damage.parsing and not targets <= benchmark.truth.parsing.keys():
        return "the benchmark has no parsing maps"
    if damage.hands and not targets <= benchmark.truth.keypoints.get("hand_left", {}).keys():
        return "the benchmark has no keypoints of the hands"
    return missing_swaps(benchmark, damage.name) if damage.swap else None


def subjects(benchmark: Benchmark) -> Iterator[Subject]:
    """The target images of a benchmark's pairs, with what is known of them.

    Args:
        benchmark: the benchmark; its pairs are of at least two people.
    """
    pairs = benchmark.pairs
    targets = list(dict.fromkeys(pair.target for pair in pairs))
    order = np.random.default_rng(_SEED).permutation(len(targets)) / len(targets)
    places = dict(zip(targets, order.tolist(), strict=True))
    swaps = {damage.name: swaps_of(benchmark, damage.name) for damage in DAMAGES if damage.swap}
    for i, pair in enumerate(pairs):
        others = [other.target for other in pairs[i + 1 :] + pairs[:i] if other.person != pair.person]
        truth = benchmark.truth
        hands = [truth.keypoints[part][pair.target] for part in ("hand_left", "hand_right") if part in truth.keypoints]
        yield Subject(
            key=pair.id,
            target=pair.target,
            image=_read(benchmark, pair.target),
            body=benchmark.poses[pair.target],
            hands=tuple(np.where(hand[:, 2:] == 0, np.float32(np.nan), hand[:, :2]) for hand in hands),
            parsing=truth.parsing.get(pair.target),
            source=_read(benchmark, pair.source),
            stranger=_read(benchmark, others[0]),
            place=places[pair.target],
            swaps={
                kind: read_image(images[pair.target], benchmark.image_size)
                for kind, images in swaps.items()
                if pair.target in images
            },
        )


def _read(benchmark: Benchmark, name: str) -> Image8:
    return read_image(benchmark.folder / name, benchmark.image_size)
