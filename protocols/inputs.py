"""The one check of what metric functions are given: uint8 images, so that a wrong range cannot arise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def check_images(name: str, images: NDArray[np.uint8]) -> None:
    """Refuse anything but a stack of RGB images.

    Args:
        name: of the argument, for the message.
        images: should be (N, H, W, 3) uint8.

    Raises:
        ValueError: one sentence that says what is wrong.
    """
    if not isinstance(images, np.ndarray):
        raise ValueError(f"{name} must be a numpy array, not {type(images).__name__}")
    if images.dtype != np.uint8:
        raise ValueError(f"{name} must be uint8 in 0..255, not {images.dtype}")
    if images.ndim != 4 or images.shape[3] != 3:
        raise ValueError(f"{name} must be (N, height, width, 3), not {images.shape}")


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
    check_images("generated", generated)
    check_images("target", target)
    if generated.shape != target.shape:
        raise ValueError(f"generated {generated.shape} and target {target.shape} must have one shape")
    height, width = generated.shape[1:3]
    if min(height, width) < smallest:
        raise ValueError(f"images must be at least {smallest}x{smallest} pixels for this metric, not {height}x{width}")


def check_features(features_a: NDArray[np.floating[Any]], features_b: NDArray[np.floating[Any]], fewest: int) -> None:
    """Refuse anything but two sets of finite feature vectors of one length.

    Args:
        features_a: should be (N, D) float.
        features_b: should be (M, D) float.
        fewest: rows that each must have.

    Raises:
        ValueError: one sentence that says what is wrong.

    Examples:
        >>> check_features(np.zeros((2, 3)), np.zeros((5, 4)), 2)
        Traceback (most recent call last):
        ValueError: the two sets have features of different lengths, 3 and 4
    """
    for name, features in (("features_a", features_a), ("features_b", features_b)):
        if features.ndim != 2 or not np.issubdtype(features.dtype, np.floating):
            raise ValueError(f"{name} must be (N, D) float, not {features.shape} {features.dtype}")
        if len(features) < fewest:
            raise ValueError(f"{name} holds {len(features)} images; this metric needs {fewest} or more")
        if not np.isfinite(features).all():
            raise ValueError(f"{name} holds numbers that are not finite")
    if features_a.shape[1] != features_b.shape[1]:
        lengths = f"{features_a.shape[1]} and {features_b.shape[1]}"
        raise ValueError(f"the two sets have features of different lengths, {lengths}")
