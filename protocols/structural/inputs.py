"""Input checks of the structural metrics."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def check_keypoints(
    estimated: NDArray[np.floating[Any]], truth: NDArray[np.floating[Any]]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Check that both inputs are keypoint arrays of the same shape.

    Args:
        estimated: (N, K, 3) x, y in pixels and whether it was found, 0 or 1.
        truth: (N, K, 3) x, y in pixels and whether it counts, 0 or 1.

    Returns:
        (N, K) which keypoints were found, and (N, K) which count.

    Raises:
        ValueError: if the arrays are not of this form, or a keypoint that was found or counts is not finite.
    """
    for points, name in ((estimated, "estimated"), (truth, "truth")):
        if points.ndim != 3 or points.shape[2] != 3 or not np.issubdtype(points.dtype, np.floating):
            raise ValueError(f"{name} must be (N, K, 3) floats (x, y, flag), not {points.shape} {points.dtype}")
        if not np.isin(points[..., 2], (0, 1)).all():
            raise ValueError(f"the third column of {name} must be 0 or 1")
        if not np.isfinite(points[points[..., 2] == 1]).all():
            raise ValueError(f"{name} has a keypoint without finite coordinates")
    if estimated.shape != truth.shape:
        raise ValueError(f"estimated and truth differ in shape: {estimated.shape} and {truth.shape}")
    return estimated[..., 2] == 1, truth[..., 2] == 1
