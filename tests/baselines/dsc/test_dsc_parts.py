"""DSC's ten part transforms and masks against cases computed by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from baselines.dsc.parts import LIMBS, PARTS, part_masks, part_transforms, pose_inputs

SIZE = (256, 176)
# A person seen from the front, COCO-18; the torso is 60 high, so its scale is 60.
STANDING = torch.tensor(
    [[88.0, 40], [88, 60], [68, 60], [60, 90], [58, 120], [108, 60], [116, 90], [118, 120], [72, 120], [70, 170],
     [68, 220], [104, 120], [106, 170], [108, 220], [84, 36], [92, 36], [78, 38], [98, 38]]
)  # fmt: skip
STANDING[[8, 11], 0] = torch.tensor([68.0, 108.0])


def one(pose: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    transforms, shown = part_transforms(pose[None], other[None])
    return transforms[0], shown[0]


def without(pose: Tensor, *joints: int) -> Tensor:
    changed = pose.clone()
    changed[list(joints)] = torch.nan
    return changed


def moved(matrix: Tensor, points: Tensor) -> Tensor:
    return points.double() @ matrix[:, :2].T + matrix[:, 2]


def close(matrix: Tensor, expected: list[list[float]]) -> None:
    torch.testing.assert_close(matrix, torch.tensor(expected, dtype=torch.float64), atol=1e-6, rtol=0)


def test_there_are_ten_parts_of_which_eight_are_limbs_with_a_mirror() -> None:
    assert len(PARTS) == 10
    assert [name for name in PARTS if "right" in name] == [
        f"right {level} {limb}" for limb in ("leg", "arm") for level in ("upper", "lower")
    ]
    limbs = {joints: mirror for joints, mirror, _ in LIMBS}
    assert len(limbs) == 8
    assert all(limbs[mirror] == joints for joints, mirror in limbs.items())


def test_the_same_pose_gives_the_identity() -> None:
    transforms, shown = one(STANDING, STANDING)
    assert shown.all()
    for matrix in transforms:
        close(matrix, [[1, 0, 0], [0, 1, 0]])


def test_a_shift_of_the_target_is_taken_back() -> None:
    transforms, _ = one(STANDING, STANDING + torch.tensor([7.0, -3.0]))
    for matrix in transforms:
        close(matrix, [[1, 0, -7], [0, 1, 3]])


def test_a_turn_of_the_target_is_taken_back() -> None:
    angle = math.radians(30)
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    transforms, _ = one(STANDING, STANDING @ turn.T)
    for matrix in transforms:
        torch.testing.assert_close(matrix[:, :2], turn.T.double(), atol=1e-5, rtol=0)
        torch.testing.assert_close(matrix[:, 2], torch.zeros(2, dtype=torch.float64), atol=1e-3, rtol=0)


def test_a_limb_keeps_its_width_if_only_its_length_changes() -> None:
    target = STANDING.clone()
    target[4] = STANDING[3] + torch.tensor([60.0, 0.0])  # the right lower arm, to the side and longer
    matrix = one(STANDING, target)[0][PARTS.index("right lower arm")]
    source_bone, bone = STANDING[4] - STANDING[3], target[4] - target[3]
    # Along the bone the scale is the ratio of the lengths, across it the ratio of the torso scales, which is 1.
    along = matrix[:, :2] @ (bone / bone.norm()).double()
    torch.testing.assert_close(along, (source_bone / bone.norm()).double())
    across = matrix[:, :2] @ torch.tensor([0.0, 1.0], dtype=torch.float64)
    assert across.norm().item() == pytest.approx(1.0)
    assert abs((across @ source_bone.double()).item()) < 1e-4


def test_a_limb_that_the_source_lacks_is_taken_from_its_mirror_limb() -> None:
    transforms, shown = one(without(STANDING, 4), STANDING)  # no right wrist
    part = PARTS.index("right lower arm")
    assert shown.all()
    torch.testing.assert_close(moved(transforms[part], STANDING[[3, 4]]), STANDING[[6, 7]].double())
    for other in set(range(10)) - {part}:
        close(transforms[other], [[1, 0, 0], [0, 1, 0]])


def test_a_limb_is_not_shown_if_the_target_lacks_it_or_the_source_lacks_both() -> None:
    part, mirror = PARTS.index("right lower arm"), PARTS.index("left lower arm")
    transforms, shown = one(STANDING, without(STANDING, 4))
    assert shown.nonzero().flatten().tolist() == [n for n in range(10) if n != part]
    assert (transforms[part] == 0).all()
    assert one(without(STANDING, 4, 7), STANDING)[1].nonzero().flatten().tolist() == [
        n for n in range(10) if n not in (part, mirror)
    ]


def test_the_head_is_fitted_to_common_joints_and_not_shown_without_one() -> None:
    head = PARTS.index("head")
    shifted = STANDING.clone()
    shifted[[0, 14, 15, 16, 17]] += torch.tensor([5.0, 2.0])
    # Three points fix an affine transform: both shoulders stay, the nose moves.
    transforms, shown = one(without(STANDING, 14, 15, 16, 17), without(shifted, 16))
    assert shown[head]
    points = torch.stack([STANDING[2], STANDING[5], shifted[0]])
    torch.testing.assert_close(
        moved(transforms[head], points),
        torch.stack([STANDING[2], STANDING[5], STANDING[0]]).double(),
        atol=1e-6,
        rtol=0,
    )
    assert not one(without(STANDING, 0, 14, 15), without(STANDING, 16, 17))[1][head]


def test_points_on_a_line_give_no_transform() -> None:
    flat = STANDING.clone()
    flat[[2, 5, 8, 11], 0] = 88.0  # exactly from the side
    transforms, shown = one(STANDING, flat)
    assert not shown[PARTS.index("torso")]
    assert transforms.isfinite().all()
    point = STANDING.clone()
    point[4] = point[3]  # a lower arm that points to the camera
    assert not one(STANDING, point)[1][PARTS.index("right lower arm")]


def test_masks_are_the_head_square_the_limb_rectangle_and_the_whole_image() -> None:
    pose = STANDING.clone()
    pose[3], pose[4] = torch.tensor([30.0, 100.0]), torch.tensor([30.0, 140.0])  # an upright lower arm of 40 pixels
    masks = part_masks(pose[None], SIZE)[0]
    assert (masks[0] == 1).all()
    centre = pose[[0, 14, 15, 16, 17]].mean(0)
    rows, columns = masks[1].nonzero().T + 0.5
    assert (columns.min().item(), columns.max().item()) == (64.5, 111.5)  # 88 +- 0.4 * 60
    assert rows.min().item() == pytest.approx(centre[1].item() - 24, abs=1)
    rows, columns = masks[PARTS.index("right lower arm")].nonzero().T + 0.5
    assert (columns.min().item(), columns.max().item()) == (18.5, 41.5)  # 30 +- 0.2 * 60
    # 0.1 of 40 above; below 0.5 of the 44 pixels that the extended limb has.
    assert (rows.min().item(), rows.max().item()) == (96.5, 161.5)


def test_masks_of_missing_parts_and_of_bodies_without_a_torso_are_zero() -> None:
    masks = part_masks(torch.stack([without(STANDING, 0, 14, 15, 16, 17, 10), without(STANDING, 8)]), SIZE)
    assert masks[0].amax((1, 2)).tolist() == [1, 0, 1, 1, 0, 1, 1, 1, 1, 1]
    assert (masks[1] == 0).all()


def test_pose_inputs_of_bodies_without_a_torso_are_finite_and_show_nothing() -> None:
    inputs = pose_inputs(STANDING.expand(2, 18, 2), torch.stack([STANDING, without(STANDING, 11)]), SIZE)
    assert all(maps.isfinite().all() and maps.dtype == torch.float32 for maps in inputs)
    assert inputs.source_maps.shape == (2, 18, *SIZE)
    assert inputs.masks[1].max() == 0
    assert inputs.target_maps[1, [10, 11]].amax((1, 2)).tolist() == pytest.approx([1, 0], abs=0.01)
