"""More of a user's own data: names, frames, missing joints, padding, links, and a folder that disappears."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fhpt_bench as fb
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.keypoint_files import read_keypoint_file
from fhpt_bench.data.layouts import has_plain_sides
from fhpt_bench.data.pose import read_keypoints
from fhpt_bench.errors import UserError
from fhpt_bench.evaluation.run_folder import RunFolder
from fhpt_bench.training import precision
from tests.hostile.conftest import Done, write_benchmark
from tests.own_data.test_keypoint_files import BODY, openpose
from tests.own_data.test_new_benchmark import write_images, write_keypoints
from tests.own_data.test_people_and_poses import keypoints, people_table

Call = Callable[..., Done]


@pytest.fixture
def poses() -> np.ndarray:
    """People in the middle of images of 256x176."""
    return np.random.default_rng(0).uniform([45, 5], [140, 250], (50, 18, 2)).round(1)


def test_a_cluster_that_the_table_lacks(tmp_path: Path) -> None:
    """The reason was that no people are named, although a table of people was there."""
    file = write_benchmark(tmp_path / "data", people='"people.csv"', cluster='"item"')
    people_table(file.with_name("people.csv"))
    with pytest.raises(UserError, match=r"no item of 24 images .* but the benchmark file says cluster = 'item'"):
        load_benchmark(str(file))


def test_joints_a_little_outside_of_ones_own_images(tmp_path: Path, poses: np.ndarray) -> None:
    """Two in a hundred beyond the right edge moved every joint of a 256x176 benchmark by 40 columns."""
    poses[:20, 4, 0] = 178.5
    poses[:30, 7, 0] = 20
    found = read_keypoints(keypoints(tmp_path / "k.csv", poses), (256, 176))
    np.testing.assert_allclose(found["0.png"], poses[0], atol=1e-4)
    wide = poses + np.float32([40, 0])
    found = read_keypoints(keypoints(tmp_path / "k.csv", wide), (256, 176))
    np.testing.assert_allclose(found["40.png"], poses[40], atol=1e-4)


@pytest.mark.parametrize("frame", ["[60, 80]", "[64, 64]"])
def test_a_frame_of_another_shape_needs_its_rule(tmp_path: Path, frame: str) -> None:
    """Height and width the wrong way round, or a cut that was taken for a scale: joints were moved in silence."""
    file = write_benchmark(tmp_path / "data", keypoint_frame=frame)
    with pytest.raises(UserError, match=r"another shape than image_size .* add keypoint_fit"):
        load_benchmark(str(file))
    for number, fit in enumerate(("shift", "scale")):
        load_benchmark(str(write_benchmark(tmp_path / str(number), keypoint_frame=frame, keypoint_fit=f'"{fit}"')))


def test_other_marks_of_missing_joints(tmp_path: Path, poses: np.ndarray) -> None:
    poses[:, 4] = 9999
    with pytest.raises(UserError, match=r"50 joints are far outside .* \(9999, 9999\): write -1 for a missing joint"):
        read_keypoints(keypoints(tmp_path / "k.csv", poses), (256, 176))
    text = (tmp_path / "k.csv").read_text().replace("9999.0", "NaN")
    (tmp_path / "k.csv").write_text(text)
    with pytest.raises(UserError, match="with -1 for a missing joint"):
        read_keypoints(tmp_path / "k.csv", (256, 176))


def test_padding_above_and_below() -> None:
    """`--resize bicubic` squeezed it without a word."""
    noise = np.random.default_rng(0).integers(0, 255, (320, 176, 3), np.uint8)
    assert has_plain_sides(noise, (256, 176)) is False
    noise[:32], noise[-32:] = 0, 255
    assert has_plain_sides(noise, (256, 176)) is True
    assert has_plain_sides(noise[32:-32], (256, 176)) is None
    assert has_plain_sides(noise[31:-31], (256, 176)) is None, "a row is rounding"


def written(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_points_at_the_origin_are_missing(tmp_path: Path) -> None:
    """With a confidence of 1 they were found joints."""
    content = openpose()
    for at in (3, 7):
        content["people"][0]["pose_keypoints_2d"][3 * at : 3 * at + 3] = [0, 0, 1]
    found = read_keypoint_file(written(tmp_path / "a.json", content), (256, 176)).keypoints
    assert np.flatnonzero(found[:18, 2] == 0).tolist() == [3, 7]
    assert np.isnan(found[[3, 7], :2]).all()


def test_a_canvas_of_null_is_not_stated(tmp_path: Path) -> None:
    content = openpose(canvas_width=None, canvas_height=None)
    found = read_keypoint_file(written(tmp_path / "a.json", content), (256, 176))
    assert found.format == "openpose"
    np.testing.assert_allclose(found.keypoints[:18, :2], BODY, atol=0.06)


@pytest.mark.parametrize("how", ["moved", "removed", "replaced"])
def test_a_folder_that_disappears(tmp_path: Path, how: str) -> None:
    """The run ended in a traceback, and left a folder of parts, or files among those of another run."""
    folder = RunFolder(tmp_path / "out", {"model": "a"})
    folder.write("pairs.csv", b"x")
    shutil.move(tmp_path / "out", tmp_path / "elsewhere") if how == "moved" else shutil.rmtree(tmp_path / "out")
    other = RunFolder(tmp_path / "out", {"model": "b"}) if how == "replaced" else None
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match="was moved, removed or replaced while a run wrote into it"):
        folder.write("record.json", b"x")
    assert sorted(tmp_path.rglob("*")) == before
    folder.release()
    if other:
        other.write("record.json", b"y")
        other.release()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fb.run("warp", None), "benchmark must be a text, not NoneType"),  # type: ignore[arg-type]
        (lambda: fb.Evaluator(None), "benchmark must be a text, not NoneType"),  # type: ignore[arg-type]
        (lambda: fb.run("warp", out="a\0b"), "out is a path with a NUL character"),
        (lambda: fb.evaluate("x", layout=None), "layout must be a text, not NoneType"),  # type: ignore[arg-type]
        (lambda: fb.evaluate("x", allow_missing="no"), "allow_missing must be True or False"),  # type: ignore[arg-type]
    ],
)
def test_arguments(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        call()


@pytest.mark.parametrize(
    ("limits", "native"),
    [
        ({}, True),
        ({"DNNL_MAX_CPU_ISA": "AVX2"}, False),
        ({"ONEDNN_MAX_CPU_ISA": "ALL", "DNNL_MAX_CPU_ISA": "AVX2"}, True),
    ],
)
def test_the_older_name_of_onednns_limit(monkeypatch: pytest.MonkeyPatch, limits: dict[str, str], native: bool) -> None:
    import torch

    found = {"architecture": "x86_64", "avx512_bf16": True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in limits.items():
        monkeypatch.setenv(name, value)
    assert precision.has_native_bf16("cpu") == native


def test_names_with_colons_and_linked_folders(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """`data new` wrote a table that it could not read, and left linked folders out."""
    monkeypatch.chdir(tmp_path)
    names = write_images(tmp_path / "mine/images", [f"{p}/{p}{i}.png" for p in ("10:30 Jürgen", "ben") for i in (1, 2)])
    write_keypoints(tmp_path / "files", names)
    shutil.move("mine/images/ben", "ben")
    os.symlink("../../ben", "mine/images/ben")
    os.symlink("../images", "mine/images/again")  # a circle
    done = call("data", "new", "mine", "--keypoints", "files")
    assert done.code == 0, done.err
    assert "people     2, one for each sub-folder, such as 10:30 Jürgen (assumed" in done.out
    assert load_benchmark("mine/mine.toml").images == tuple(sorted(names))
    assert call("data", "check", "mine/mine.toml").code == 0


def test_names_with_blanks_at_their_ends(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are read without such blanks: `data new` wrote a benchmark whose images were not found."""
    monkeypatch.chdir(tmp_path)
    names = write_images(tmp_path / "mine/images", [f"{p}/{i}.png" for p in (" a", "b") for i in (1, 2)])
    write_keypoints(tmp_path / "files", names)
    done = call("data", "new", "mine", "--keypoints", "files")
    assert done.code == 2
    assert "give a name without blanks at its ends" in done.err
