"""OpenPose's JSON files, valid and invalid."""

import json

import numpy as np
import pytest

from fhpt_bench.benchmark import Benchmark, Pair
from fhpt_bench.data.keypoint_files import read_keypoint_file
from fhpt_bench.data.keypoints import SLICES
from fhpt_bench.data.truth import Truth
from fhpt_bench.errors import UserError
from fhpt_bench.networks.openpose import OpenPoseFolder


def read_keypoints(path):
    return read_keypoint_file(path, (256, 176)).keypoints


def points(n, start=0.0, confidence=0.5):
    """Point i is at (start + i, 2 i + 1)."""
    return [value for i in range(n) for value in (start + i, 2.0 * i + 1, confidence)]


def write(path, *people):
    path.write_text(json.dumps({"version": 1.3, "people": list(people)}))
    return path


def test_coco_order_is_unchanged(tmp_path):
    keypoints = read_keypoints(write(tmp_path / "a.json", {"pose_keypoints_2d": points(18)}))
    assert keypoints.shape == (128, 3)
    assert keypoints[:18].tolist() == [[i, 2 * i + 1, 1] for i in range(18)]
    assert (keypoints[18:, 2] == 0).all()
    assert np.isnan(keypoints[18:, :2]).all()


def test_body_25_without_the_midpoint_of_the_hips_and_the_feet(tmp_path):
    keypoints = read_keypoints(write(tmp_path / "a.json", {"pose_keypoints_2d": points(25)}))
    assert keypoints[:18, 0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]


@pytest.mark.parametrize("n", [68, 70])
def test_pupils_are_dropped_and_hands_keep_their_sides(tmp_path, n):
    person = {
        "pose_keypoints_2d": points(18),
        "face_keypoints_2d": points(n, 100),
        "hand_left_keypoints_2d": points(21, 200),
        "hand_right_keypoints_2d": points(21, 300),
    }
    keypoints = read_keypoints(write(tmp_path / "a.json", person))
    for part, start in (("face", 100), ("hand_left", 200), ("hand_right", 300)):
        assert keypoints[SLICES[part]][0].tolist() == [start, 1, 1]
    assert (keypoints[:, 2] == 1).all()


def test_confidence_zero_is_not_found(tmp_path):
    body = points(18)
    body[3 * 4 : 3 * 5] = [0, 0, 0]
    keypoints = read_keypoints(write(tmp_path / "a.json", {"pose_keypoints_2d": body, "face_keypoints_2d": []}))
    assert np.isnan(keypoints[4, :2]).all()
    assert keypoints[:18, 2].sum() == 17


def test_the_person_with_the_highest_confidence_is_used(tmp_path):
    people = [
        {"pose_keypoints_2d": points(18, start, confidence)} for start, confidence in ((0, 0.2), (50, 0.9), (90, 0.3))
    ]
    assert read_keypoints(write(tmp_path / "a.json", *people))[0, 0] == 50
    assert (read_keypoints(write(tmp_path / "b.json"))[:, 2] == 0).all()


def test_a_folder_with_both_forms_of_names(tmp_path):
    pairs = (Pair("a.jpg", "b.jpg", "ann"), Pair("c.jpg", "d.jpg", "ann"), Pair("e.jpg", "b.jpg", "ann"))
    benchmark = Benchmark("x", "1", "", tmp_path, (256, 176), pairs, {}, Truth(), ())
    write(tmp_path / "a___b_keypoints.json", {"pose_keypoints_2d": points(18)})
    write(tmp_path / "a___b.json", {"pose_keypoints_2d": points(18, 99)})
    write(tmp_path / "c___d.json", {"pose_keypoints_2d": points(18, 7)})
    write(tmp_path / "e___b.json")
    given = OpenPoseFolder(tmp_path, benchmark)
    found = given.vectors(pairs, "generated")
    assert (found.shape, found.dtype) == ((3, 128, 3), np.float32)
    assert found[:2, 0, 0].tolist() == [0, 7]
    assert (found[2, :, 2] == 0).all()
    assert given.vectors(pairs[1:2], "generated")[0, 0, 0] == 7
    assert not given.targets
    with pytest.raises(ValueError, match="no keypoints of the target images"):
        given.vectors(pairs, "target")
    for name, start in (("b", 20), ("d", 30)):
        write(tmp_path / f"{name}_keypoints.json", {"pose_keypoints_2d": points(18, start)})
    both = OpenPoseFolder(tmp_path, benchmark)
    assert both.vectors(pairs, "target")[:, 0, 0].tolist() == [20, 30, 20]
    assert both.sha256 != given.sha256


@pytest.mark.parametrize(
    "content",
    [
        "{",
        '{"people": 3}',
        '{"people": [3]}',
        '{"people": [{"pose_keypoints_2d": [1, 2, 3]}]}',
        '{"people": [{"pose_keypoints_2d": [1, 2]}]}',
        '{"people": [{"hand_left_keypoints_2d": ' + json.dumps(points(20)) + "}]}",
        '{"people": [{"pose_keypoints_2d": ' + json.dumps([*points(17), 1, float("nan"), 1]) + "}]}",
    ],
)
def test_invalid_files_are_named(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(UserError, match=r"a\.json (is not JSON|has none of the formats)"):
        read_keypoints(tmp_path / "a.json")
