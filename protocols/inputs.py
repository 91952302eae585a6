"""The one check of what metric functions are given: uint8 images, so that a wrong range cannot arise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def check_pairs(generated: NDArray[np.uint8], target: NDArray[np.uint8], smallest: int = 1) -> None:
    """Refuse anything but two equal stacks of RGB images.

    Args:
        generated: should be (N, H, W, 3) uint8.
        target: should be the same.
        smallest: the least height and width that the metric is defined for, in pixels.

    Raises:
        ValueError: one sentence that says what is wrong.

    Examples:
        >>> check_pairs(np.zeros((2, 8, 8, 3), np.uint8), np.zeros((2, 8, 8, 3), np.uint8))
        >>> check_pairs(np.zeros((2, 8, 8, 3)), np.zeros((2, 8, 8, 3)))
        Traceback (most recent call last):
        ValueError: generated must be uint8 in 0..255, not float64
    """
    for name, images in (("generated", generated), ("target", target)):
        if not isinstance(images, np.ndarray):
            raise ValueError(f"{name} must be a numpy array, not {type(images).__name__}")
        if images.dtype != np.uint8:
            raise ValueError(f"{name} must be uint8 in 0..255, not {images.dtype}")
        if images.ndim != 4 or images.shape[3] != 3:
            raise ValueError(f"{name} must be (N, height, width, 3), not {images.shape}")
    if generated.shape != target.shape:
        raise ValueError(f"generated {generated.shape} and target {target.shape} must have one shape")
    height, width = generated.shape[1:3]
    if min(height, width) < smallest:
        raise ValueError(f"images must be at least {smallest}x{smallest} pixels for this metric, not {height}x{width}")
