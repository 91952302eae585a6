"""What PG2 draws from a pose: discs for the network, and the mask of the body for the loss."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# Limbs of the mask (COCO-18): limbs, shoulders, both sides of the torso, hips, head.
LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13), (1, 0),
    (0, 14), (14, 16), (0, 15), (15, 17), (1, 16), (1, 17), (8, 11), (11, 5), (8, 2), (16, 17),
)  # fmt: skip


def joint_discs(poses: Tensor, size: tuple[int, int], radius: float) -> Tensor:
    """Draw each joint as a disc in a map of its own.

    Args:
        poses: (B, 18, 2) pixels (x, y), NaN if missing; pixel centres are at half-integers.
        size: (H, W) of the maps.
        radius: radius of a disc in pixels.

    Returns:
        (B, 18, H, W): 1 where a pixel's centre is in the disc, else 0. The map of a missing joint is all 0.

    Examples:
        >>> joint_discs(torch.tensor([[[1.5, 0.5]]]), (2, 4), 1.0)[0, 0]
        tensor([[1., 1., 1., 0.],
                [0., 1., 0., 0.]])
    """
    x, y = _centres(size, poses)
    distance = (x - poses[..., 0, None, None]) ** 2 + (y - poses[..., 1, None, None]) ** 2
    return (distance <= radius**2).to(poses.dtype)  # a comparison with NaN is false


def body_mask(poses: Tensor, size: tuple[int, int], radius: float, closing: int) -> Tensor:
    """Draw the limbs between joints, then fill gaps by a morphological closing.

    Args:
        poses: (B, 18, 2) pixels (x, y), NaN if missing. A limb with a missing joint is left out.
        size: (H, W) of the mask.
        radius: radius of a limb in pixels.
        closing: side of the closing's square in pixels, an odd number; 1 for no closing.

    Returns:
        (B, 1, H, W): 1 on the body, else 0.

    Examples:
        >>> pose = torch.full((1, 18, 2), float("nan"))
        >>> pose[0, 2], pose[0, 3] = torch.tensor([0.5, 1.5]), torch.tensor([3.5, 1.5])
        >>> body_mask(pose, (3, 5), 0.5, closing=1)[0, 0]
        tensor([[0., 0., 0., 0., 0.],
                [1., 1., 1., 1., 0.],
                [0., 0., 0., 0., 0.]])
    """
    starts, ends = (poses[:, [limb[end] for limb in LIMBS], :, None, None] for end in (0, 1))
    along_x, along_y = (ends - starts).unbind(2)
    x, y = _centres(size, poses)
    from_x, from_y = x - starts[:, :, 0], y - starts[:, :, 1]
    length = (along_x**2 + along_y**2).clamp_min(1e-12)
    share = ((from_x * along_x + from_y * along_y) / length).clamp(0, 1)
    distance = (from_x - share * along_x) ** 2 + (from_y - share * along_y) ** 2
    mask = (distance <= radius**2).any(1, keepdim=True).to(poses.dtype)
    dilated = functional.max_pool2d(mask, closing, 1, closing // 2)
    return -functional.max_pool2d(-dilated, closing, 1, closing // 2)


def _centres(size: tuple[int, int], like: Tensor) -> tuple[Tensor, Tensor]:
    """The coordinates of the pixels' centres: (W,) and (H, 1)."""
    y, x = (torch.arange(side, device=like.device, dtype=like.dtype) + 0.5 for side in size)
    return x, y[:, None]
