"""Heat maps of poses, and the horizontal flip of joints, face points and maps."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from fhpt_bench.benchmark import data_folder
from fhpt_bench.data.heat_maps import FACE_FLIP, FLIP, flip_landmarks, flip_pose, heat_maps
from fhpt_bench.data.pose import JOINTS

SIZE = (16, 12)  # height, width


def poses(count: int = 2) -> torch.Tensor:
    pose = torch.rand(count, 18, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([SIZE[1], SIZE[0]])
    pose[0, 3] = torch.nan
    return pose


def test_gaussians_are_centred_on_joints_with_pixel_centres_at_half_integers() -> None:
    pose = poses()
    maps = heat_maps(pose, SIZE, sigma=2.0)
    assert maps.shape == (2, 18, *SIZE)
    x, y = pose[1, 5].tolist()
    expected = math.exp(-((4.5 - x) ** 2 + (9.5 - y) ** 2) / 8)
    assert maps[1, 5, 9, 4].item() == pytest.approx(expected, rel=1e-5)
    assert maps[0, 3].eq(0).all()  # missing
    assert maps[0, 2].max() > 0.9


def test_a_delta_map_has_one_pixel_or_none() -> None:
    pose = poses()
    pose[0, 0] = torch.tensor([-0.1, 3.0])  # outside
    pose[0, 1] = torch.tensor([11.9, 15.9])
    maps = heat_maps(pose, SIZE, kind="delta")
    assert maps.sum((2, 3))[0, [0, 3]].eq(0).all()
    assert maps[0, 1, 15, 11] == 1
    assert maps.sum() == 18 * 2 - 2
    with pytest.raises(ValueError, match="gaussian or delta"):
        heat_maps(pose, SIZE, kind="disc")  # type: ignore[arg-type]


def test_left_and_right_are_swapped() -> None:
    swapped = {"left": "right", "right": "left"}
    for joint, name in enumerate(JOINTS):
        side, _, part = name.partition("_")
        assert JOINTS[FLIP[joint]] == (f"{swapped[side]}_{part}" if part else name)


@pytest.mark.parametrize("order", [FLIP, FACE_FLIP])
def test_flipping_twice_changes_nothing(order: tuple[int, ...]) -> None:
    assert sorted(order) == list(range(len(order)))
    points = torch.rand(3, len(order), 2, generator=torch.Generator().manual_seed(1)).round(decimals=2) * 64
    points[0, 1] = torch.nan
    flip = flip_pose if order is FLIP else flip_landmarks
    torch.testing.assert_close(flip(flip(points, 64), 64), points, equal_nan=True)
    assert not torch.allclose(flip(points, 64)[1:], points[1:])


@pytest.mark.parametrize("kind", ["gaussian", "delta"])
def test_maps_of_a_flipped_pose_are_mirrored_maps_of_swapped_joints(kind: str) -> None:
    pose = poses()
    maps, flipped = (heat_maps(p, SIZE, kind=kind) for p in (pose, flip_pose(pose, SIZE[1])))  # type: ignore[arg-type]
    torch.testing.assert_close(flipped, maps.flip(3)[:, list(FLIP)])


def test_each_point_of_a_mirrored_face_stays_on_its_side() -> None:
    with np.load(data_folder("studio") / "truth-test.npz") as truth:
        face = torch.from_numpy(truth["face"][truth["frontal"]][..., :2])
    middle = face[:, 27:31].mean(1, keepdim=True)
    # Points that are on one side of the bridge of the nose in nearly all faces must stay on it after the flip.
    side = (face - middle)[..., 0].sign().mean(0)
    mirrored = flip_landmarks(face, 176)
    mirrored_side = (mirrored - mirrored[:, 27:31].mean(1, keepdim=True))[..., 0].sign().mean(0)
    sure = side.abs() > 0.9
    assert sure.sum() > 40
    assert (side[sure] * mirrored_side[sure] > 0).all()
