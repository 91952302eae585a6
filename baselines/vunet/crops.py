"""VUNet's normalised appearance: eight body parts, each warped to a square by a perspective transform.

Source: Esser et al., "A Variational U-Net for Conditional Appearance and Shape Generation" (CVPR 2018). The
quadrilaterals are those of the authors' code, which also defines what is used if a joint is missing.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor

PARTS = (
    "torso", "head", "left upper arm", "left lower arm", "right upper arm", "right lower arm", "left upper leg",
    "right upper leg",
)  # fmt: skip
_TORSO = (5, 11, 8, 2)  # left shoulder, left hip, right hip, right shoulder: the corners of the square
_BONES = ((5, 6), (6, 7), (2, 3), (3, 4), (11, 12), (8, 9))
_LEGS = ((11, 12), (8, 9))
_NOSE, _LEFT_SHOULDER, _RIGHT_SHOULDER = 0, 5, 2
_LIMB_WIDTH = 0.5  # of a limb's quadrilateral, in lengths of the bone
_SMALLEST = 1e-3  # of a perspective's denominator; smaller values are close to its horizon


def part_quadrilaterals(pose: Tensor, height: int) -> Tensor:
    """Compute the quadrilateral of each part.

    The torso's corners are shoulders and hips. The head is a square around the line from between the shoulders through
    the nose to twice as far; without a nose it is a square above the shoulders. A limb is a rectangle around its bone;
    without a knee an upper leg reaches straight down to the edge of the image.

    Args:
        pose: (B, 18, 2) pixels (x, y), NaN if missing.
        height: height of the image, in pixels.

    Returns:
        (B, 8, 4, 2) in the order of `PARTS`: where the corners (0, 0), (0, 1), (1, 1), (1, 0) of the square are taken
        from, in pixels (x, y); NaN if the part is missing.
    """
    pose = pose.float()
    parts = [pose[:, list(_TORSO)], _head(pose)]
    for bone in _BONES:
        start, end = pose[:, bone[0]], pose[:, bone[1]]
        if bone in _LEGS:
            down = torch.stack([start[:, 0], torch.full_like(start[:, 0], height)], -1)
            end = torch.where(end.isfinite().all(-1, keepdim=True), end, down)
        across = _turned(end - start) * (_LIMB_WIDTH / 2)
        parts.append(torch.stack([start + across, start - across, end - across, end + across], 1))
    corners = torch.stack(parts, 1)
    return torch.where(corners.isfinite().all(-1).all(-1)[..., None, None], corners, torch.nan)


def part_crops(images: Tensor, pose: Tensor, side: int) -> Tensor:
    """Warp the eight parts of each image to squares (Esser et al. 2018).

    Args:
        images: (B, 3, H, W) in [-1, 1].
        pose: (B, 18, 2) pixels (x, y), NaN if missing.
        side: of the squares, in pixels: 64 in the paper.

    Returns:
        (B, 24, side, side): three channels for each of `PARTS`; 0 if a part is missing. Outside the image its edge is
        repeated.

    Examples:
        >>> part_crops(torch.ones(1, 3, 16, 11), torch.rand(1, 18, 2) * 11, 8).shape
        torch.Size([1, 24, 8, 8])
    """
    height, width = images.shape[2:]
    places = _places(part_quadrilaterals(pose, height), side)
    shown = places.isfinite().all(-1)
    size = torch.stack([torch.full_like(places[..., 0], width), torch.full_like(places[..., 0], height)], -1)
    grid = (places / size * 2 - 1).nan_to_num(0.0, 0.0, 0.0)
    crops = [
        functional.grid_sample(images.float(), grid[:, part], padding_mode="border", align_corners=False)
        * shown[:, part, None]
        for part in range(len(PARTS))
    ]
    return torch.cat(crops, 1).to(images.dtype)


def _head(pose: Tensor) -> Tensor:
    """(B, 18, 2) -> (B, 4, 2) corners of the head's square: upright, mirrored like the torso (left side first)."""
    left, right, nose = (pose[:, joint] for joint in (_LEFT_SHOULDER, _RIGHT_SHOULDER, _NOSE))
    neck = (left + right) / 2
    top = neck + 2 * (nose - neck)
    across = _turned(neck - top) / 2
    upright = torch.stack([top - across, neck - across, neck + across, top + across], 1)
    up = _turned(right - left)
    up = torch.where(up[:, 1:] > 0, -up, up)
    above = torch.stack([left + up, left, right, right + up], 1)
    return torch.where(nose.isfinite().all(-1)[:, None, None], upright, above)


def _turned(vector: Tensor) -> Tensor:
    """(..., 2), turned by a right angle."""
    return torch.stack([-vector[..., 1], vector[..., 0]], -1)


def _places(corners: Tensor, side: int) -> Tensor:
    """The pixels that a square's pixels are taken from: (B, P, 4, 2) -> (B, P, side, side, 2).

    The perspective transform of the unit square to a quadrilateral in closed form (Heckbert, "Fundamentals of Texture
    Mapping and Image Warping", 1989).
    """
    top_left, bottom_left, bottom_right, top_right = corners.unbind(-2)
    bend = top_left - top_right + bottom_right - bottom_left
    first, second = top_right - bottom_right, bottom_left - bottom_right
    area = _cross(first, second)
    g, h = _cross(bend, second) / area, _cross(first, bend) / area
    a = top_right - top_left + g[..., None] * top_right
    b = bottom_left - top_left + h[..., None] * bottom_left
    unit = (torch.arange(side, device=corners.device, dtype=corners.dtype) + 0.5) / side
    u, v = unit, unit[:, None]
    depth = g[..., None, None] * u + h[..., None, None] * v + 1
    depth = torch.where(depth.abs() < _SMALLEST, _SMALLEST, depth)
    axes = [
        (a[..., axis, None, None] * u + b[..., axis, None, None] * v + top_left[..., axis, None, None]) / depth
        for axis in range(2)
    ]
    return torch.stack(axes, -1)


def _cross(one: Tensor, other: Tensor) -> Tensor:
    return one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0]
