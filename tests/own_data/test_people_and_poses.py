"""Own data: people are named, not guessed; keypoints belong to the images, or are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import fhpt_bench as fb
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.people import read_people
from fhpt_bench.data.pose import read_keypoints
from fhpt_bench.errors import UserError
from tests.hostile.conftest import Done, write_benchmark

Call = Callable[..., Done]


def people_table(path: Path, columns: str = "image,person", more: str = "") -> Path:
    rows = [f"p{person:02}_{i}.png,person {person}{more}" for person in range(12) for i in (0, 1)]
    path.write_text("\n".join([columns, *rows]) + "\n")
    return path


def test_people_are_not_guessed_from_names(tmp_path: Path, call: Call) -> None:
    """Names such as p00_0.png gave "24 pairs of 24 people" and an interval over them."""
    file = write_benchmark(tmp_path / "data")
    loaded = load_benchmark(str(file))
    assert not loaded.clusters_known
    assert not loaded.people_known
    record = fb.run("copy-source", str(file), "psnr", out=tmp_path / "out")
    assert record["psnr"].interval is None
    assert record.benchmark.people == 0
    done = call("run", "-m", "copy-source", "-b", file, "-o", tmp_path / "out", "-p", "psnr")
    assert "no intervals: the benchmark does not name its people; give people = FILE" in done.out
    assert "does not name its people" in call("leaderboard", "--records", tmp_path / "out").out
    assert "24 of people who are not named" in " ".join(call("benchmarks", file).out.split())
    assert "people     not named" in call("data", "check", file).out


def test_a_table_names_them(tmp_path: Path, call: Call) -> None:
    file = write_benchmark(tmp_path / "data", people='"people.csv"')
    people_table(file.with_name("people.csv"))
    assert load_benchmark(str(file)).people == "12 people"
    record = fb.run("copy-source", str(file), "psnr", out=tmp_path / "out")
    assert record["psnr"].interval is not None
    assert record.benchmark.people == 12
    # Two people instead of twelve: too few for an interval.
    rows = [f"p{person:02}_{i}.png,{person % 2}" for person in range(12) for i in (0, 1)]
    file.with_name("people.csv").write_text("\n".join(["image,person", *rows]))
    assert load_benchmark(str(file)).people == "2 people"
    assert fb.run("copy-source", str(file), "psnr", out=tmp_path / "out2")["psnr"].interval is None


def test_its_facts_serve_subsets(tmp_path: Path) -> None:
    file = write_benchmark(tmp_path / "data", people='"people.csv"')
    rows = ["image,person,item,gender,view"]
    for person in range(12):
        gender = "men" if person < 4 else "WOMEN"
        rows += [f"p{person:02}_{i}.png,{person},garment {person // 2},{gender},{('front', 'back')[i]}" for i in (0, 1)]
    file.with_name("people.csv").write_text("\n".join(rows))
    loaded = load_benchmark(str(file))
    assert [len(loaded.restricted(subset).pairs) for subset in ("men", "women", "view=back")] == [8, 16, 12]
    assert loaded.facts("p00_0.png").item == "garment 0"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("person,image\n1,a.png\n", ""),
        ("image\na.png\n", "must be image,person,item,gender,view"),
        ("image,person,age\na.png,1,2\n", "must be image,person"),
        ("image,person\na.png\n", "Line 2 .* does not have one value"),
        ("image,person\na.png,1,2\n", "Line 2 .* does not have one value"),
        ("image,person\na.png,1\na.png,2\n", "gives a.png a second person"),
        ("image,person,gender\na.png,1,x\n", "the gender 'x': write MEN, WOMEN"),
        ("image,person,view\na.png,1,top\n", "the view 'top'"),
        ("image,person\n", "is empty"),
    ],
)
def test_tables_of_people(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "people.csv").write_text(content)
    if not message:
        assert read_people(tmp_path / "people.csv")["a.png"].person == "1"
        return
    with pytest.raises(UserError, match=message):
        read_people(tmp_path / "people.csv")


def test_a_table_without_a_line_for_an_image(tmp_path: Path) -> None:
    file = write_benchmark(tmp_path / "data", people='"people.csv"')
    file.with_name("people.csv").write_text("image,person\np00_0.png,1\n")
    with pytest.raises(UserError, match=r"has no line for p00_1\.png: add one"):
        load_benchmark(str(file))


def test_a_pair_of_two_people(tmp_path: Path) -> None:
    """It was measured: the target of such a pair is not what the model has to generate."""
    file = write_benchmark(tmp_path / "data", people='"people.csv"')
    people_table(file.with_name("people.csv"))
    text = file.with_name("people.csv").read_text()
    file.with_name("people.csv").write_text(text.replace("p03_1.png,person 3", "p03_1.png,person 4"))
    with pytest.raises(UserError, match=r"p03_0\.png, p03_1\.png .* two people, person 3 and person 4"):
        load_benchmark(str(file))


def keypoints(path: Path, joints: np.ndarray) -> Path:
    """A keypoint file of (N, 18, 2) x and y."""
    lines = [f"{i}.png: {pose[:, 1].tolist()}: {pose[:, 0].tolist()}" for i, pose in enumerate(joints)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def joints() -> np.ndarray:
    return np.random.default_rng(0).uniform([2, 2], [432, 500], (20, 18, 2)).round(1)


def test_the_frame_is_never_guessed(tmp_path: Path, joints: np.ndarray) -> None:
    """Images 352 wide with joints up to x = 432: every joint moved right by 48."""
    file = keypoints(tmp_path / "k.csv", joints)
    with pytest.raises(UserError, match=r"\d+% of the joints are outside the 352x512 .* to 43.*keypoint_frame"):
        read_keypoints(file, (512, 352))
    found = read_keypoints(file, (512, 440))
    np.testing.assert_allclose(found["0.png"], joints[0], atol=1e-4)


def test_all_joints_in_a_quarter_are_refused(tmp_path: Path, joints: np.ndarray) -> None:
    for scale in (1 / 512, 0.45):
        file = keypoints(tmp_path / "k.csv", (joints * scale).round(4))
        with pytest.raises(UserError, match="all joints are in the top left quarter"):
            read_keypoints(file, (512, 440))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"keypoint_frame": "[80, 60]"}, lambda xy: xy * 0.8),
        ({"keypoint_frame": "[80, 60]", "keypoint_fit": '"scale"'}, lambda xy: xy * 0.8),
        ({"keypoint_frame": "[64, 88]", "keypoint_fit": '"shift"'}, lambda xy: xy - (20, 0)),
        ({"keypoint_frame": "[96, 48]", "keypoint_fit": '"shift"'}, lambda xy: xy - (0, 16)),
    ],
)
def test_a_stated_frame(tmp_path: Path, settings: dict[str, str], expected: Callable) -> None:
    file = write_benchmark(tmp_path / "data", **settings)
    pose = next(iter(load_benchmark(str(file)).poses.values()))
    np.testing.assert_allclose(pose[0], expected(np.array([40.0, 50.0])), atol=1e-4)


def test_repeated_origins_are_missing_joints(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """(0, 0) for a missing joint counted as a joint at the corner."""
    poses = np.random.default_rng(0).uniform(10, 100, (4, 18, 2)).round(1)
    poses[:, 3] = 0
    found = read_keypoints(keypoints(tmp_path / "k.csv", poses), (128, 128))
    assert all(np.isnan(pose[3]).all() and np.isfinite(np.delete(pose, 3, 0)).all() for pose in found.values())
    assert caplog.text.count("at exactly (0, 0)") == 1
    poses[1:, 3] = 5
    assert (read_keypoints(keypoints(tmp_path / "k.csv", poses), (128, 128))["0.png"][3] == 0).all(), (
        "a single one is one"
    )


def test_hardly_any_joint(tmp_path: Path, call: Call) -> None:
    file = write_benchmark(tmp_path / "data")
    text = file.with_name("keypoints.csv").read_text()
    few = text.replace(json.dumps([50] * 18), json.dumps([50, 50] + [-1] * 16))
    file.with_name("keypoints.csv").write_text(few)
    done = call("data", "check", file)
    assert done.code == 1
    assert "2.0 of 18 joints of an image on average" in done.out
    file.with_name("keypoints.csv").write_text(text.replace(json.dumps([50] * 18), json.dumps([-1] * 18)))
    with pytest.raises(UserError, match="has no joint at all"):
        load_benchmark(str(file))
