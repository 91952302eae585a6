"""A benchmark from images alone, from keypoint files of other tools, and the commands of docs/benchmark.md."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fhpt_bench as fb
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.keypoints import SLICES
from tests.hostile.conftest import Done, write_benchmark
from tests.own_data.test_keypoint_files import BODY, COCO, FACE, LEFT, RIGHT, flat, openpose

Call = Callable[..., Done]
SIZE = (256, 176)
PAGE = Path(__file__).parents[2] / "docs" / "benchmark.md"


def write_images(folder: Path, names: list[str], size: tuple[int, int] = SIZE) -> list[str]:
    random = np.random.default_rng(0)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 255, (*size, 3), np.uint8)).save(folder / name)
    return names


def nested(people: int = 3) -> list[str]:
    return [f"person {p}/{i}.png" for p in range(people) for i in (1, 2, 3)]


def write_keypoints(folder: Path, names: list[str], end: str = "_keypoints.json") -> Path:
    for number, name in enumerate(names):
        file = folder / (name.rpartition(".")[0] + end)
        file.parent.mkdir(parents=True, exist_ok=True)
        content = openpose()
        if number % 2:
            del content["people"][0]["face_keypoints_2d"]
        file.write_text(json.dumps(content))
    return folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_folders_are_people_and_files_are_mirrored(place: Path, call: Call) -> None:
    names = write_images(place / "mine/images", nested())
    keypoints = write_keypoints(place / "files", names)
    done = call("data", "new", "mine", "--keypoints", keypoints)
    assert done.code == 0, done.err
    assert "9 below mine/images, each 176 wide and 256 high" in done.out
    assert "people     3, one for each sub-folder, such as person 0 (assumed" in done.out
    assert "pairs      18: every two images of a person" in done.out
    assert "18.0 of 18 joints on average, from openpose; face of 5 images, hand left of 9 images" in done.out
    loaded = load_benchmark("mine/mine.toml")
    assert (loaded.people, len(loaded.pairs), loaded.image_size) == ("3 people", 18, SIZE)
    assert loaded.pairs[0].id == "person 0_2___person 0_1"
    np.testing.assert_allclose(loaded.poses["person 1/2.png"], BODY, atol=1e-4)
    assert set(loaded.truth.keypoints) == {"face", "hand_left", "hand_right"}
    np.testing.assert_allclose(loaded.truth.keypoints["face"]["person 0/1.png"][:, :2], FACE, atol=1e-4)
    assert not loaded.truth.keypoints["face"]["person 0/2.png"][:, 2].any()
    record = fb.run("copy-source", "mine/mine.toml", "ssim,pckh")
    assert (record["ssim"].n, record["ssim"].interval) == (18, None), "too few people for an interval"
    assert sorted(path.name for path in (record.folder / "images").iterdir())[0] == "person 0_1___person 0_2.png"
    assert call("validate", record.folder).code == 0
    assert call("evaluate", record.folder / "images", "--name", "again", "-b", "mine/mine.toml", "-p", "ssim").code == 0
    assert fb.read_record(Path("runs/mine/again"))["ssim"].value == record["ssim"].value


def test_the_same_command_again_and_another_one(place: Path, call: Call) -> None:
    names = write_images(place / "mine/images", nested(2))
    keypoints = write_keypoints(place / "files", names)
    assert call("data", "new", "mine", "--keypoints", keypoints).code == 0
    before = {path.name: path.read_bytes() for path in (place / "mine").iterdir() if path.is_file()}
    assert set(before) == {"pairs.csv", "keypoints.csv", "people.csv", "truth.npz", "mine.toml", ".lock"}
    (place / "mine/keypoints.csv").unlink()
    assert call("data", "new", "mine", "--keypoints", keypoints).code == 0
    assert {path.name: path.read_bytes() for path in (place / "mine").iterdir() if path.is_file()} == before
    (place / "mine/pairs.csv").write_text("from,to\nmy,own\n")
    (place / "mine/mine.toml").unlink()
    done = call("data", "new", "mine", "--keypoints", keypoints)
    assert (done.code, (place / "mine/pairs.csv").read_text()) == (2, "from,to\nmy,own\n")
    assert "mine/pairs.csv exists with another content: remove it, or choose another path" in done.err
    assert not (place / "mine/mine.toml").exists()


def test_lists_and_tables_of_the_user(place: Path, call: Call) -> None:
    names = write_images(place / "photos", ["a1.png", "a2.png", "b1.png", "b2.png", "c.png"])
    write_keypoints(place / "files", names[:4], ".json")
    (place / "pairs.csv").write_text("source;target\na1.png;a2.png\nb2.png;b1.png\n")
    (place / "people.csv").write_text("image\tperson\tgender\n" + "".join(f"{n}\t{n[0]}\tmen\n" for n in names))
    words = ["data", "new", "mine", "--images", "photos", "--keypoints", "files", "--pairs", "pairs.csv"]
    done = call(*words, "--people", "people.csv", "--id", "two-people")
    assert done.code == 0, done.err
    loaded = load_benchmark("mine/two-people.toml")
    assert [(p.source, p.target, p.person) for p in loaded.pairs] == [
        ("a1.png", "a2.png", "a"),
        ("b2.png", "b1.png", "b"),
    ]
    assert loaded.facts("b1.png").gender == "MEN"  # type: ignore[union-attr]
    assert "left out: 1 image (c.png) without a pose" in done.out
    without = call(*words, "--id", "nobody")
    assert "people     not named, so that no score gets an interval: give --people" in without.out


def test_poses_are_estimated_if_none_are_given(place: Path, call: Call) -> None:
    studio = load_benchmark("studio", limit=3)
    for number, pair in enumerate(studio.pairs):
        for side, name in (("s", pair.source), ("t", pair.target)):
            target = place / f"mine/images/{number}/{side}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.open(studio.folder / name).convert("RGB").save(target)
    done = call("data", "new", "mine")
    assert done.code == 0, done.err
    assert "(assumed; give --keypoints for others)" in done.out
    loaded = load_benchmark("mine/mine.toml")
    assert not loaded.truth.keypoints, "an estimate is no ground truth"
    close = [
        np.abs(loaded.poses[f"{number}/t.png"] - studio.poses[pair.target]).max(1) < 12
        for number, pair in enumerate(studio.pairs)
        if f"{number}/t.png" in loaded.poses
    ]
    assert np.concatenate(close).sum() > 20


def mixed_sizes(place: Path) -> None:
    write_images(place / "mine/images", ["a/1.png"], (64, 48))


def clash(place: Path) -> None:
    write_images(place / "mine/images", ["person 0_1.png"])


def flat_folder(place: Path) -> None:
    for file in sorted((place / "mine/images").rglob("*.png")):
        file.rename(place / "mine/images" / f"{file.parent.name}-{file.name}")


def alphapose(place: Path) -> None:
    names = [f"person {p}_{i}.png" for p in range(2) for i in (1, 2, 3)]
    rows = [{"image_id": name, "keypoints": flat(COCO), "score": 2.0} for name in names]
    (place / "files/alphapose-results.json").write_text(json.dumps(rows))


def two_files(place: Path) -> None:
    shown = json.dumps(openpose())
    (place / "files/person 0_1.json").write_text(shown)


def other_tool(place: Path) -> None:
    content = [{"keypoints": COCO.tolist(), "keypoint_scores": [0.9] * 17}]
    (place / "files/person 0/1_keypoints.json").write_text(json.dumps(content))


BROKEN: dict[str, tuple[Callable[[Path], None], list[str], str]] = {
    "several sizes": (mixed_sizes, [], "have 2 sizes, 1 of 48x64 .*: bring them to one size"),
    "the same name": (clash, [], "are both named person 0_1: rename one"),
    "no people": (flat_folder, ["--keypoints", "files"], "is named after an image|the people in .* are not named"),
    "two files of an image": (two_files, ["--keypoints", "files"], "both have keypoints of person 0/1.png"),
    "results beside files": (alphapose, ["--keypoints", "files"], "both have keypoints of|of several tools"),
    "two tools": (other_tool, ["--keypoints", "files"], r"of several tools: .*mmpose"),
    "no images": (lambda place: None, ["--images", "nowhere"], "There is no folder nowhere"),
    "an empty folder": (lambda place: (place / "e").mkdir(), ["--images", "e"], "holds no image"),
    "no keypoint files": (lambda place: None, ["--keypoints", "mine"], "There is no JSON file in mine"),
    "a bad id": (lambda place: None, ["--id", "My Data"], "cannot be used: give --id with lower case"),
    "a list of others": (
        lambda place: (place / "p.csv").write_text("from,to\nx.png,y.png\n"),
        ["--pairs", "p.csv", "--keypoints", "files"], r"2 images \(x.png, y.png\) of the pair list p.csv are not below",
    ),
    "people of others": (
        lambda place: (place / "p.csv").write_text("image,person\nx.png,1\n"),
        ["--people", "p.csv"], "has no line for 6 images",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "words", "message"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_used_is_refused(
    place: Path, call: Call, change: Callable[[Path], None], words: list[str], message: str
) -> None:
    names = write_images(place / "mine/images", nested(2))
    write_keypoints(place / "files", names)
    change(place)
    done = call("data", "new", "mine", *words)
    assert done.code == 2
    assert re.search(message, done.err), done.err
    assert done.err.count("\n") == 1 or "━" in done.err
    assert [path.name for path in (place / "mine").iterdir()] == ["images"]


OPEN = {"version": "AlphaPose v0.3", "people": [{"pose_keypoints_2d": flat(BODY, 2.5)}]}


@pytest.mark.parametrize("content", ["results", "open"])
def test_one_file_of_alphapose_for_all_images(place: Path, call: Call, content: str) -> None:
    names = write_images(place / "images", ["a1.png", "a2.png", "b1.png"])
    rows = [{"image_id": name, "category_id": 1, "keypoints": flat(COCO), "score": 2.0} for name in names[:2]]
    whole = rows if content == "results" else dict.fromkeys([*names[:2], "of-no-image.png"], OPEN)
    (place / "r.json").write_text(json.dumps(whole))
    done = call("data", "keypoints", "r.json", "--images", "images", "--to", "k.csv")
    assert done.code == 0, done.err
    assert "recognised alphapose: 2 of 3 images with a body" in done.out
    assert "missing    1 image (b1.png) without keypoints" in done.out
    assert ("of-no-image.png" in done.out) == (content == "open")
    assert not (place / "k.npz").exists()
    poses = fb.data.pose.read_keypoints(place / "k.csv", SIZE)
    assert sorted(poses) == ["a1.png", "a2.png"]
    np.testing.assert_allclose(poses["a2.png"], BODY, atol=0.06)


def test_the_table_with_face_and_hands(place: Path, call: Call) -> None:
    names = write_images(place / "images", nested(1))
    write_keypoints(place / "files", [name.replace("/", "_") for name in names], ".json")
    done = call("data", "keypoints", "files", "--images", "images", "--to", "k.csv")
    assert "k.npz (face of 2 images, hand left of 3 images, hand right of 3 images)" in done.out
    truth = fb.data.truth.read_truth(place / "k.npz", None)
    for part, points in (("hand_left", LEFT), ("hand_right", RIGHT)):
        assert points.shape[0] == SLICES[part].stop - SLICES[part].start
        np.testing.assert_allclose(truth.keypoints[part]["person 0/3.png"][:, :2], points, atol=1e-4)
    assert call("data", "keypoints", "files", "--images", "images", "--to", "k.csv").code == 0, "the same again"
    (place / "k.npz").write_bytes(b"mine")
    refused = call("data", "keypoints", "files", "--images", "images", "--to", "k.csv")
    assert (refused.code, (place / "k.npz").read_bytes()) == (2, b"mine")
    assert call("data", "keypoints", "files", "--images", "images", "--to", "k.json").code == 2


def blocks(kind: str) -> list[str]:
    """The contents of the page's code blocks of a kind."""
    parts = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [content for name, content in parts if name == kind]


def test_the_page_is_run(place: Path, call: Call) -> None:
    """Every command of docs/benchmark.md, on images at the place that it names."""
    studio = load_benchmark("studio", limit=4)
    for number, pair in enumerate(studio.pairs):
        for side, name in (("1", pair.source), ("2", pair.target)):
            target = place / f"my-people/images/{number}/{side}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.open(studio.folder / name).convert("RGB").save(target)
    names = [f"{n}/{side}.png" for n in range(4) for side in "12"]
    write_keypoints(place / "openpose-files", names)
    (toml,) = blocks("toml")
    (place / "my.toml").write_text(toml)
    (place / "images").symlink_to(place / "my-people/images")
    rows = [f"{name}: {(BODY[:, 1] * 2).tolist()}: {(BODY[:, 0] * 2).tolist()}" for name in names]
    (place / "people.csv").write_text("image,person\n" + "".join(f"{name},{name[0]}\n" for name in names))
    (place / "pairs.csv").write_text("from,to\n0/1.png,0/2.png\n1/1.png,1/2.png\n")
    commands = [line for block in blocks("") for line in block.splitlines() if line.startswith("fhpt-bench")]
    assert len(commands) == 10
    for line in commands:
        if "--to" not in line and "my.toml" in line:
            (place / "keypoints.csv").write_text("\n".join(rows) + "\n")
        done = call(*shlex.split(line)[1:])
        assert done.code == 0, (line, done.err)
        if "anchors" in line:
            assert re.match(r"\[anchors\] # pixels\nbody = \d+\n", done.out)
            toml_file = place / "my-people/my-people.toml"
            toml_file.write_text(toml_file.read_text() + "\n" + done.out)
            assert load_benchmark(str(toml_file)).anchors["body"] > 0
    assert load_benchmark("my.toml").poses["0/1.png"][2].tolist() == pytest.approx(BODY[2].tolist(), abs=1e-3)


def test_anchors_of_some_parts(place: Path, call: Call) -> None:
    """A missing anchor made the whole file wrong; now the part is skipped with the reason."""
    file = write_benchmark(place / "data", anchors="{body = 20}")
    done = call("run", "-m", "copy-source", "-b", file, "-p", "kec", "--limit", 3, "-o", place / "out")
    assert done.code == 0, done.err
    assert "3 pairs without an anchor for the face in the benchmark file" in done.out
    record = fb.read_record(place / "out")
    scores = {score.metric: score for score in record.scores}
    assert (scores["body"].value, scores["body"].n) == (0, 3), "noise shows nobody"
    assert (scores["face"].value, scores["hands"].value) == (None, None)
    assert call("validate", place / "out").code == 0


def test_a_folder_of_another_command_is_refused(place: Path, call: Call) -> None:
    write_images(place / "images", nested(2))
    write_keypoints(place / "files", nested(2))
    (place / "out").mkdir()
    (place / "out/run.json").write_text("{}")
    done = call("data", "new", "out", "--images", "images", "--keypoints", "files")
    assert (done.code, [path.name for path in (place / "out").iterdir()]) == (2, ["run.json"])
    assert "holds run.json of another command" in done.err
