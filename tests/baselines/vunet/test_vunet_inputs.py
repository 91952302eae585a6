"""VUNet's stick figure and its eight part crops against cases made by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from baselines.vunet.crops import PARTS, part_crops, part_quadrilaterals
from baselines.vunet.figure import stick_figure

HEIGHT, WIDTH, SIDE = 256, 176, 64
STANDING = torch.tensor(
    [[88.0, 40], [88, 60], [68, 60], [60, 90], [58, 120], [108, 60], [116, 90], [118, 120], [72, 120], [70, 170],
     [68, 220], [104, 120], [106, 170], [108, 220], [84, 36], [92, 36], [78, 38], [98, 38]]
)  # fmt: skip


def without(*joints: int) -> Tensor:
    pose = STANDING.clone()
    pose[list(joints)] = torch.nan
    return pose


def places(pose: Tensor) -> Tensor:
    """The pixels (x, y) that each crop is taken from: (8, SIDE, SIDE, 2)."""
    x, y = torch.arange(float(WIDTH)) + 0.5, torch.arange(float(HEIGHT)) + 0.5
    image = torch.stack([x.expand(HEIGHT, WIDTH), y[:, None].expand(HEIGHT, WIDTH), torch.zeros(HEIGHT, WIDTH)])
    return part_crops(image[None], pose[None], SIDE).view(8, 3, SIDE, SIDE)[:, :2].permute(0, 2, 3, 1)


def quadrilateral(pose: Tensor, part: str) -> list[list[float]]:
    return part_quadrilaterals(pose[None], HEIGHT)[0, PARTS.index(part)].round(decimals=3).tolist()


def test_there_are_eight_parts_of_three_channels() -> None:
    assert len(PARTS) == 8
    assert part_crops(torch.zeros(2, 3, 20, 16), STANDING.expand(2, 18, 2), 64).shape == (2, 24, 64, 64)


def test_the_corners_of_each_part() -> None:
    # Corners (0, 0), (0, 1), (1, 1), (1, 0) of the square.
    assert quadrilateral(STANDING, "torso") == STANDING[[5, 11, 8, 2]].tolist()
    # Neck (88, 60), nose 20 above: a square of 40 from the neck to 40 above it, the left shoulder's side first.
    assert quadrilateral(STANDING, "head") == [[108, 20], [108, 60], [68, 60], [68, 20]]
    # The strip is half as wide as the bone is long; the crop's x axis follows the bone.
    pose = STANDING.clone()
    pose[[5, 6]] = torch.tensor([[100.0, 60], [100, 100]])
    assert quadrilateral(pose, "left upper arm") == [[90, 60], [110, 60], [110, 100], [90, 100]]


def test_a_crop_of_the_torso_is_taken_from_the_torso() -> None:
    torso = places(STANDING)[PARTS.index("torso")]
    left_shoulder, right_hip = STANDING[5], STANDING[8]
    torch.testing.assert_close(torso[0, 0], left_shoulder, atol=0.7, rtol=0)
    torch.testing.assert_close(torso[-1, -1], right_hip, atol=0.7, rtol=0)


def test_a_crop_is_perspective() -> None:
    # The sides of STANDING's torso are not parallel. A perspective keeps lines, so the diagonals still cross in the
    # middle of the crop; with coordinates interpolated between the corners (bilinear) they would not.
    pose = STANDING.clone()
    pose[[8, 11]] = torch.tensor([[80.0, 120], [96, 120]])
    torso = places(pose)[PARTS.index("torso")]
    middle = torso[SIDE // 2 - 1 : SIDE // 2 + 1, SIDE // 2 - 1 : SIDE // 2 + 1].mean((0, 1))
    # Of widths 40 above and 16 below, the diagonals cross at 40 / 56 of the height.
    torch.testing.assert_close(middle, torch.tensor([88.0, 60 + 60 * 40 / 56]), atol=0.05, rtol=0)
    upper, lower = torso[0], torso[-1]
    # Straight lines stay straight: rows of the crop are horizontal lines in the image.
    assert upper[:, 1].max() - upper[:, 1].min() < 1e-3
    assert lower[:, 1].max() - lower[:, 1].min() < 1e-3


def test_limbs_are_sampled_evenly_along_the_bone() -> None:
    pose = STANDING.clone()
    pose[[3, 4]] = torch.tensor([[40.0, 100], [40, 164]])
    arm = places(pose)[PARTS.index("right lower arm")]
    torch.testing.assert_close(arm[SIDE // 2, :, 1], 100 + torch.arange(64.0) + 0.5, atol=1e-3, rtol=0)
    # Across: from 24 to 56, half a pixel per step.
    torch.testing.assert_close(arm[:, 0, 0], 24 + (torch.arange(64.0) + 0.5) / 2, atol=1e-3, rtol=0)


def test_what_is_used_without_a_nose_a_knee_or_a_whole_part() -> None:
    assert quadrilateral(without(0), "head") == [[108, 20], [108, 60], [68, 60], [68, 20]]
    knee = quadrilateral(without(12), "left upper leg")  # from the hip (104, 120) straight down to the edge
    assert knee == [[70, 120], [138, 120], [138, 256], [70, 256]]
    crops = part_crops(torch.ones(1, 3, HEIGHT, WIDTH), without(5, 4, 11)[None], SIDE).view(8, -1)
    shown = {part for part, crop in zip(PARTS, crops, strict=True) if crop.abs().max() > 0}
    assert shown == {"left lower arm", "right upper arm", "right upper leg"}
    assert (crops.abs().amax(1) > 0).sum() == 3


def test_a_crop_that_reaches_outside_repeats_the_edge() -> None:
    pose = STANDING.clone()
    pose[[3, 4]] = torch.tensor([[-40.0, 100], [-40, 164]])
    assert (places(pose)[PARTS.index("right lower arm")][..., 0] == 0.5).all()


def test_a_part_seen_as_a_line_is_missing_and_finite() -> None:
    pose = STANDING.clone()
    pose[[2, 5, 8, 11], 0] = 88.0
    pose[7] = pose[6]
    crops = part_crops(torch.ones(1, 3, HEIGHT, WIDTH), pose[None], SIDE).view(8, -1)
    assert crops.isfinite().all()
    assert crops[PARTS.index("left lower arm")].abs().max() == 0


def test_the_figure_has_a_channel_for_each_side_and_one_for_the_torso() -> None:
    red, green, blue = (stick_figure(STANDING[None], (HEIGHT, WIDTH))[0] + 1) / 2
    for channel, ankle, knee, wrist in ((red, 10, 9, 4), (green, 13, 12, 7)):
        for joint in (ankle, knee, wrist):
            x, y = STANDING[joint].int().tolist()
            assert channel[y, x] == 1
    assert red[:, 110:].max() == 0  # nothing of the left side
    assert blue[90, 88] == 1
    assert blue[50, 88] == blue[90, 60] == blue[130, 88] == 0
    # A line is 3 / 128 of the height thick: 6 pixels.
    pose = STANDING.clone()
    pose[[3, 4]] = torch.tensor([[30.0, 100], [30, 160]])
    assert ((stick_figure(pose[None], (HEIGHT, WIDTH))[0, 0, 130] == 1).sum() - (red[130] == 1).sum()).item() == 6


def test_the_neck_is_grey_on_both_sides_and_each_eye_on_its_own() -> None:
    red, green, blue = (stick_figure(STANDING[None], (HEIGHT, WIDTH))[0] + 1) / 2
    assert red[50, 88].item() == pytest.approx(127 / 255)
    assert green[50, 88].item() == pytest.approx(127 / 255)
    assert blue[50, 88] == 0
    assert (red[36, 83], green[36, 83], red[36, 92], green[36, 92]) == (1, 0, 0, 1)


def test_lines_without_a_joint_are_left_out() -> None:
    whole = stick_figure(STANDING[None], (HEIGHT, WIDTH))
    red, green, blue = (stick_figure(without(9, 11, 14)[None], (HEIGHT, WIDTH))[0] + 1) / 2
    assert red[150:].max() == 0  # no right knee: neither thigh nor shank
    assert blue.max() == 0  # no torso without the left hip
    assert green[195, 107] == 1
    assert red[36, 83] == green[36, 93] == 0  # without an eye neither line is drawn
    assert torch.equal((green > 0.9)[40:118], (whole[0, 1] > 0.9)[40:118] & (green > 0.9)[40:118])
