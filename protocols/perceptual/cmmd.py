"""CMMD: the maximum mean discrepancy of normalised embeddings, with a Gaussian kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.protocol import MetricCard
from protocols.inputs import Features, check_features
from protocols.perceptual.kernel import KD, Kernels

_SIGMA = 10.0
_SCALE = 1000.0


def cmmd(features_a: Features, features_b: Features) -> float:
    """1000 times the squared maximum mean discrepancy: Jayasumana et al., Rethinking FID, CVPR 2024.

    Each embedding is divided by its length first. The kernel is exp(-|x - y|² / (2 · 10²)); the means include each
    image with itself (the biased estimate), as in the authors' code (google-research/cmmd, distance.py).

    Args:
        features_a: (N, D) float, N at least 1; a numpy array, or a torch tensor on any device.
        features_b: (M, D) float, M at least 1; the same.

    Returns:
        The discrepancy, 0 or more; it falls a little as N and M grow.

    Raises:
        ValueError: if the arrays are not two such sets of finite numbers, or an embedding is 0.

    Examples:
        >>> round(cmmd(np.array([[1.0, 0.0]]), np.array([[0.0, 2.0]])), 4)
        19.9003
    """
    kernels = _kernels(features_a, features_b)
    return kernels.distance(np.ones(len(features_a), bool), np.ones(len(features_b), bool))


def _kernels(features_a: Features, features_b: Features) -> Kernels:
    a, b = (_normalised(features) for features in check_features(features_a, features_b, fewest=1))
    return Kernels(a, b, _gaussian, biased=True)


def _normalised(features: NDArray[np.float64]) -> NDArray[np.float64]:
    length = np.linalg.norm(features, axis=1, keepdims=True)
    if not (length > 0).all():
        raise ValueError("an embedding is 0, so that it has no direction")
    unit: NDArray[np.float64] = features / length
    return unit


def _gaussian(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """1000 times the kernel."""
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * (a @ b.T)
    kernel: NDArray[np.float64] = _SCALE * np.exp(-squared.clip(min=0) / (2 * _SIGMA**2))
    return kernel


class CMMD(KD):
    """The maximum mean discrepancy of normalised embeddings; with `clip-vitl14-336` it is the published CMMD."""

    id = "cmmd"
    title = "CMMD: discrepancy of normalised embeddings"
    citation = "Jayasumana et al., Rethinking FID: Towards a Better Evaluation Metric for Image Generation, CVPR 2024"
    definition = (
        "1000 times the squared maximum mean discrepancy of vectors divided by their length, Gaussian kernel with "
        "sigma 10, biased estimate: all generated images against the target images without repeats"
    )
    default = "clip-vitl14-336"
    fewest = 1
    metrics = (MetricCard("cmmd", "CMMD", higher_is_better=False, range=(0.0, np.inf), per_pair=False),)
    moved_by = (
        "the encoder and its input: with `clip-vitl14-336` only the middle square of an image counts, as in the "
        "authors' code",
        "the number of images, a little: the estimate is biased",
        "the factor of 1000",
        "not the pairing: a wrong pairing does not change the value",
    )

    @staticmethod
    def kernels(generated: NDArray[np.float32], real: NDArray[np.float32]) -> Kernels:
        """The kernel values of the two sets."""
        return _kernels(generated, real)
