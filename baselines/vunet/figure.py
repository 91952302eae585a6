"""VUNet's drawing of a pose: the torso and the lines of both sides, one channel each."""

from __future__ import annotations

import torch
from torch import Tensor

_RIGHT = ((10, 9), (9, 8), (8, 2), (2, 3), (3, 4))  # ankle, knee, hip, shoulder, elbow, wrist
_LEFT = ((13, 12), (12, 11), (11, 5), (5, 6), (6, 7))
_TORSO = (11, 5, 2, 8)
_SHOULDERS, _NOSE, _EYES = (2, 5), 0, (14, 15)  # the right one first
_NECK_VALUE = 127 / 255
_LINE = 3 / 128  # thickness of a line, as a share of the height


def stick_figure(pose: Tensor, size: tuple[int, int]) -> Tensor:
    """Draw poses as in Esser et al. 2018; the numbers are those of the authors' code.

    Red has the lines of the right side, green those of the left side, blue the quadrilateral of hips and shoulders. The
    neck is grey in red and green. A line or the quadrilateral is left out if one of its joints is missing. Where the
    authors draw later lines over earlier ones, here the brighter one counts.

    Args:
        pose: (B, 18, 2) pixels (x, y), NaN if missing.
        size: (H, W) of the images.

    Returns:
        (B, 3, H, W) in [-1, 1], -1 is background.

    Examples:
        >>> stick_figure(torch.full((1, 18, 2), torch.nan), (4, 3)).unique()
        tensor([-1.])
    """
    pose = pose.float()
    height, width = size
    columns = torch.arange(width, device=pose.device) + 0.5
    rows = torch.arange(height, device=pose.device)[:, None] + 0.5
    radius = _LINE * height / 2
    neck, nose = (pose[:, _SHOULDERS[0]] + pose[:, _SHOULDERS[1]]) / 2, pose[:, _NOSE]
    both_eyes = pose[:, list(_EYES)].isfinite().all(-1).all(-1)[:, None, None]
    neck_line = _line(neck, nose, columns, rows, radius) * _NECK_VALUE
    channels = []
    for eye, lines in zip(_EYES, (_RIGHT, _LEFT), strict=True):
        drawn = [_line(pose[:, start], pose[:, end], columns, rows, radius).float() for start, end in lines]
        look = (_line(nose, pose[:, eye], columns, rows, radius) & both_eyes).float()
        channels.append(torch.stack([*drawn, look, neck_line]).amax(0))
    channels.append(_filled(pose[:, list(_TORSO)], columns, rows).float())
    return torch.stack(channels, 1) * 2 - 1


def _line(start: Tensor, end: Tensor, columns: Tensor, rows: Tensor, radius: float) -> Tensor:
    """Which pixels are at most `radius` from the line between two (B, 2) points; none if a point is NaN."""
    (x, y), (dx, dy) = (
        (pair[:, 0, None, None], pair[:, 1, None, None]) for pair in (start, end - start)
    )  # fmt: skip
    share = ((columns - x) * dx + (rows - y) * dy) / (dx * dx + dy * dy).clamp(min=1e-6)
    share = share.clamp(0, 1)
    return (columns - x - share * dx).square() + (rows - y - share * dy).square() <= radius * radius


def _filled(corners: Tensor, columns: Tensor, rows: Tensor) -> Tensor:
    """Which pixels are inside a polygon of (B, K, 2) corners: a ray to the right crosses its edges an odd number of
    times; none if a corner is NaN."""
    x, y = (corners[..., axis, None, None] for axis in range(2))
    next_x, next_y = x.roll(-1, 1), y.roll(-1, 1)
    crosses = (y > rows) != (next_y > rows)
    where = x + (rows - y) / (next_y - y) * (next_x - x)
    odd = ((crosses & (columns < where)).sum(1) % 2).bool()
    return odd & corners.isfinite().all(-1).all(-1)[:, None, None]
