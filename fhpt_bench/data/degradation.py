"""Losses of quality of a whole image, shared by the audit and by the anchors: blur and JPEG."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Image8 = NDArray[np.uint8]


def rounded(values: NDArray[np.float64]) -> Image8:
    """Round values on 0 to 255 to uint8, clipped.

    Args:
        values: any shape.

    Examples:
        >>> rounded(np.array([-3.0, 0.6, 300.0])).tolist()
        [0, 1, 255]
    """
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def blurred(image: Image8, sigma: float) -> Image8:
    """Blur an image with a Gaussian; the image is mirrored at its edges.

    Args:
        image: (H, W, 3) uint8 RGB.
        sigma: standard deviation in pixels.

    Returns:
        The same shape.

    Examples:
        >>> bool((blurred(np.full((5, 4, 3), 9, np.uint8), 2.0) == 9).all())
        True
    """
    from scipy.ndimage import gaussian_filter

    return rounded(gaussian_filter(image.astype(np.float64), sigma, axes=(0, 1)))


def jpeg_compressed(image: Image8, quality: int) -> Image8:
    """Compress an image as JPEG and decode it, with Pillow's defaults: chroma subsampling 4:2:0.

    Args:
        image: (H, W, 3) uint8 RGB.
        quality: from 1 (worst) to 95 (best), as in Pillow.

    Returns:
        The same shape.

    Examples:
        >>> jpeg_compressed(np.zeros((5, 3, 3), np.uint8), 75).shape
        (5, 3, 3)
    """
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))
