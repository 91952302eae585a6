"""The kernel distance between two sets of features."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.inputs import check_features


def kernel_distance(features_a: NDArray[np.floating[Any]], features_b: NDArray[np.floating[Any]]) -> float:
    """Unbiased squared maximum mean discrepancy with the cubic kernel: Binkowski et al., MMD GANs, ICLR 2018.

    k(x, y) = (x·y / D + 1)³ over the full sets; nothing is drawn at random, so the value repeats.

    Args:
        features_a: (N, D) float, N of at least 2, no image twice (repeats would bias it).
        features_b: (M, D) float, M of at least 2.

    Returns:
        The squared discrepancy; about 0 where both sets come from one distribution, and then as often below as above.

    Raises:
        ValueError: where the arrays are not two such sets of finite numbers.

    Examples:
        >>> draw = np.random.default_rng(0).normal
        >>> abs(kernel_distance(draw(size=(400, 8)), draw(size=(400, 8)))) < 0.05
        True
        >>> kernel_distance(draw(size=(400, 8)), draw(1, size=(400, 8))) > 1
        True
    """
    check_features(features_a, features_b, fewest=2)
    a, b = features_a.astype(np.float64), features_b.astype(np.float64)

    def within(x: NDArray[np.float64]) -> float:
        kernel = _cubic(x, x)
        return float((kernel.sum() - np.trace(kernel)) / (len(x) * (len(x) - 1)))

    return within(a) + within(b) - 2 * float(_cubic(a, b).mean())


def _cubic(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    kernel: NDArray[np.float64] = (a @ b.T / a.shape[1] + 1) ** 3
    return kernel
