"""Geometry of the face module: frontal faces, sketches, crops and the composite of eq. 2."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor

from drn.face import SEGMENTS, crop_faces, draw_sketch, face_boxes, landmarks_in_crop, paste_faces
from fhpt_bench.benchmark import data_folder
from fhpt_bench.data.heat_maps import flip_landmarks


@pytest.fixture(scope="module", params=["train", "test"])
def truth(request: pytest.FixtureRequest) -> tuple[Tensor, Tensor, list[str]]:
    """Landmarks (N, 68, 2), NaN if not visible; whether frontal (N,); names."""
    with np.load(data_folder("studio") / f"truth-{request.param}.npz") as archive:
        points, frontal, names = archive["face"], archive["frontal"], archive["names"]
    landmarks = np.where(points[..., 2:] > 0, points[..., :2], np.nan).astype(np.float32)
    return torch.from_numpy(landmarks), torch.from_numpy(frontal), names.tolist()


def face_landmarks() -> Tensor:
    with np.load(data_folder("studio") / "truth-test.npz") as archive:
        return torch.from_numpy(archive["face"][:1, :, :2])


def test_frontal_faces_of_studio_are_those_of_its_truth(truth: tuple[Tensor, Tensor, list[str]]) -> None:
    landmarks, frontal, names = truth
    boxes, found = face_boxes(landmarks)
    assert torch.equal(found, frontal)
    assert {name.rpartition("_")[2] for name, frontal_face in zip(names, found, strict=True) if frontal_face} <= {
        "1front.jpg", "2side.jpg", "4full.jpg", "7additional.jpg"
    }  # fmt: skip
    assert torch.isfinite(boxes).all()
    # All visible landmarks are inside, and the square is 1.3 times the longer extent.
    inside = landmarks_in_crop(landmarks[found], boxes[found], 1)
    visible = inside[~inside.isnan()]
    assert visible.min().item() == pytest.approx(0.15 / 1.3, abs=1e-3)
    assert visible.max().item() == pytest.approx(1.15 / 1.3, abs=1e-3)


def test_mirrored_or_hidden_faces_are_not_frontal() -> None:
    face = face_landmarks()
    assert face_boxes(face)[1].tolist() == [True]
    mirrored = face.clone()
    mirrored[..., 0] *= -1
    assert face_boxes(mirrored)[1].tolist() == [False]
    assert face_boxes(flip_landmarks(face, 176))[1].tolist() == [True]
    for hidden in ([30], [36], [45], list(range(14))):
        covered = face.clone()
        covered[:, hidden] = torch.nan
        assert face_boxes(covered)[1].tolist() == [False]
    covered = face.clone()
    covered[:, :13] = torch.nan
    assert face_boxes(covered)[1].tolist() == [True]


def test_a_sketch_is_the_distance_to_the_nearest_line() -> None:
    face = landmarks_in_crop(face_landmarks(), face_boxes(face_landmarks())[0])
    face[0, 20] = torch.nan
    sketch = draw_sketch(face)[0, 0].numpy()
    points = face[0].numpy()
    segments = [(points[a], points[b]) for a, b in SEGMENTS if 20 not in (a, b)]
    for row, column in [(32, 32), *np.argwhere(sketch > 0.5)[::60]]:
        place = np.array([column + 0.5, row + 0.5])
        nearest = min(
            np.linalg.norm(place - (a + np.clip((place - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1) * (b - a)))
            for a, b in segments
        )
        assert sketch[row, column] == pytest.approx(max(0, 1 - nearest), abs=1e-3)


def test_the_lines_join_points_of_one_part_and_close_eyes_and_lips() -> None:
    assert len(SEGMENTS) == 16 + 4 + 4 + 3 + 4 + 6 + 6 + 12 + 8
    assert {(41, 36), (47, 42), (59, 48), (67, 60)} <= set(SEGMENTS)
    assert not {(16, 17), (21, 22), (30, 31), (41, 42), (59, 60)} & set(SEGMENTS)
    assert draw_sketch(torch.full((2, 68, 2), torch.nan), 8).eq(0).all()


def test_the_sketch_of_a_mirrored_face_is_the_mirrored_sketch() -> None:
    face = landmarks_in_crop(face_landmarks(), face_boxes(face_landmarks())[0])
    sketch = draw_sketch(face)
    torch.testing.assert_close(draw_sketch(flip_landmarks(face, 64)), sketch.flip(3), atol=1e-4, rtol=0)
    assert not torch.allclose(sketch, sketch.flip(3), atol=0.3)


@pytest.mark.parametrize("size", [20, 64])
def test_a_crop_equals_bicubic_interpolation(size: int) -> None:
    """Compared with torch's interpolation, except near the borders, where the crop uses pixels outside the box."""
    image = torch.rand(1, 3, 60, 50, generator=torch.Generator().manual_seed(0)) * 1.6 - 0.8
    crop = crop_faces(image, torch.tensor([[5.0, 10.0, 40.0]]), size)
    expected = functional.interpolate(image[..., 10:50, 5:45], (size, size), mode="bicubic", antialias=True)
    edge = size // 6
    inner = (..., slice(edge, -edge), slice(edge, -edge))
    torch.testing.assert_close(crop[inner], expected.clamp(-1, 1)[inner], atol=1e-5, rtol=0)


def test_crops_follow_boxes_between_pixels_and_beyond_the_image() -> None:
    x = (torch.arange(50.0) + 0.5) / 50
    image = x.expand(2, 1, 40, 50)
    boxes = torch.tensor([[10.3, 4.0, 16.0], [-10.0, -8.0, 32.0]])
    crops = crop_faces(image, boxes, 32)
    expected = (boxes[0, 0] + (torch.arange(32) + 0.5) / 2) / 50
    torch.testing.assert_close(crops[0, 0], expected.expand(32, 32), atol=1e-5, rtol=0)
    torch.testing.assert_close(crops[1, 0, :, :10], torch.full((32, 10), 0.5 / 50), atol=1e-3, rtol=0)


def test_composite_on_a_case_made_by_hand() -> None:
    """Eq. 2 with an image of one grey value and a face of another; the blur is computed here as a sum."""
    boxes = torch.tensor([[10.0, 6.0, 16.0], [10.0, 6.0, 16.0]])
    image, faces = torch.full((2, 3, 32, 40), -0.5), torch.full((2, 3, 8, 8), 0.75)
    result, mask = paste_faces(image, faces, boxes, torch.tensor([True, False]))
    sigma, fine = 16 / 8, 4  # steps per pixel
    positions = (np.arange(-20 * fine, 60 * fine) + 0.5) / fine
    kernel = np.exp(-((np.arange(-10 * fine, 10 * fine + 1) / fine) ** 2) / (2 * sigma**2))
    profiles = []
    for start, length in ((6, 32), (10, 40)):
        indicator = ((positions > start) & (positions < start + 16)).astype(float)
        smooth = np.convolve(indicator, kernel / kernel.sum(), "same")
        profiles.append(np.interp(np.arange(length) + 0.5, positions, smooth))
    np.testing.assert_allclose(mask[0, 0], np.outer(*profiles), atol=2e-3)
    torch.testing.assert_close(result[:1], ((1 - mask[:1]) * -0.5 + mask[:1] * 0.75).expand(1, 3, -1, -1))
    assert torch.equal(result[1], image[1])
    assert mask[1].eq(0).all()
    # By hand: 1/2 on an edge, 1/4 at a corner, 1 in the middle, 0 at a distance of 4 sigma.
    edge = (mask[0, 0, 14, 9] + mask[0, 0, 14, 10]) / 2
    corner = mask[0, 0, 5:7, 9:11].mean()
    assert edge.item() == pytest.approx(0.5, abs=1e-3)
    assert corner.item() == pytest.approx(0.25, abs=1e-3)
    assert mask[0, 0, 13, 17] > 0.999
    assert mask[0, 0, 13, 1] < 1e-4


@pytest.mark.parametrize("side", [14.5, 40.0])
def test_a_face_that_is_pasted_back_changes_nothing(side: float) -> None:
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(48.0), indexing="ij")
    image = torch.stack([(x / 9).sin(), (y / 7).cos(), ((x + y) / 11).sin()])[None] * 0.8
    boxes = torch.tensor([[4.2, 12.7, side]])
    result, mask = paste_faces(image, crop_faces(image, boxes), boxes, torch.tensor([True]))
    assert ((result - image).abs() * (mask > 0.9)).max() < 0.01


def test_faces_are_cut_and_pasted_in_float32_under_autocast() -> None:
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    boxes, found = torch.tensor([[4.0, 4.0, 20.0]]), torch.tensor([True])
    with torch.autocast("cpu", torch.bfloat16):
        crop = crop_faces(image, boxes, 16)
        result, _ = paste_faces(image, crop, boxes, found)
    assert torch.equal(crop, crop_faces(image, boxes, 16))
    assert torch.equal(result, paste_faces(image, crop, boxes, found)[0])
