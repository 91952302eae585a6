"""The ten body parts of DSC: an affine transform and a mask of each, from the joints of source and target.

Source: Siarohin et al., "Deformable GANs for Pose-based Human Image Generation" (CVPR 2018), deformable skip
connections. The numbers that the paper does not give are those of the authors' code: half the width of a limb, the
square of the head, how far a limb's mask reaches beyond its joints, and a torso mask that is the whole image.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from baselines.torso import FACE, LEFT_SHOULDER, RIGHT_SHOULDER, TORSO, face_centre, torso_scale, with_torso
from fhpt_bench.data.heat_maps import SIGMA, heat_maps

SHOULDERS = (RIGHT_SHOULDER, LEFT_SHOULDER)
# Of each limb: its joints, the joints of the same limb on the other side, and the reach of its mask beyond the second
# joint, as a share of its length: masks of the lower limbs include hands and feet.
LIMBS = (
    ((8, 9), (11, 12), 0.1), ((11, 12), (8, 9), 0.1),  # upper legs, right and left
    ((9, 10), (12, 13), 0.5), ((12, 13), (9, 10), 0.5),  # lower legs
    ((2, 3), (5, 6), 0.1), ((5, 6), (2, 3), 0.1),  # upper arms
    ((3, 4), (6, 7), 0.5), ((6, 7), (3, 4), 0.5),  # lower arms
)  # fmt: skip
PARTS = (
    "torso", "head", "right upper leg", "left upper leg", "right lower leg", "left lower leg",
    "right upper arm", "left upper arm", "right lower arm", "left lower arm",
)  # fmt: skip
LIMB_HALF_WIDTH = 0.2  # in torso scales (`torso_scale`)
HEAD_HALF_SIDE = 0.4
REACH_BEFORE = 0.1  # of a limb's mask, before the first joint
_SMALLEST = 1e-8  # smaller shares of the squared size of a part's points are a line, which has no affine transform


class PoseInputs(NamedTuple):
    """What a network with deformable skips is given of a pair's poses.

    Args:
        source_maps: (B, 18, H, W) heat maps of the source pose.
        target_maps: the same of the target pose.
        transforms: (B, 10, 2, 3), pixels (x, y, 1) of the target -> pixels of the source; 0 if a part is not shown.
        masks: (B, 10, H, W), 1 in a part of the target, 0 elsewhere; 0 if a part is not shown.
    """

    source_maps: Tensor
    target_maps: Tensor
    transforms: Tensor
    masks: Tensor


def pose_inputs(
    source_pose: Tensor, target_pose: Tensor, size: tuple[int, int], completes: bool = False, sigma: float = SIGMA
) -> PoseInputs:
    """Compute heat maps, part transforms and part masks of pairs (Siarohin et al. 2018).

    Args:
        source_pose: (B, 18, 2) pixels (x, y), NaN if missing.
        target_pose: like source_pose.
        size: (H, W) of the images.
        completes: whether missing hips and shoulders are estimated (`baselines.torso.complete_torso`).
        sigma: standard deviation of the heat maps' Gaussians, in pixels.

    Returns:
        The maps, transforms and masks, float32, on the poses' device.
    """
    source_pose, target_pose = (with_torso(pose, completes) for pose in (source_pose, target_pose))
    transforms, shown = part_transforms(source_pose, target_pose)
    masks = part_masks(target_pose, size) * shown[..., None, None]
    source_maps, target_maps = (heat_maps(pose.float(), size, sigma) for pose in (source_pose, target_pose))
    return PoseInputs(source_maps, target_maps, transforms.float(), masks.float())


def part_transforms(source_pose: Tensor, target_pose: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the affine transform of each part from the target to the source (Siarohin et al. 2018).

    Least squares between corresponding points: the torso's are hips and shoulders; the head's are the shoulders and
    those of nose, eyes and ears that both poses have; a limb's are the corners of a rectangle around its bone. If the
    source lacks a limb, its mirror limb is used.

    Args:
        source_pose: (B, 18, 2) pixels (x, y), NaN if missing.
        target_pose: like source_pose.

    Returns:
        (B, 10, 2, 3) float64 in the order of `PARTS`, pixels (x, y, 1) -> pixels, 0 if a part is not shown; and (B, 10)
        bool, whether it is shown: the target has the part, the source has it or its mirror limb, its points are not on
        one line, and both poses have hips and shoulders.

    Examples:
        >>> pose = torch.rand(1, 18, 2) * 100
        >>> transforms, shown = part_transforms(pose, pose)
        >>> identity = torch.eye(2, 3, dtype=torch.float64)
        >>> torch.allclose(transforms, identity.expand(1, 10, 2, 3), atol=1e-4), shown.all().item()
        (True, True)
    """
    source, target = source_pose.double(), target_pose.double()
    fits = [_fit(target[:, list(TORSO)], source[:, list(TORSO)]), _head(source, target)]
    from_scale, to_scale = torso_scale(target), torso_scale(source)
    for joints, mirror, _ in LIMBS:
        own, other = source[:, list(joints)], source[:, list(mirror)]
        bone = torch.where(own.isfinite().all(-1).all(-1)[:, None, None], own, other)
        fits.append(_fit(_rectangle(target[:, list(joints)], from_scale), _rectangle(bone, to_scale)))
    transforms, shown = torch.stack([fit[0] for fit in fits], 1), torch.stack([fit[1] for fit in fits], 1)
    shown = shown & (from_scale.isfinite() & to_scale.isfinite())[:, None]
    return torch.where(shown[..., None, None], transforms, 0.0), shown


def part_masks(target_pose: Tensor, size: tuple[int, int]) -> Tensor:
    """Compute the mask of each part in the target (Siarohin et al. 2018).

    The torso's is the whole image, so that its transform also moves the background. The head's is a square around
    nose, eyes and ears, a limb's a rectangle around its bone.

    Args:
        target_pose: (B, 18, 2) pixels (x, y), NaN if missing.
        size: (H, W) of the masks, in the pixels of the pose.

    Returns:
        (B, 10, H, W) float64 of 0 and 1, in the order of `PARTS`; 0 if a part or the torso scale is missing.
    """
    pose = target_pose.double()
    rows, columns = (torch.arange(length, device=pose.device, dtype=pose.dtype) + 0.5 for length in size)
    scale = torso_scale(pose)[:, None, None]
    centre = face_centre(pose)[..., None, None]
    # Comparisons with NaN are false, so the mask of a missing part is 0.
    across, down = (columns - centre[:, 0]).abs(), (rows[:, None] - centre[:, 1]).abs()
    head = (across <= HEAD_HALF_SIDE * scale) & (down <= HEAD_HALF_SIDE * scale)
    masks = [scale.isfinite().expand_as(head), head]
    for joints, _, reach in LIMBS:
        start, bone = pose[:, joints[0]], pose[:, joints[1]] - pose[:, joints[0]]
        length = bone.norm(dim=-1)[:, None, None]
        x, y = columns - start[:, 0, None, None], rows[:, None] - start[:, 1, None, None]
        along = (x * bone[:, 0, None, None] + y * bone[:, 1, None, None]) / length.square()
        across = (y * bone[:, 0, None, None] - x * bone[:, 1, None, None]).abs() / length
        # The second end is moved after the first, so its reach counts from there.
        inside = (along >= -REACH_BEFORE) & (along <= 1 + reach * (1 + REACH_BEFORE))
        masks.append(inside & (across <= LIMB_HALF_WIDTH * scale))
    return torch.stack(masks, 1).double()


def _rectangle(bone: Tensor, scale: Tensor) -> Tensor:
    """(B, 2, 2) ends of a bone and (B,) scales -> (B, 4, 2) corners of the limb's rectangle."""
    along = bone[:, 1] - bone[:, 0]
    across = torch.stack([-along[:, 1], along[:, 0]], -1) / along.norm(dim=-1, keepdim=True)
    side = LIMB_HALF_WIDTH * scale[:, None] * across
    return torch.stack([bone[:, 0] + side, bone[:, 0] - side, bone[:, 1] - side, bone[:, 1] + side], 1)


def _head(source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The transform of the head; not shown if no joint of the face is in both poses."""
    joints = [*SHOULDERS, *FACE]
    common = (source.isfinite() & target.isfinite()).all(-1)[:, joints]
    transform, shown = _fit(target[:, joints], source[:, joints], common)
    return transform, shown & common[:, len(SHOULDERS) :].any(1)


def _fit(points: Tensor, images: Tensor, used: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Fit affine transforms by least squares.

    Closed form instead of a solver, so that a GPU does not wait.

    Args:
        points: (B, K, 2).
        images: (B, K, 2), where the transform shall move them.
        used: (B, K) bool, which points count; None for all.

    Returns:
        (B, 2, 3), and (B,) bool: False if a point that counts is NaN or the points are on one line.
    """
    weight = torch.ones_like(points[..., :1]) if used is None else used[..., None].to(points.dtype)
    if used is not None:
        points, images = (torch.where(used[..., None], given, 0.0) for given in (points, images))
    count = weight.sum(1)
    middle, image_middle = (points * weight).sum(1) / count, (images * weight).sum(1) / count
    offset, image_offset = (points - middle[:, None]) * weight, images - image_middle[:, None]
    spread = offset.mT @ (points - middle[:, None])
    (xx, xy), (_, yy) = (spread[:, row].unbind(-1) for row in range(2))
    determinant = xx * yy - xy * xy
    adjugate = torch.stack([torch.stack([yy, -xy], -1), torch.stack([-xy, xx], -1)], -2)
    matrix = image_offset.mT @ offset @ adjugate / determinant[:, None, None]
    shift = image_middle - (matrix @ middle[..., None])[..., 0]
    transform = torch.cat([matrix, shift[..., None]], -1)
    good = (determinant > _SMALLEST * (xx + yy).square()) & transform.isfinite().all(-1).all(-1)
    return transform, good
