"""Encoders of faces: alignment to the template, and images without a face."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from fhpt_bench.networks.encoder import encoder_feature
from fhpt_bench.networks.encoders import read_encoders
from fhpt_bench.networks.faces_aligned import TEMPLATE, align_face, five_points
from tests.encoder_files import COMMON, Small, same, save_script, seeded, write_toml

pytestmark = pytest.mark.usefixtures("no_others")
needs_onnx = pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime") is None, reason="onnxruntime (the extra `onnx`) is not installed"
)
RNG = np.random.default_rng(3)
IMAGES = RNG.integers(0, 256, (5, 61, 43, 3), np.uint8)


def test_faces_are_mapped_to_the_template() -> None:
    """A drawn image whose five points are known: after the transform they lie at the template's places."""
    angle, scale, shift = 0.3, 0.45, np.array([70.0, 40.0])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = TEMPLATE @ turn.T + shift + 0.5  # the first pixel's centre is at .5 here, at 0 in the template
    y, x = np.mgrid[0:150, 0:160]
    image = np.zeros((150, 160, 3), np.uint8)
    for number, (px, py) in enumerate(points):
        spot = np.exp(-((x + 0.5 - px) ** 2 + (y + 0.5 - py) ** 2) / (2 * 1.5**2)) * 255
        image[..., number % 3] = np.maximum(image[..., number % 3], spot.astype(np.uint8))
    face = align_face(image, points)
    assert face.shape == (112, 112, 3)
    y, x = np.mgrid[0:112, 0:112]
    for number, place in enumerate(TEMPLATE):
        near = np.hypot(x - place[0], y - place[1]) < 9
        weight = face[..., number % 3] * near.astype(float)
        found = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
        assert np.abs(found - place).max() < 0.1
    assert (align_face(np.full((20, 20, 3), 255, np.uint8), points)[0, 0] == 0).all()


def test_five_points_of_a_face() -> None:
    face = np.zeros((68, 2))
    face[36:42], face[42:48], face[30], face[48], face[54] = [1, 2], [3, 2], [2, 4], [1, 6], [3, 6]
    assert five_points(face).tolist() == [[1, 2], [3, 2], [2, 4], [1, 6], [3, 6]]


def test_an_encoder_of_faces_leaves_out_images_without_one(tmp_path: Path) -> None:
    from fhpt_bench.benchmark import load_benchmark
    from fhpt_bench.data.images import read_image
    from fhpt_bench.data.keypoints import SLICES
    from fhpt_bench.networks.keypoints import MediaPipeHolistic

    photographs = load_benchmark("studio").folder
    files = [*sorted(photographs.glob("*_1front.jpg"))[:2], sorted(photographs.glob("*_3back.jpg"))[0]]
    images = np.stack([read_image(file) for file in files])
    network = save_script(seeded(Small), tmp_path / "face.pt")
    entry = {"kind": "torchscript", "file": "face.pt", "size": 112, "fit": "face", "resize": "bilinear"}
    encoder = read_encoders(write_toml(tmp_path / "e.toml", {"face": entry}))["face"]
    assert "mediapipe-holistic 1 (mediapipe " in encoder.text
    found = encoder_feature(encoder)("cpu").extract(images)
    points = MediaPipeHolistic("cpu").extract(images)[:, SLICES["face"]]
    assert np.isnan(points[2, :, 0]).all()
    assert np.isnan(found[2]).all()
    faces = np.stack([align_face(images[i], five_points(points[i, :, :2])) for i in range(2)])
    x = torch.from_numpy((faces / 255 - np.array(COMMON["mean"])) / np.array(COMMON["std"])).permute(0, 3, 1, 2)
    same(found[:2], network(x.float()))
    alone = encoder_feature(encoder)("cpu").extract(images[2:])
    assert alone.shape == (1, found.shape[1])
    assert np.isnan(alone).all()
