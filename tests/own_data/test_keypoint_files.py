"""Keypoint files of other tools: recognised, scaled from their canvas, brought to one order."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fhpt_bench as fb
from fhpt_bench.data.keypoint_files import read_keypoint_file
from fhpt_bench.data.keypoints import SLICES
from fhpt_bench.errors import UserError
from tests.hostile.conftest import Done, write_benchmark

Call = Callable[..., Done]
SIZE = (256, 176)
# A person's true points by part, in pixels: 18 joints in OpenPose's order, 68 of the face, 21 of each hand.
RANDOM = np.random.default_rng(0)
BODY = RANDOM.uniform([5, 5], [170, 250], (18, 2)).round(1)
BODY[1] = (BODY[2] + BODY[5]) / 2
FACE, LEFT, RIGHT = (RANDOM.uniform([5, 5], [170, 250], (n, 2)).round(1) for n in (68, 21, 21))
# COCO's 17 joints from OpenPose's 18: nose, then left before right from the eyes down.
COCO = BODY[[0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10]]
FEET = np.full((6, 2), 100.0)


def flat(xy: np.ndarray, confidence: float = 0.9) -> list[float]:
    return np.column_stack([xy, np.full(len(xy), confidence)]).ravel().tolist()


def openpose(scale: np.ndarray | float = 1.0, **more: Any) -> dict[str, Any]:
    parts = {"pose": BODY, "face": FACE, "hand_left": LEFT, "hand_right": RIGHT}
    return {"people": [{f"{part}_keypoints_2d": flat(xy * scale) for part, xy in parts.items()}], **more}


def whole(body: np.ndarray) -> np.ndarray:
    return np.concatenate([body, FEET, FACE, LEFT, RIGHT])


SHARE = 1 / np.array([176, 256])
HALPE = np.concatenate([COCO, [[88, 5]], BODY[1:2], [[88, 120]], FEET])
FILES: dict[str, tuple[Any, str, bool]] = {
    "OpenPose": (openpose(), "openpose", True),
    "OpenPose, shares of the image": (openpose(SHARE), "openpose", True),
    "a canvas of half the size": (openpose(0.5, canvas_width=88, canvas_height=128), "dwpose", True),
    "a canvas of another shape": (openpose(np.array([2, 3]), canvas_width=352, canvas_height=768), "dwpose", True),
    "DWPose, shares of a canvas": (openpose(SHARE, canvas_width=512, canvas_height=512), "dwpose", True),
    "ComfyUI, a list of one frame": ([openpose(canvas_width=176, canvas_height=256)], "dwpose", True),
    "MMPose, 133": ([{"keypoints": whole(COCO).tolist(), "keypoint_scores": [0.9] * 133}], "mmpose", True),
    "MMPose's demo, 17": (
        {"meta_info": {}, "instance_info": [{"keypoints": COCO.tolist(), "keypoint_scores": [0.9] * 17}]},
        "mmpose", False,
    ),
    "rtmlib, 134": ({"keypoints": [whole(BODY).tolist()], "scores": [[0.9] * 134]}, "rtmlib", True),
    "AlphaPose, 17": ([{"image_id": "a.png", "keypoints": flat(COCO), "score": 2.5}], "alphapose", False),
    "AlphaPose, Halpe 136": (
        [{"image_id": "a.png", "keypoints": flat(np.concatenate([HALPE, FACE, LEFT, RIGHT])), "score": 2.5}],
        "alphapose", True,
    ),
    "COCO-WholeBody results": (
        [{"image_id": 1, "keypoints": flat(COCO), "foot_kpts": flat(FEET), "face_kpts": flat(FACE),
          "lefthand_kpts": flat(LEFT), "righthand_kpts": flat(RIGHT), "score": 0.9}], "coco-wholebody", True,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "tool", "parts"), FILES.values(), ids=FILES)
def test_every_tool_gives_the_same_points(tmp_path: Path, content: Any, tool: str, parts: bool) -> None:
    file = tmp_path / "x.json"
    file.write_text(json.dumps(content))
    found = read_keypoint_file(file, SIZE)
    assert found.format == tool
    np.testing.assert_allclose(found.keypoints[SLICES["body"], :2], BODY, atol=0.06)
    for part, true in (("face", FACE), ("hand_left", LEFT), ("hand_right", RIGHT)):
        if parts:
            np.testing.assert_allclose(found.keypoints[SLICES[part], :2], true, atol=0.06)
        else:
            assert np.isnan(found.keypoints[SLICES[part], :2]).all()


def test_missing_points(tmp_path: Path) -> None:
    """By each tool's own convention: 0, null, a negative coordinate, a low score."""
    content = openpose(canvas_width=176, canvas_height=256)
    person = content["people"][0]
    person["pose_keypoints_2d"][9:12] = [0, 0, 0]
    person["hand_left_keypoints_2d"] = None
    person["hand_right_keypoints_2d"][:3] = [-0.3, 5, 1]
    (tmp_path / "a.json").write_text(json.dumps(content))
    found = read_keypoint_file(tmp_path / "a.json", SIZE).keypoints
    assert np.isnan(found[3, :2]).all()
    assert found[4, 2] == 1
    assert (found[SLICES["hand_left"], 2] == 0).all()
    assert found[SLICES["hand_right"], 2].tolist() == [0] + [1] * 20
    scores = [0.9] * 17
    scores[5] = 0.29
    (tmp_path / "b.json").write_text(json.dumps([{"keypoints": COCO.tolist(), "keypoint_scores": scores}]))
    found = read_keypoint_file(tmp_path / "b.json", SIZE).keypoints
    assert found[5, 2] == 0, "the left shoulder"
    assert found[1, 2] == 0, "and with it the neck"
    (tmp_path / "c.json").write_text('{"people": []}')
    assert (read_keypoint_file(tmp_path / "c.json", SIZE).keypoints[:, 2] == 0).all()


def test_a_joint_a_little_outside_of_the_canvas(tmp_path: Path) -> None:
    """One share above 1 made all of them pixels."""
    content = openpose(SHARE, canvas_width=512, canvas_height=512)
    content["people"][0]["pose_keypoints_2d"][1] = 1.05
    (tmp_path / "a.json").write_text(json.dumps(content))
    found = read_keypoint_file(tmp_path / "a.json", SIZE).keypoints
    np.testing.assert_allclose(found[1, :2], BODY[1], atol=0.06)
    assert found[0, 1] == pytest.approx(1.05 * 256, rel=1e-5)
    one = {"people": [{"pose_keypoints_2d": [0.0, 1.0, 0.9] + [0.0] * 51}]}
    (tmp_path / "b.json").write_text(json.dumps(one))
    assert read_keypoint_file(tmp_path / "b.json", SIZE).keypoints[0].tolist() == [0, 1, 1], (
        "a single point is in pixels"
    )


def test_the_person_with_the_most_confidence(tmp_path: Path) -> None:
    content = openpose()
    other = {"pose_keypoints_2d": flat(BODY / 2, 0.2)}
    content["people"].insert(0, other)
    (tmp_path / "a.json").write_text(json.dumps(content))
    assert read_keypoint_file(tmp_path / "a.json", SIZE).keypoints[0, 0] == np.float32(BODY[0, 0])


REFUSED = {
    "an infinite point": (
        [{"keypoints": [["inf", 5]] * 17, "keypoint_scores": [0.9] * 17}],
        "not finite, or too large",
    ),
    "a far point": ([{"keypoints": [[1e9, 5]] * 17, "keypoint_scores": [1] * 17}], "not finite, or too large"),
    "a canvas that is no number": (openpose(canvas_width="nan", canvas_height=9), "its canvas is"),
    "an endless canvas": (openpose(canvas_width=1e90, canvas_height=9), "its canvas is"),
    "three columns": ([{"keypoints": [[1, 2, 3]] * 12, "keypoint_scores": [0.9] * 18}], r"not \(x, y\) with one score"),
    "unknown keys": ({"people": [{"pose_keypoints_3d": [1.0] * 54}]}, "a person has none of pose_keypoints_2d"),
    "another tool": (
        {"poses": [1]},
        "has none of the formats of OpenPose, DWPose, MMPose, rtmlib, AlphaPose or COCO-WholeBody",
    ),
    "a number": (3, "it holds int"),
    "21 points": (
        [{"keypoints": [[1, 2]] * 21, "keypoint_scores": [1] * 21}],
        "a person has 21 points; known are 17, 18",
    ),
    "several images": (
        [{"image_id": f"{i}.png", "keypoints": flat(COCO)} for i in (1, 2)],
        "holds 2 images: write one file",
    ),
    "numbered images": ([{"image_id": i, "keypoints": flat(COCO)} for i in (1, 2)], "numbers its 2 images"),
    "a canvas of nothing": (openpose(canvas_width=0, canvas_height=9), "its canvas is 0 x 9"),
    "half a canvas": (openpose(canvas_width=9), "it lacks 'canvas_height'"),
    "a face of 5": ({"people": [{"pose_keypoints_2d": flat(BODY), "face_keypoints_2d": [1.0] * 15}]}, "has 5 points"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_known_is_refused_with_the_formats(tmp_path: Path, content: Any, message: str) -> None:
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=message):
        read_keypoint_file(tmp_path / "x.json", SIZE)


@pytest.mark.parametrize("tool", ["OpenPose", "a canvas of half the size", "MMPose, 133"])
def test_they_serve_as_keypoints_of_a_run(tmp_path: Path, tool: str, call: Call) -> None:
    """Perfect keypoints from a canvas of half the size gave PCKh 0.000."""
    file = write_benchmark(tmp_path / "data")
    poses = {f"p{person:02}_{i}.png": BODY * (48 / 176, 64 / 256) for person in range(12) for i in (0, 1)}
    lines = [f"{name}: {pose[:, 1].tolist()}: {pose[:, 0].tolist()}" for name, pose in poses.items()]
    file.with_name("keypoints.csv").write_text("\n".join(lines) + "\n")
    given = tmp_path / "keypoints"
    given.mkdir()
    content = json.loads(json.dumps(FILES[tool][0]))
    scale = np.array([48 / 176, 64 / 256])
    if "canvas" in tool:
        content["canvas_width"], content["canvas_height"] = 88, 128  # the image has another size: scaled by both
    elif tool == "OpenPose":
        content = openpose(scale)
    else:
        content[0]["keypoints"] = (np.array(content[0]["keypoints"]) * scale).tolist()
    for line in (file.parent / "pairs.csv").read_text().split()[1:]:
        source, target = (name[:-4] for name in line.split(","))
        (given / f"{source}___{target}.json").write_text(json.dumps(content))
    done = call("run", "-m", "copy-source", "-b", file, "-p", "pckh", "--keypoints", given, "-o", tmp_path / "out")
    assert done.code == 0, done.err
    assert f"recognised as {FILES[tool][1]}" in done.err
    record = fb.read_record(tmp_path / "out")
    assert record["pckh"].value == 1
    assert f"{FILES[tool][1]}-json" in record.protocols[0].features
    assert call("validate", tmp_path / "out").code == 0


def test_files_of_two_tools_are_refused(tmp_path: Path, call: Call) -> None:
    file = write_benchmark(tmp_path / "data")
    given = tmp_path / "keypoints"
    given.mkdir()
    for i, line in enumerate((file.parent / "pairs.csv").read_text().split()[1:]):
        source, target = (name[:-4] for name in line.split(","))
        content = openpose(0.2) if i else [{"keypoints": (COCO * 0.2).tolist(), "keypoint_scores": [0.9] * 17}]
        (given / f"{source}___{target}.json").write_text(json.dumps(content))
    done = call("run", "-m", "copy-source", "-b", file, "-p", "pckh", "--keypoints", given, "-o", tmp_path / "out")
    assert done.code == 2
    assert "mixes keypoint files of several tools" in done.err
