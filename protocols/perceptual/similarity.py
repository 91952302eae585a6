"""The cosine and the distance between the embeddings of a pair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.encoder_protocol import EncoderProtocol
from fhpt_bench.protocol import Evidence, MetricCard, PairValues, Score
from fhpt_bench.score import mean_score
from protocols.inputs import Features, as_features


def similarity(features_a: Features, features_b: Features) -> NDArray[np.float64]:
    """The cosine of the angle between the embeddings of each pair.

    Args:
        features_a: (N, D) float: a numpy array, or a torch tensor on any device.
        features_b: (N, D) float; the same.

    Returns:
        (N,) float64 in [-1, 1], higher is better; NaN if an embedding is 0.

    Raises:
        ValueError: if the arrays are not two such sets of finite numbers with N rows each.

    Examples:
        >>> similarity(np.array([[1.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 2.0], [6.0, 8.0]]))
        array([0., 1.])
    """
    a, b = _paired(features_a, features_b)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosine = np.full(len(a), np.nan)
    usable = lengths > 0
    cosine[usable] = ((a * b).sum(1)[usable] / lengths[usable]).clip(-1, 1)
    return cosine


def embedding_distance(features_a: Features, features_b: Features) -> NDArray[np.float64]:
    """The Euclidean distance between the embeddings of each pair, which are not scaled to length 1.

    Args:
        features_a: (N, D) float: a numpy array, or a torch tensor on any device.
        features_b: (N, D) float; the same.

    Returns:
        (N,) float64, 0 or more, lower is better.

    Raises:
        ValueError: if the arrays are not two such sets of finite numbers with N rows each.

    Examples:
        >>> embedding_distance(np.array([[1.0, 0.0], [3.0, 4.0]]), np.array([[1.0, 0.0], [6.0, 8.0]]))
        array([0., 5.])
    """
    a, b = _paired(features_a, features_b)
    distance: NDArray[np.float64] = np.linalg.norm(a - b, axis=1)
    return distance


def _paired(features_a: Features, features_b: Features) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two sets of the same shape, in float64."""
    a, b = (
        as_features(name, given).astype(np.float64)
        for name, given in (("features_a", features_a), ("features_b", features_b))
    )
    if a.shape != b.shape:
        raise ValueError(f"the two sets must have one shape, not {a.shape} and {b.shape}")
    return a, b


class Similarity(EncoderProtocol):
    """The cosine and the distance between the embeddings of a generated image and its target image."""

    id = "similarity"
    title = "Similarity of a pair's embeddings"
    group = "perceptual"
    citation = (
        "the cosine, as for CLIP-I and DINO of Ruiz et al., DreamBooth, CVPR 2023; for ArcFace Deng et al., CVPR 2019"
    )
    definition = (
        "cosine between the vectors of the generated image and of the target image, mean over pairs; distance: "
        "Euclidean, of vectors that are not scaled to length 1, mean over pairs"
    )
    default = "dinov2-vitl14"
    used_by: ClassVar[Mapping[str, str]] = {
        "arcface-mbf": "MCLD (evaluate.py), with InsightFace's detector and the largest of its faces: other faces are "
        "found, and aligned by other points"
    }
    metrics = (
        MetricCard("similarity", "Similarity", higher_is_better=True, range=(-1.0, 1.0), real=1.0),
        MetricCard("distance", "Embedding distance", higher_is_better=False, range=(0.0, np.inf), real=0.0),
    )
    sees_pose = True
    moved_by = (
        "the encoder: values of two encoders are not comparable",
        "the size and the part of the image that the encoder is given",
        "for an encoder of faces, which pairs count: those with a face in both images, so that a generated image "
        "without a face costs nothing",
    )

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """Mean cosine and mean distance, their intervals over people, and the pairs that were left out."""
        generated, real = (evidence.vectors(self.encoder.feature, role) for role in ("generated", "target"))
        no_generated, no_real = self.without(generated), self.without(real)
        shown = ~(no_generated | no_real)
        cosine, distance = np.full((2, len(shown)), np.nan)
        if shown.any():
            cosine[shown] = similarity(generated[shown], real[shown])
            distance[shown] = embedding_distance(generated[shown], real[shown])
        lost = np.select(
            [no_generated & no_real, no_generated, no_real],
            [
                "without a face in either image",
                "without a face in the generated image",
                "without a face in the target image",
            ],
            "",
        )
        reasons = np.where(shown & np.isnan(cosine), "an embedding of 0", lost)
        return (
            mean_score("similarity", evidence, PairValues.of(cosine, reasons.tolist())),
            mean_score("distance", evidence, PairValues.of(distance, lost.tolist())),
        )
