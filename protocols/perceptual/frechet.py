"""The Fréchet distance between two sets of features, each taken as one Gaussian."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.inputs import check_features


def frechet_distance(features_a: NDArray[np.floating[Any]], features_b: NDArray[np.floating[Any]]) -> float:
    """Squared Fréchet distance of Gaussians fitted to two sets: Heusel et al., NeurIPS 2017.

    ||m1 - m2||² + tr(S1 + S2 - 2 (S1 S2)^½), with covariances that divide by n - 1. The trace of the root is computed
    from symmetric matrices alone, in float64, so that no imaginary part arises and nothing is added to a diagonal.

    Args:
        features_a: (N, D) float, N of at least 2.
        features_b: (M, D) float, M of at least 2.

    Returns:
        The distance, 0 or more; it falls as N and M grow, so values of different sizes do not compare.

    Raises:
        ValueError: where the arrays are not two such sets of finite numbers.

    Examples:
        >>> a = np.random.default_rng(0).normal(size=(500, 3))
        >>> round(frechet_distance(a, a), 6)
        0.0
        >>> round(frechet_distance(a, a + [2, 0, 0]), 6)
        4.0
    """
    check_features(features_a, features_b, fewest=2)
    a, b = features_a.astype(np.float64), features_b.astype(np.float64)
    means = a.mean(0), b.mean(0)
    difference = means[0] - means[1]
    spread = a.var(0, ddof=1).sum() + b.var(0, ddof=1).sum()
    return max(0.0, float(difference @ difference + spread - 2 * _trace_of_root(a - means[0], b - means[1])))


def _trace_of_root(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """tr (S1 S2)^½ of centred sets."""
    # The larger set first: its covariance is the likelier one to have a Cholesky factor.
    a, b = sorted((a, b), key=len, reverse=True)
    dimensions = a.shape[1]
    b = b / np.sqrt(len(b) - 1)
    root = a.T / np.sqrt(len(a) - 1) if len(a) <= dimensions else _root(a.T @ a / (len(a) - 1))
    if len(b) <= dimensions:
        # Few images: the nuclear norm is exact where most eigenvalues are 0, whose roots would be noise.
        return float(np.linalg.svd(root.T @ b.T, compute_uv=False).sum())
    product = root.T @ b.T
    return float(np.sqrt(np.linalg.eigvalsh(product @ product.T).clip(min=0)).sum())


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """R with R Rᵀ = the covariance."""
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:  # repeated images, or features that are never active
        values, vectors = np.linalg.eigh(covariance)
        root: NDArray[np.float64] = vectors * np.sqrt(values.clip(min=0))
        return root
