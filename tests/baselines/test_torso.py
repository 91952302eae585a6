"""Hips and shoulders: which pairs lack them, the scale, and estimates of missing ones."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from baselines.torso import complete_torso, lacks_torso, torso_scale

# A person seen from the front, COCO-18.
STANDING = torch.tensor(
    [[88.0, 40], [88, 60], [68, 60], [60, 90], [58, 120], [108, 60], [116, 90], [118, 120], [68, 120], [70, 170],
     [68, 220], [108, 120], [106, 170], [108, 220], [84, 36], [92, 36], [78, 38], [98, 38]]
)  # fmt: skip


def without(pose: Tensor, *joints: int) -> Tensor:
    changed = pose.clone()
    changed[list(joints)] = torch.nan
    return changed


@pytest.mark.parametrize("joint", [2, 5, 8, 11])
def test_pairs_without_hips_or_shoulders_in_either_image_are_left_out(joint: int) -> None:
    bad, poses = without(STANDING, joint), [STANDING, STANDING, without(STANDING, 0, 4, 9)]
    left_out = lacks_torso(torch.stack([*poses, bad]), torch.stack([STANDING, bad, STANDING, STANDING]))
    assert left_out.tolist() == [False, True, False, True]
    assert int(left_out.sum()) == 2


def test_the_torso_scale_is_the_root_mean_square_of_both_sides() -> None:
    pose = torch.zeros(18, 2)
    pose[8], pose[11] = torch.tensor([3.0, 4.0]), torch.tensor([0.0, 12.0])
    assert torso_scale(pose).item() == pytest.approx(math.sqrt((25 + 144) / 2))
    assert torso_scale(without(pose, 11)).isnan()


@pytest.mark.parametrize("missing", [(), (8,), (11,), (8, 11), (2,), (5, 1), (2, 8, 1), (8, 11, 0, 14, 15, 16, 17)])
def test_a_completed_torso_keeps_what_is_visible_and_is_close_to_the_truth(missing: tuple[int, ...]) -> None:
    completed = complete_torso(without(STANDING, *missing)[None])[0]
    visible = [joint for joint in range(18) if joint not in missing]
    assert torch.equal(completed[visible], STANDING[visible])
    torso = [2, 5, 8, 11]
    assert completed[torso].isfinite().all()
    assert (completed[torso] - STANDING[torso]).norm(dim=-1).max() < 25
    assert completed[2, 0] < completed[5, 0]
    assert completed[8, 0] < completed[11, 0]


def test_a_torso_is_not_invented_from_nothing() -> None:
    alone = torch.full((1, 18, 2), torch.nan)
    alone[0, 9] = torch.tensor([50.0, 60.0])
    assert complete_torso(alone)[0, [2, 5, 8, 11]].isnan().all()


def test_a_side_view_gets_a_torso_with_the_depth_of_a_chest() -> None:
    side = without(STANDING, 1, 5, 6, 7, 11, 8)  # the right shoulder and the face, no neck
    completed = complete_torso(side[None])[0]
    shoulders, hips = completed[5] - completed[2], completed[11] - completed[8]
    length = 2.2 * (side[[0, 14, 15, 16, 17]].mean(0) - side[2]).norm()
    torch.testing.assert_close(shoulders, torch.tensor([0.44 * length, 0.0]))
    torch.testing.assert_close(hips, 0.7 * shoulders)
    torch.testing.assert_close((completed[[8, 11]].mean(0) - completed[[2, 5]].mean(0)), torch.tensor([0.0, length]))


def test_from_behind_the_missing_shoulder_is_on_the_other_side_of_the_neck() -> None:
    back = STANDING.clone()
    back[[2, 5, 8, 11]] = STANDING[[5, 2, 11, 8]]
    completed = complete_torso(without(back, 5, 11)[None])[0]
    torch.testing.assert_close(completed[5], back[5])
    assert completed[11, 0] < completed[8, 0]


def test_poses_of_a_batch_do_not_change_each_other() -> None:
    poses = torch.stack([STANDING, without(STANDING, 8, 11), without(STANDING, 2, 1)])
    together = complete_torso(poses)
    for number, pose in enumerate(poses):
        torch.testing.assert_close(together[number], complete_torso(pose[None])[0], equal_nan=True)
