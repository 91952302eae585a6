"""`data new --keypoint-frame`: a keypoint table whose joints refer to other images than the user's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.keypoint_tables import pose_table
from tests.own_data.test_keypoint_files import BODY
from tests.own_data.test_new_benchmark import Call, nested, write_images

SIZE = (128, 96)


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Poses in images twice as large, in a table; the images are in `mine/images`."""
    monkeypatch.chdir(tmp_path)
    names = write_images(tmp_path / "mine/images", nested(), SIZE)
    body = BODY * np.array([SIZE[1] / 176, SIZE[0] / 256], np.float32)
    (tmp_path / "table.csv").write_text(pose_table(dict.fromkeys(names, 2 * body)))
    return tmp_path / "table.csv"


def test_joints_are_scaled_from_the_stated_frame(table: Path, call: Call) -> None:
    refused = call("data", "new", "mine", "--keypoints", table)
    assert refused.code == 2
    assert "--keypoint-frame of `data new`" in refused.err
    done = call("data", "new", "mine", "--keypoints", table, "--keypoint-frame", "256x192")
    assert done.code == 0, done.err
    pose = load_benchmark("mine/mine.toml").poses["person 0/1.png"]
    np.testing.assert_allclose(pose, BODY * [SIZE[1] / 176, SIZE[0] / 256], atol=1e-3)


def test_another_shape_needs_the_fit(table: Path, call: Call) -> None:
    refused = call("data", "new", "mine", "--keypoints", table, "--keypoint-frame", "256x256")
    assert refused.code == 2
    assert "add :shift if rows or columns were cut off" in refused.err
    done = call("data", "new", "mine", "--keypoints", table, "--keypoint-frame", "256x256:scale")
    assert done.code == 0, done.err
    pose = load_benchmark("mine/mine.toml").poses["person 0/1.png"]
    np.testing.assert_allclose(pose[:, 0], 2 * BODY[:, 0] * SIZE[1] / 176 * 96 / 256, atol=1e-3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--keypoint-frame", "256"], "is not HEIGHTxWIDTH"),
        (["--keypoint-frame", "256x192:crop"], "is not HEIGHTxWIDTH"),
    ],
)
def test_what_is_no_frame_is_refused(table: Path, call: Call, words: list[str], said: str) -> None:
    done = call("data", "new", "mine", "--keypoints", table, *words)
    assert done.code == 2
    assert said in done.err


def test_only_for_a_table(table: Path, call: Call) -> None:
    done = call("data", "new", "mine", "--keypoint-frame", "256x192")
    assert done.code == 2
    assert "is for one keypoint file in PATN's format" in done.err
