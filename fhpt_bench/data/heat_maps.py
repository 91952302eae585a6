"""Heat maps of poses, and the horizontal flip of joints and face points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

SIGMA = 6.0  # pixels, as in PATN
# Smaller values of a Gaussian's row or column become 0, so that no product is smaller than 1e-24. Otherwise a ring
# around each joint has subnormal numbers (below 1.2e-38), with which a CPU computes up to a hundred times slower.
NEGLIGIBLE = 1e-12
# Index of each joint in the mirrored image: left and right are swapped (COCO-18, `fhpt_bench.data.pose`).
FLIP = (0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16)
# The same for the 68 face points of iBUG 300-W.
FACE_FLIP = (
    *range(16, -1, -1),  # jaw
    *range(26, 16, -1),  # brows
    *range(27, 31), *range(35, 30, -1),  # nose
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,  # eyes
    *range(54, 47, -1), *range(59, 54, -1),  # outer lips
    *range(64, 59, -1), *range(67, 64, -1),  # inner lips
)  # fmt: skip


def heat_maps(
    poses: Tensor, size: tuple[int, int], sigma: float = SIGMA, kind: Literal["gaussian", "delta"] = "gaussian"
) -> Tensor:
    """One map per joint, as in PATN (Zhu et al. 2019): a Gaussian around the joint, or its pixel only.

    Args:
        poses: (B, 18, 2) pixels (x, y), NaN if missing; pixel centres are at half-integers.
        size: (H, W) of the maps.
        sigma: standard deviation of the Gaussian, in pixels.
        kind: "gaussian": exp(-d^2 / (2 sigma^2)), 1 at the joint, and 0 where the factor of the row or of the column
            is below 1e-12; "delta": 1 in the joint's pixel, 0 elsewhere.

    Returns:
        (B, 18, H, W) in [0, 1] on the poses' device; the map of a missing joint is all 0.

    Raises:
        ValueError: if the kind is unknown.

    Examples:
        >>> import torch
        >>> heat_maps(torch.tensor([[[1.5, 0.5]]]), (1, 3), sigma=1.0)
        tensor([[[[0.6065, 1.0000, 0.6065]]]])
        >>> heat_maps(torch.tensor([[[1.5, 0.5], [float("nan"), 0.0]]]), (1, 3), kind="delta").tolist()
        [[[[0.0, 1.0, 0.0]], [[0.0, 0.0, 0.0]]]]
    """
    import torch

    # Both kinds are outer products of a column and a row, which is cheaper than evaluating every pixel.
    axes = []
    for axis, length in ((1, size[0]), (0, size[1])):
        place = poses[..., axis, None].nan_to_num(nan=torch.inf)
        pixels = torch.arange(length, device=poses.device, dtype=poses.dtype)
        if kind == "gaussian":
            factors = torch.exp(-((pixels + 0.5 - place) ** 2) / (2 * sigma**2))
            axes.append(torch.where(factors < NEGLIGIBLE, 0, factors))
        elif kind == "delta":
            axes.append((pixels == place.floor()).to(poses.dtype))
        else:
            raise ValueError(f"heat maps are gaussian or delta, not {kind}")
    return axes[0][..., :, None] * axes[1][..., None, :]


def flip_pose(pose: Tensor, width: float) -> Tensor:
    """The pose in the mirrored image; left and right joints are swapped.

    Args:
        pose: (..., 18, 2) pixels (x, y), NaN if missing.
        width: width of the image.

    Returns:
        (..., 18, 2).

    Examples:
        >>> import torch
        >>> pose = torch.zeros(18, 2)
        >>> pose[4] = torch.tensor([10.0, 5.0])
        >>> flip_pose(pose, 176)[7]
        tensor([166.,   5.])
    """
    return _mirrored(pose, width, FLIP)


def flip_landmarks(landmarks: Tensor, width: float) -> Tensor:
    """The face points in the mirrored image.

    Args:
        landmarks: (..., 68, 2) pixels (x, y), NaN if not visible.
        width: width of the image.

    Returns:
        (..., 68, 2).

    Examples:
        >>> import torch
        >>> face = torch.zeros(68, 2)
        >>> face[36] = torch.tensor([60.0, 50.0])
        >>> flip_landmarks(face, 176)[45]
        tensor([116.,  50.])
    """
    return _mirrored(landmarks, width, FACE_FLIP)


def _mirrored(points: Tensor, width: float, order: tuple[int, ...]) -> Tensor:
    import torch

    moved = points[..., list(order), :]
    return torch.stack([width - moved[..., 0], moved[..., 1]], -1)
