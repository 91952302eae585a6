"""Precision, recall, density and coverage: how two sets of embeddings cover each other."""

from __future__ import annotations

import functools
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.encoder_protocol import EncoderProtocol
from fhpt_bench.protocol import Evidence, Interval, MetricCard, Score
from fhpt_bench.statistics import FEWEST_CLUSTERS, block_jackknife
from protocols.inputs import Features, check_features

_NEAREST = 5
_NAMES = ("precision", "recall", "density", "coverage")


def prdc(features_a: Features, features_b: Features, nearest: int = _NEAREST) -> dict[str, float]:
    """Precision, recall, density and coverage of a set: Naeem et al., ICML 2020, as their package `prdc` computes them.

    The ball of an image is open, and reaches to its `nearest`-th nearest neighbour in its own set. Precision and recall
    are those of Kynkäänniemi et al., NeurIPS 2019.

    Args:
        features_a: (N, D) float, more than `nearest` rows: the generated images; a numpy array, or a torch tensor.
        features_b: (M, D) float, more than `nearest` rows: the real images; the same.
        nearest: 1 or more.

    Returns:
        precision: share of generated images in the ball of some real image. recall: share of real images in the ball of
        some generated image. density: mean number of real balls that a generated image is in, divided by `nearest`.
        coverage: share of real images whose ball holds a generated image. All are in [0, 1], density can be above 1.

    Raises:
        ValueError: if the arrays are not two such sets of finite numbers.

    Examples:
        >>> real = np.arange(8.0)[:, None]
        >>> prdc(real + 0.1, real, nearest=1)
        {'precision': 1.0, 'recall': 1.0, 'density': 1.875, 'coverage': 1.0}
    """
    if nearest < 1:
        raise ValueError(f"nearest must be 1 or more, not {nearest}")
    a, b = check_features(features_a, features_b, fewest=nearest + 1)
    return dict(zip(_NAMES, _Distances(a, b, nearest).shares(slice(None), slice(None)).tolist(), strict=True))


class _Distances:
    """The distances between all images of two sets, from which the shares of any subsets are computed."""

    def __init__(self, generated: NDArray[np.float64], real: NDArray[np.float64], nearest: int) -> None:
        from scipy.spatial.distance import cdist

        self._generated, self._real = cdist(generated, generated), cdist(real, real)
        self._between, self._nearest = cdist(real, generated), nearest

    def shares(self, generated: slice | NDArray[np.bool_], real: slice | NDArray[np.bool_]) -> NDArray[np.float64]:
        """(4,) precision, recall, density, coverage of the images that are kept."""
        between = self._between[real][:, generated]
        # Of its own set an image is the nearest itself, at 0.
        reach_a, reach_b = (
            np.partition(distances[kept][:, kept], self._nearest, axis=1)[:, self._nearest]
            for distances, kept in ((self._generated, generated), (self._real, real))
        )
        inside = between < reach_b[:, None]
        return np.array(
            [
                inside.any(0).mean(),
                (between < reach_a).any(1).mean(),
                inside.sum(0).mean() / self._nearest,
                (between.min(1) < reach_b).mean(),
            ]
        )


class PRDC(EncoderProtocol):
    """Precision, recall, density and coverage of the generated images among the target images."""

    id = "prdc"
    title = "Precision, recall, density and coverage"
    group = "perceptual"
    citation = (
        "Naeem et al., Reliable Fidelity and Diversity Metrics for Generative Models, ICML 2020; Kynkäänniemi et al., "
        "Improved Precision and Recall Metric for Assessing Generative Models, NeurIPS 2019"
    )
    definition = (
        f"open balls to the {_NEAREST}th nearest neighbour in the own set, Euclidean; precision: share of generated "
        "images in a target's ball; recall: share of targets in a generated image's ball; density: mean number of "
        f"targets' balls around a generated image, divided by {_NEAREST}; coverage: share of targets whose ball holds "
        "a generated image; all generated images, targets without repeats"
    )
    default = "dinov2-vitl14"
    sees_pose = False
    headlines: ClassVar[tuple[str, ...]] = _NAMES
    metrics = tuple(
        MetricCard(
            name,
            name.capitalize(),
            higher_is_better=True,
            range=(0.0, np.inf if name == "density" else 1.0),
            per_pair=False,
        )
        for name in _NAMES
    )
    moved_by = (
        "the number of images in each set, and repeats of an image: both move the radius of every ball",
        "several generated images of one target, as in pair lists with several sources",
        "the encoder: distances of two encoders are not comparable",
        "not the pairing: a wrong pairing does not change the value",
    )

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """The four shares, and the number of images in each set.

        The intervals are those of a jackknife over people, in which a block leaves both sets and all balls are computed
        again; they are too narrow near 0 and 1.
        """
        generated, real = (evidence.vectors(self.encoder.feature, role) for role in ("generated", "target"))
        lost, first = self.without(generated), evidence.unique_targets()
        ours, theirs = np.flatnonzero(~lost), first[~self.without(real[first])]
        if min(len(ours), len(theirs)) <= _NEAREST:
            return tuple(Score(name, None, 0, skipped={"too few images": len(generated)}) for name in _NAMES)
        distances = _Distances(*check_features(generated[ours], real[theirs], _NEAREST + 1), _NEAREST)
        found = distances.shares(slice(None), slice(None))
        shares: dict[bytes, NDArray[np.float64]] = {}  # by mask: one jackknife for all four

        def share(number: int, keep: NDArray[np.bool_]) -> float:
            if (key := keep.tobytes()) not in shares:
                shares[key] = distances.shares(keep[ours], keep[theirs])
            return float(shares[key][number])

        skipped = {"without a face in the generated image": int(lost.sum())} if lost.any() else {}
        details = {"n_generated": len(ours), "n_reference": len(theirs), "nearest": _NEAREST}
        enough = all(len(np.unique(evidence.people[rows])) >= FEWEST_CLUSTERS for rows in (ours, theirs))
        scores = []
        for number, (card, value) in enumerate(zip(self.metrics, found, strict=True)):
            interval = None
            raw = block_jackknife(functools.partial(share, number), evidence.people) if enough else None
            # If no block moves the value, as at 1, the jackknife says nothing of its uncertainty.
            if raw is not None and raw.high > raw.low:
                low, high = card.range
                interval = Interval(max(low, raw.low), min(high, raw.high), raw.method)
            scores.append(Score(card.name, float(value), len(ours), None, interval, skipped, details))
        return tuple(scores)
