"""`studio-512`: the same people, poses and truth as the test split of `studio`, at twice the size."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import fhpt_bench as fb
from fhpt_bench.benchmark import data_folder, load_benchmark
from fhpt_bench.data.images import read_image
from tests.hostile.conftest import Done
from tools.studio import tables

Call = Callable[..., Done]
SMALL, LARGE = data_folder("studio"), data_folder("studio-512")
LIMIT = 14 * 2**20  # bytes of the folder


def table(folder: Path, name: str) -> dict[str, NDArray[np.float32]]:
    with np.load(folder / f"{name}-test.npz", allow_pickle=False) as stored:
        return {key: stored[key] for key in stored.files}


def test_the_manifest_matches_the_files() -> None:
    manifest = json.loads((LARGE / tables.MANIFEST).read_text())
    assert manifest == tables.manifest(LARGE, 0)
    assert sum(path.stat().st_size for path in LARGE.rglob("*") if path.is_file()) < LIMIT


def test_lists_and_people_are_those_of_studio() -> None:
    for name in ("test.lst", "fasion-resize-pairs-test.csv"):
        assert (LARGE / name).read_bytes() == (SMALL / name).read_bytes()
    assert sorted(path.name for path in (LARGE / "test").iterdir()) == (LARGE / "test.lst").read_text().split()
    rows = [list(csv.reader((folder / "people.csv").read_text().splitlines())) for folder in (LARGE, SMALL)]
    assert rows[0] == [row for row in rows[1] if row[1] in ("split", "test")]


def test_truth_is_that_of_studio_times_two() -> None:
    small, large = table(SMALL, "truth"), table(LARGE, "truth")
    assert small["names"].tolist() == large["names"].tolist()
    np.testing.assert_array_equal(small["frontal"], large["frontal"])
    np.testing.assert_allclose(large["face_box"], 2 * small["face_box"], atol=1e-3)
    for part in ("body", "face", "hand_left", "hand_right"):
        np.testing.assert_allclose(large[part][..., :2], 2 * small[part][..., :2], atol=1e-3)
        np.testing.assert_array_equal(large[part][..., 2], small[part][..., 2])
    poses = [load_benchmark(name).poses for name in ("studio", "studio-512")]
    for name, pose in poses[0].items():
        np.testing.assert_allclose(poses[1][name], 2 * pose, atol=0.151)  # the lists have one decimal


def test_labels_reduced_to_their_median_are_those_of_studio() -> None:
    small, large = table(SMALL, "parsing"), table(LARGE, "parsing")
    assert small["classes"].tolist() == large["classes"].tolist()
    labels = large["labels"]
    assert labels.shape == (200, 512, 352)
    blocks = labels.reshape(200, 256, 2, 176, 2).transpose(0, 1, 3, 2, 4).reshape(200, 256, 176, 4)
    assert (np.sort(blocks, -1)[..., 2] == small["labels"]).mean() > 0.9999


def test_images_reduced_to_half_are_those_of_studio() -> None:
    """Apart from the compression of both, and from patterns as fine as a pixel, which depend on the filter."""
    differences = []
    for name in (LARGE / "test.lst").read_text().split():
        with Image.open(LARGE / "test" / name) as image:
            assert (image.size, image.mode, image.format) == ((352, 512), "RGB", "JPEG"), name
            half = np.asarray(image.resize((176, 256), Image.Resampling.BICUBIC)).astype(int)
        differences.append(np.abs(half - read_image(SMALL / "test" / name)).mean())
    assert np.mean(differences) < 1.5
    assert max(differences) < 3  # 2.3: a suit of herringbone


@pytest.mark.parametrize("model", ["real", "copy-source", "warp"])
def test_models_run(model: str, tmp_path: Path) -> None:
    record = fb.run(model, "studio-512", "ssim,psnr:unit,face-id", limit=6, out=tmp_path / "run")
    assert record.benchmark.image_size == (512, 352)
    assert record["ssim"].n == 6
    assert record["ssim"].value == pytest.approx(1) if model == "real" else record["ssim"].value < 0.95


def test_it_is_another_benchmark_than_studio(tmp_path: Path) -> None:
    records = [fb.run("real", name, "ssim", limit=4, out=tmp_path / name) for name in ("studio", "studio-512")]
    assert records[0]["ssim"].fingerprint != records[1]["ssim"].fingerprint


def test_data_check(call: Call) -> None:
    done = call("data", "check", "studio-512")
    assert done.code == 0, done.err
    assert "as manifest.json says" in done.out
    assert "200 images, each 352 wide and 512 high" in done.out
