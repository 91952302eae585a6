"""Damage to one part of the person, by the parsing map and the keypoints of the target image."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.data.degradation import blurred, rounded
from protocols.audit.damage import Damage, Image8, Subject

# SPT's classes, as in the benchmark's parsing maps.
CLASSES = ("background", "hair", "upper", "lower", "shoes", "face", "arms", "legs", "neck")
_SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)
_TINTS = (0.05, 0.1, 0.2, 0.4, 0.8)
_BLUE = np.array([40.0, 70.0, 200.0])
_JOINTS = {"right": (2, 3, 4), "left": (5, 6, 7)}  # shoulder, elbow, wrist


def mask_of(subject: Subject, name: str) -> NDArray[np.bool_]:
    """Where a class of the parsing map is, (H, W).

    Raises:
        ValueError: if the subject has no parsing map.
    """
    if subject.parsing is None:
        raise ValueError("the subject has no parsing map")
    mask: NDArray[np.bool_] = subject.parsing == CLASSES.index(name)
    return mask


def filled(image: Image8, hole: NDArray[np.bool_]) -> Image8:
    """The image with a hole filled from its surroundings (Telea, An Image Inpainting Technique, 2004)."""
    import cv2

    if not hole.any():
        return image
    wide = cv2.dilate(hole.astype(np.uint8), np.ones((3, 3), np.uint8))  # blurred edges belong to what is removed
    return np.asarray(cv2.inpaint(np.ascontiguousarray(image), wide, 3, cv2.INPAINT_TELEA), np.uint8)


def _tint(name: str) -> Callable[[Subject, float], Image8]:
    """A class's mean colour moves by a share of the way to a blue; its pattern and shading stay."""

    def apply(subject: Subject, share: float) -> Image8:
        mask = mask_of(subject, name)
        if not mask.any():
            return subject.image
        values = subject.image.astype(np.float64)
        values[mask] += share * (_BLUE - values[mask].mean(0))
        return rounded(values)

    return apply


def _pattern(subject: Subject, share: float) -> Image8:
    """The upper garment's pixels move by a share of the way to its mean colour."""
    mask = mask_of(subject, "upper")
    if not mask.any():
        return subject.image
    values = subject.image.astype(np.float64)
    values[mask] += share * (values[mask].mean(0) - values[mask])
    return rounded(values)


def _face(subject: Subject, sigma: float) -> Image8:
    mask = mask_of(subject, "face")
    return np.where(mask[..., None], blurred(subject.image, sigma), subject.image)


def _limb(subject: Subject, share: float) -> Image8:
    """Part of the arm that shows the most skin, from the hand towards the shoulder."""
    arms, joints = mask_of(subject, "arms"), {side: subject.body[list(place)] for side, place in _JOINTS.items()}
    rows, columns = np.nonzero(arms)
    known = [points[~np.isnan(points).any(1)].astype(np.float64) for points in joints.values()]
    known = [points for points in known if len(points) >= 2]
    if not known or not len(rows):
        return subject.image
    pixels = np.stack([columns, rows], 1).astype(np.float64)
    nearest = np.stack([_distance(pixels, points) for points in known]).argmin(0)
    side = int(np.bincount(nearest).argmax())
    mine = np.flatnonzero(nearest == side)
    along = np.linalg.norm(pixels[mine] - known[side][0], axis=1)  # the hand is farthest from the shoulder
    removed = mine[np.argsort(-along, kind="stable")[: round(share * len(mine))]]
    hole = np.zeros(arms.shape, bool)
    hole[rows[removed], columns[removed]] = True
    return filled(subject.image, hole)


def _distance(pixels: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of each pixel from the nearest of the lines between consecutive points."""
    found = []
    for start, end in pairwise(points):
        line = end - start
        t = np.clip((pixels - start) @ line / max(line @ line, 1e-9), 0, 1)
        found.append(np.linalg.norm(pixels - start - t[:, None] * line, axis=1))
    nearest: NDArray[np.float64] = np.min(found, axis=0)
    return nearest


def _hand(subject: Subject, share: float) -> Image8:
    """Part of each hand, from the finger tips towards the wrist."""
    import cv2

    image = subject.image
    for points in subject.hands:
        seen = points[~np.isnan(points).any(1)].astype(np.float64)
        if len(seen) < 3 or np.isnan(points[0]).any():
            continue
        wrist = points[0].astype(np.float64)
        hull = np.asarray(cv2.convexHull(np.round(seen).astype(np.int32)), np.int32)
        hole = np.zeros(image.shape[:2], np.uint8)
        cv2.fillConvexPoly(hole, hull, (1,))
        rows, columns = np.nonzero(hole)
        along = np.hypot(columns - wrist[0], rows - wrist[1])
        kept = np.argsort(-along, kind="stable")[round(share * len(rows)) :]
        hole[rows[kept], columns[kept]] = 0
        image = filled(image, hole.astype(bool))
    return image


DAMAGES = (
    Damage("limb", "part of an arm removed, from the hand", "share", _SHARES, _limb, parsing=True),
    Damage("hand", "part of the hands removed, from the finger tips", "share", _SHARES, _hand, hands=True),
    Damage("face-blur", "face blurred", "pixels (sigma)", (0.5, 1, 2, 4, 8), _face, parsing=True),
    Damage("hair-colour", "hair moved towards blue", "share", _TINTS, _tint("hair"), parsing=True),
    Damage("garment-colour", "upper garment moved towards blue", "share", _TINTS, _tint("upper"), parsing=True),
    Damage("pattern", "upper garment moved towards its mean colour", "share", _SHARES, _pattern, parsing=True),
    Damage("background", "background moved towards blue", "share", _TINTS, _tint("background"), parsing=True),
)
