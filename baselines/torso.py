"""Hips and shoulders: the scale of a body in DSC, the pairs that it leaves out, and an estimate of missing ones."""

from __future__ import annotations

import torch
from torch import Tensor

RIGHT_HIP, LEFT_HIP, RIGHT_SHOULDER, LEFT_SHOULDER, NECK = 8, 11, 2, 5, 1
TORSO = (RIGHT_HIP, LEFT_HIP, LEFT_SHOULDER, RIGHT_SHOULDER)  # around the torso
FACE = (0, 14, 15, 16, 17)  # nose, eyes, ears
# Proportions of a standing adult, in torso lengths (neck to the middle of the hips), as in `baselines.warp`.
_PER_SHOULDERS, _PER_HEAD = 1.45, 2.2
_DEPTH = 0.44  # of the chest: how far apart the shoulders are at least
_HIPS_PER_SHOULDERS = 0.7  # distance of the hips to distance of the shoulders


def lacks_torso(source_pose: Tensor, target_pose: Tensor) -> Tensor:
    """Say which pairs DSC leaves out: those without both hips and both shoulders in the source or in the target.

    The authors' code needs these four joints for the scale of all parts (`check_valid`).

    Args:
        source_pose: (N, 18, 2) pixels (x, y), NaN if missing.
        target_pose: like source_pose.

    Returns:
        (N,) bool: True if the pair is left out; their sum is the number to report.

    Examples:
        >>> whole = torch.zeros(2, 18, 2)
        >>> seated = whole.clone()
        >>> seated[1, 8] = torch.nan
        >>> lacks_torso(whole, seated)
        tensor([False,  True])
    """
    joints = torch.stack([source_pose, target_pose])[:, :, list(TORSO)]
    return ~joints.isfinite().all(-1).all(-1).all(0)


def torso_scale(pose: Tensor) -> Tensor:
    """Compute the scale of a body: the root mean square of its two distances from hip to shoulder.

    Args:
        pose: (..., 18, 2) pixels (x, y), NaN if missing.

    Returns:
        (...) pixels, NaN if a hip or a shoulder is missing.

    Examples:
        >>> pose = torch.zeros(18, 2)
        >>> pose[[8, 11]] = torch.tensor([0.0, 50.0])
        >>> torso_scale(pose)
        tensor(50.)
    """
    sides = ((RIGHT_HIP, RIGHT_SHOULDER), (LEFT_HIP, LEFT_SHOULDER))
    squares = [(pose[..., hip, :] - pose[..., shoulder, :]).square().sum(-1) for hip, shoulder in sides]
    return (torch.stack(squares).sum(0) / 2).sqrt()


def face_centre(pose: Tensor) -> Tensor:
    """Compute the mean of nose, eyes and ears.

    Args:
        pose: (..., 18, 2) pixels (x, y), NaN if missing.

    Returns:
        (..., 2) pixels (x, y), NaN if none of them is visible.
    """
    return pose[..., list(FACE), :].nanmean(-2)


def complete_torso(pose: Tensor) -> Tensor:
    """Estimate missing hips and shoulders from those that are visible, the neck and the face.

    Not in the paper, which leaves such people out. It exists for benchmarks with half-length and side views: on studio
    only 152 of the 800 test pairs have hips and shoulders in both images, 760 with these estimates.

    Args:
        pose: (B, 18, 2) pixels (x, y), NaN if missing.

    Returns:
        The same with hips and shoulders, if a shoulder or the neck is visible, and a hip, the face or both shoulders;
        joints that are visible do not change, and no others are added.

    Examples:
        >>> pose = torch.full((1, 18, 2), torch.nan)
        >>> pose[0, [1, 2, 5]] = torch.tensor([[50.0, 40], [30, 40], [70, 40]])  # neck and shoulders
        >>> complete_torso(pose)[0, [8, 11]]
        tensor([[36., 98.],
                [64., 98.]])
    """
    right, left, face = pose[:, RIGHT_SHOULDER], pose[:, LEFT_SHOULDER], face_centre(pose)
    neck = _first(pose[:, NECK], pose[:, [RIGHT_SHOULDER, LEFT_SHOULDER]].nanmean(1))
    hips = pose[:, [RIGHT_HIP, LEFT_HIP]].nanmean(1)
    # Distances look shorter than they are when the body is turned, so the longest estimate counts.
    lengths = [
        (right - left).norm(dim=-1) * _PER_SHOULDERS, (face - neck).norm(dim=-1) * _PER_HEAD, (hips - neck).norm(dim=-1)
    ]  # fmt: skip
    length = torch.stack(lengths).nan_to_num(nan=-torch.inf).amax(0)
    length = torch.where(length > 0, length, torch.nan)
    half = length * _DEPTH / 2
    # From the front the right shoulder is on the left of the image.
    right = _first(right, _opposite(left, neck, -half), _sideways(neck, -half))
    left = _first(left, _opposite(right, neck, half), _sideways(neck, half))
    across = left - right
    # Hips as close together as shoulders seen from the side would be nearly a line, and its transform would stretch.
    across = across * (2 * half / across.norm(dim=-1)).clamp(min=1)[:, None] * _HIPS_PER_SHOULDERS
    below = (left + right) / 2 + torch.stack([torch.zeros_like(length), length], -1)
    right_hip, left_hip = pose[:, RIGHT_HIP], pose[:, LEFT_HIP]
    completed = pose.clone()
    completed[:, RIGHT_SHOULDER], completed[:, LEFT_SHOULDER] = right, left
    completed[:, RIGHT_HIP] = _first(right_hip, left_hip - across, below - across / 2)
    completed[:, LEFT_HIP] = _first(left_hip, right_hip + across, below + across / 2)
    return completed


def with_torso(pose: Tensor, completes: bool) -> Tensor:
    """Prepare poses for a network that needs hips and shoulders.

    Args:
        pose: (B, 18, 2) pixels (x, y), NaN if missing.
        completes: whether missing hips and shoulders are estimated (`complete_torso`).

    Returns:
        (B, 18, 2).
    """
    return complete_torso(pose) if completes else pose


def _opposite(shoulder: Tensor, neck: Tensor, half: Tensor) -> Tensor:
    """The shoulder mirrored at the neck, at least a chest's depth away; if unclear, on the side of `half`."""
    across = 2 * (neck - shoulder)[:, 0]
    least = torch.where(across.abs() > half.abs() / 2, across.sign() * half.abs(), half) * 2
    return _sideways(shoulder, torch.where(across.abs() > least.abs(), across, least))


def _sideways(point: Tensor, distance: Tensor) -> Tensor:
    return point + torch.stack([distance, torch.zeros_like(distance)], -1)


def _first(*points: Tensor) -> Tensor:
    """The first of several (B, 2) points that is not NaN."""
    result = points[-1]
    for point in points[-2::-1]:
        result = torch.where(point.isfinite().all(-1, keepdim=True), point, result)
    return result
