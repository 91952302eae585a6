"""Damage to the place of things: shifts, scales, and poses that are slightly wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.data.degradation import rounded
from protocols.audit.damage import Damage, Image8, Subject


def _shift(subject: Subject, pixels: float) -> Image8:
    n = round(pixels)
    return np.pad(subject.image, ((0, 0), (n, 0), (0, 0)), mode="edge")[:, : subject.image.shape[1]]


def _scale(subject: Subject, factor: float) -> Image8:
    from skimage.transform import AffineTransform

    height, width, _ = subject.image.shape
    centre = np.array([width - 1, height - 1]) / 2
    # From places in the result to places in the image.
    make: Callable[..., object] = AffineTransform
    back = make(scale=1 / factor, translation=centre * (1 - 1 / factor))
    return _warped(subject.image, back, order=3)


def _jitter(subject: Subject, deviation: float) -> Image8:
    """Each joint moves by a random step, and the image with it: an affine map for each triangle of joints."""
    from skimage.transform import PiecewiseAffineTransform

    height, width, _ = subject.image.shape
    joints = np.unique(np.round(subject.body[~np.isnan(subject.body).any(1)]), axis=0)
    inside = (joints >= 1).all(1) & (joints < [width - 1, height - 1]).all(1)
    joints = joints[inside].astype(np.float64)
    if len(joints) < 3:
        return subject.image
    step = deviation * subject.random("jitter").normal(size=(18, 2))[: len(joints)]
    moved = np.clip(joints + step, 1, [width - 2, height - 2])
    across, down = np.linspace(0, width - 1, 5), np.linspace(0, height - 1, 7)
    frame = np.array([(x, y) for x in across for y in down if x in across[[0, -1]] or y in down[[0, -1]]])
    # From places in the result to places in the image.
    estimate: Callable[..., Any] = PiecewiseAffineTransform.from_estimate
    back = estimate(np.vstack([moved, frame]), np.vstack([joints, frame]))
    return _warped(subject.image, back, order=1) if back else subject.image


def _warped(image: Image8, back: object, order: int) -> Image8:
    from skimage.transform import warp

    resample: Callable[..., NDArray[np.float64]] = warp
    return rounded(255 * resample(image, back, order=order, mode="edge"))


DAMAGES = (
    Damage("shift", "shifted to the right, the left edge repeated", "pixels", (1, 2, 4, 8, 16), _shift),
    Damage("scale", "enlarged about the middle", "factor", (1.01, 1.02, 1.05, 1.1, 1.2), _scale),
    Damage("jitter", "joints moved at random, the image with them", "pixels (deviation)", (1, 2, 4, 8, 16), _jitter),
)
