"""Deformable skip connections: features of the source are moved part by part to the target pose."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor


def warp_parts(features: Tensor, transforms: Tensor, masks: Tensor, stride: int = 1) -> Tensor:
    """Move the features of ten body parts and combine them by their maximum (Siarohin et al. 2018).

    Args:
        features: (B, C, h, w) of the source image, which is padded to (h * stride, w * stride).
        transforms: (B, P, 2, 3), pixels (x, y, 1) of the target -> pixels of the source.
        masks: (B, P, h * stride, w * stride) of the parts in the target.
        stride: pixels of the image per location of the features.

    Returns:
        (B, C, h, w): the maximum over parts of (moved features * mask). Features from outside the image are 0.

    Examples:
        >>> row = torch.arange(1.0, 5.0).view(1, 1, 1, 4)
        >>> right = torch.tensor([[[[1.0, 0, -1], [0, 1, 0]]]])  # the source is one pixel further left
        >>> warp_parts(row, right, torch.ones(1, 1, 1, 4)).round(decimals=4)
        tensor([[[[0., 1., 2., 3.]]]])
    """
    height, width = features.shape[2:]
    # The value of a mask at a location is that of the pixel in its middle.
    small = masks[..., stride // 2 :: stride, stride // 2 :: stride]
    moved = []
    for part in range(transforms.shape[1]):
        # One part after the other: ten copies of the features in one batch would need more memory.
        # Always in float32: bfloat16 has too few digits for a position.
        grid = _grid(transforms[:, part].float(), (height, width), stride)
        taken = functional.grid_sample(features.float(), grid, padding_mode="zeros", align_corners=False)
        moved.append(taken * small[:, part, None])
    return torch.stack(moved).amax(0).to(features.dtype)


def _grid(transforms: Tensor, size: tuple[int, int], stride: int) -> Tensor:
    """The positions in the source, in [-1, 1], that the locations of the target are taken from: (B, h, w, 2)."""
    height, width = size
    x, y = (
        (torch.arange(length, device=transforms.device, dtype=transforms.dtype) + 0.5) * stride
        for length in (width, height)
    )
    # Coordinates of pixel centres are half-integers, and [-1, 1] is from edge to edge.
    places = [
        (row[:, 0, None, None] * x + row[:, 1, None, None] * y[:, None] + row[:, 2, None, None]) * (2 / length / stride)
        for row, length in zip(transforms.unbind(1), (width, height), strict=True)
    ]
    return torch.stack(places, -1) - 1
