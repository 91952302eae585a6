"""Part-wise affine warp: each body part of the source is moved by an affine map to its place in the target pose.

It is the local warping of Fig. 2b in Yang et al., "Towards Fine-grained Human Pose Transfer with Detail Replenishing
Network", without a network and without training. It has ten parts as in Siarohin et al., "Deformable GANs for
Pose-based Human Image Generation" (CVPR 2018). The background is the median colour of the source's border; parts that
the source does not show stay background.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor

from fhpt_bench.model import Generator, ModelCard, PairBatch

Points = NDArray[np.float64]

_NECK, _SHOULDERS, _HIPS, _FACE = 1, (2, 5), (8, 11), (0, 14, 15, 16, 17)
# Proportions of a standing adult, in torso lengths (neck to the middle of the hips).
_TORSO_PER_SHOULDERS, _TORSO_PER_HEAD, _HEAD_PER_TORSO = 1.45, 2.2, 0.45


@dataclass(frozen=True)
class Part:
    """A body part as a strip around a bone.

    Args:
        joints: COCO-18 indices of the two ends of the bone.
        mirror: the same for the bone on the other side of the body.
        half_width: half of the width of the strip, in torso lengths.
        reach: start and end of the strip along the bone (0 = first joint, 1 = second joint); it reaches beyond the bone
            to include feet and hands.
    """

    joints: tuple[int, int]
    mirror: tuple[int, int]
    half_width: float
    reach: tuple[float, float] = (-0.1, 1.1)


# Drawn in this order: later parts hide earlier ones.
LEGS = (
    Part((8, 9), (11, 12), 0.19),
    Part((11, 12), (8, 9), 0.19),
    Part((9, 10), (12, 13), 0.17, (-0.1, 1.3)),
    Part((12, 13), (9, 10), 0.17, (-0.1, 1.3)),
)
ARMS = (
    Part((2, 3), (5, 6), 0.13),
    Part((5, 6), (2, 3), 0.13),
    Part((3, 4), (6, 7), 0.11, (-0.1, 1.55)),
    Part((6, 7), (3, 4), 0.11, (-0.1, 1.55)),
)


@dataclass(frozen=True)
class Bone:
    """A bone in one image: its two ends, and the length in pixels of a half-width of 1."""

    start: Points
    end: Points
    width: float


class Warp(Generator):
    """Part-wise affine warp of the source pixels."""

    card = ModelCard("warp", "part-wise affine warp of the source pixels, not trained")

    def generate(self, batch: PairBatch) -> Tensor:
        """Warp each part of the source person to its place in the target pose.

        Args:
            batch: B pairs.

        Returns:
            (B, 3, H, W) in [-1, 1].
        """
        poses = (batch.source_pose.double().cpu().numpy(), batch.target_pose.double().cpu().numpy())
        grids = np.stack([sampling_grid(s, t, batch.size) for s, t in zip(*poses, strict=True)])
        grid = torch.from_numpy(grids).to(batch.source)
        shown = torch.isfinite(grid).all(-1)[:, None]
        moved = functional.grid_sample(batch.source, grid.nan_to_num(0.0), padding_mode="border", align_corners=False)
        return torch.where(shown, moved, border_median(batch.source)[:, :, None, None])


def border_median(images: Tensor) -> Tensor:
    """Compute the median colour of the left and right columns and the top row, as the background colour.

    Args:
        images: (B, 3, H, W).

    Returns:
        (B, 3).
    """
    border = torch.cat([images[..., 0], images[..., -1], images[:, :, 0]], 2)
    return border.median(2).values


def sampling_grid(source: Points, target: Points, size: tuple[int, int]) -> NDArray[np.float32]:
    """Compute the position in the source that each pixel of the result is taken from.

    Args:
        source: (18, 2) pixels (x, y), NaN if missing.
        target: the target pose, like source.
        size: (height, width) of both images.

    Returns:
        (H, W, 2) positions (x, y) in [-1, 1] for `grid_sample`, NaN for background.

    Examples:
        >>> np.isnan(sampling_grid(np.full((18, 2), np.nan), np.full((18, 2), np.nan), (4, 3))).all()
        True
    """
    height, width = size
    grid = np.full((height, width, 2), np.nan)
    here, there = _skeleton(target), _skeleton(source)
    if here is None or there is None:
        return grid.astype(np.float32)
    # Pixel centres are at half-integers, as in the coordinates of joints.
    pixels = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), -1)
    for part in LEGS:
        _draw(grid, pixels, _bone(target, part, here), _source_bone(source, part, there), part)
    for part, now, before in zip(_TRUNK, here.trunk, there.trunk, strict=True):
        _draw(grid, pixels, now, before, part)
    for part in ARMS:
        _draw(grid, pixels, _bone(target, part, here), _source_bone(source, part, there), part)
    result: NDArray[np.float32] = (grid / np.array([width, height]) * 2 - 1).astype(np.float32)
    return result


# Torso and head: their bones are computed from several joints (`_skeleton`), so the joints here are not used.
_TRUNK = (Part((1, 1), (1, 1), 1.0, (-0.12, 1.15)), Part((1, 1), (1, 1), 0.36, (-0.1, 2.1)))


@dataclass(frozen=True)
class Skeleton:
    """Scale and trunk of a pose: torso length in pixels, torso and head as bones."""

    torso: float
    trunk: tuple[Bone, Bone]


def _skeleton(pose: Points) -> Skeleton | None:
    """Estimate neck, hip centre and face centre from the visible joints; None if too few are visible."""
    shoulders = _mean(pose, _SHOULDERS)
    neck = pose[_NECK] if np.isfinite(pose[_NECK]).all() else shoulders
    hips, face = _mean(pose, _HIPS), _mean(pose, _FACE)
    span = float(np.linalg.norm(np.subtract(*pose[list(_SHOULDERS)])))
    lengths = [
        float(np.linalg.norm(hips - neck)), span * _TORSO_PER_SHOULDERS,
        float(np.linalg.norm(face - neck)) * _TORSO_PER_HEAD,
    ]  # fmt: skip
    torso = next((length for length in lengths if np.isfinite(length) and length > 1), None)
    if torso is None or not np.isfinite(neck).all():
        return None
    if not np.isfinite(hips).all():
        hips = neck + np.array([0.0, torso])
    down = (hips - neck) / max(float(np.linalg.norm(hips - neck)), 1e-6)
    if not np.isfinite(face).all():
        face = neck - down * torso * _HEAD_PER_TORSO
    # In a side view the shoulders are close together, but the torso is at least as wide as the depth of a chest.
    half = max(span / 2 if np.isfinite(span) else 0.0, 0.22 * torso) + 0.08 * torso
    return Skeleton(torso, (Bone(neck, hips, half), Bone(neck, face, torso)))


def _mean(pose: Points, joints: tuple[int, ...]) -> Points:
    points = pose[list(joints)]
    points = points[np.isfinite(points).all(1)]
    return points.mean(0) if len(points) else np.full(2, np.nan)


def _bone(pose: Points, part: Part, skeleton: Skeleton) -> Bone | None:
    start, end = pose[list(part.joints)]
    return Bone(start, end, skeleton.torso) if np.isfinite([start, end]).all() else None


def _source_bone(pose: Points, part: Part, skeleton: Skeleton) -> Bone | None:
    """The bone of the part in the source, or the mirrored bone if the part is hidden."""
    mirrored = Part(part.mirror, part.joints, part.half_width, part.reach)
    return _bone(pose, part, skeleton) or _bone(pose, mirrored, skeleton)


def _draw(grid: Points, pixels: Points, here: Bone | None, there: Bone | None, part: Part) -> None:
    """Set the positions of the pixels in a part's strip to the same place of the part in the source."""
    if here is None or there is None:
        return
    along, across = _axes(here)
    offset = pixels - here.start
    u = offset @ along / max(float(np.linalg.norm(here.end - here.start)), 1.0)
    v = offset @ across / here.width
    inside = (np.abs(v) < part.half_width) & (u > part.reach[0]) & (u < part.reach[1])
    along, across = _axes(there)
    length = float(np.linalg.norm(there.end - there.start))
    taken = there.start + u[inside, None] * length * along + v[inside, None] * there.width * across
    # Positions outside the source are unknown: these pixels keep the earlier value.
    known = ((taken >= 0) & (taken <= grid.shape[1::-1])).all(1)
    rows, columns = np.nonzero(inside)
    grid[rows[known], columns[known]] = taken[known]


def _axes(bone: Bone) -> tuple[Points, Points]:
    """Unit vectors along and across a bone."""
    along = bone.end - bone.start
    along = along / max(float(np.linalg.norm(along)), 1e-6)
    return along, np.array([-along[1], along[0]])
