"""File names, pair lists, keypoint files and truth tables, valid and invalid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.keypoints import PARTS
from fhpt_bench.data.names import parse_name
from fhpt_bench.data.pairs import read_pairs
from fhpt_bench.data.pose import read_keypoints
from fhpt_bench.data.truth import read_truth
from fhpt_bench.errors import UserError


@pytest.mark.parametrize(
    ("name", "person", "view"),
    [
        ("fashionWOMENBlouses_Shirtsid0000069302_3back.jpg", "WOMEN-Blouses_Shirts-00000693-02", "back"),
        ("fasionMENJackets_Vestsid0000001201_4full.png", "MEN-Jackets_Vests-00000012-01", "full"),
        ("fashionWOMENTees_Tanksid0000783805_6flat.jpg", "WOMEN-Tees_Tanks-00007838-05", "flat"),
    ],
)
def test_names_are_parsed(name: str, person: str, view: str) -> None:
    parsed = parse_name(name)
    assert parsed is not None
    assert (parsed.person, parsed.view) == (person, view)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a.jpg",
        "fashionBOYSTeesid0000069302_3back.jpg",
        "fashionWOMENTeesid000069302_3back.jpg",
        "fashionWOMENTeesid0000069302_3up.jpg",
    ],
)
def test_other_names_are_not_parsed(name: str) -> None:
    assert parse_name(name) is None


def test_pair_list_with_any_column_order_and_line_ends(tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_bytes("\ufeffto,from,note\r\nb.jpg, a.jpg ,x\r\nc.jpg,a.jpg,y\r\n".encode())
    assert read_pairs(file) == [("a.jpg", "b.jpg"), ("a.jpg", "c.jpg")]


@pytest.mark.parametrize(
    "content", ["from;to\na b.jpg;c,d.jpg\n", "from\tto\na b.jpg\tc,d.jpg\n", 'to,src\n"c,d.jpg",a b.jpg\n']
)
def test_pair_list_with_other_separators_and_names(tmp_path: Path, content: str) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text(content)
    assert read_pairs(file) == [("a b.jpg", "c,d.jpg")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("from,to\n", "has no pair"),
        ("", "is empty"),
        ("one,two\na.jpg,b.jpg\n", "no column 'from' and no column 'to'"),
        ("from,to,src\na.jpg,b.jpg,c.jpg\n", "no column 'from'"),
        ("a.jpg,b.jpg\n", "no column 'from'"),
        ("from,to\na.jpg,b.jpg\na.jpg,b.jpg\n", "Line 3 .* repeats"),
        ("from,to\na.jpg,b.jpg\na.png,c.jpg\n", r"Line 3 .* a\.png.* a\.jpg: two images with the same name"),
        ("from,to\na.jpg;b.jpg\n", "Line 2 .* does not have one value for each of from,to"),
        ("from,to\na.jpg,b.jpg,c.jpg\n", "Line 2 .* does not have one value for each of from,to"),
        ("from,to\na.jpg,\n", "Line 2 .* has a missing name"),
        ("from,to\nann/1.jpg,b.jpg\nb.jpg,ann_1.jpg\n", "two images with the same name 'ann_1'"),
        ("from,to\na.jpg,\0\n", "contains zero bytes"),
        ("from,to\n/etc/a.jpg,b.jpg\n", "give a path below the folder of the images"),
        ("from,to\n..\\x.jpg,b.jpg\n", "give a path below the folder of the images"),
        ("from,to\na/../../x.jpg,b.jpg\n", "give a path below the folder of the images"),
        ("from,to\n./x.jpg,b.jpg\n", "give a path below the folder of the images"),
        ("from,to\na//x.jpg,b.jpg\n", "give a path below the folder of the images"),
        ("from,to\n.git/x.jpg,b.jpg\n", "give a path below the folder of the images"),
    ],
)
def test_wrong_pair_list_is_refused(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text(content)
    with pytest.raises(UserError, match=message):
        read_pairs(file)


def keypoints(xs: list[float], ys: list[float], name: str = "a.jpg") -> str:
    return f"name:keypoints_y:keypoints_x\n{name}: {ys}: {xs}\n"


def test_keypoints_are_x_then_y_and_missing_is_nan(tmp_path: Path) -> None:
    file = tmp_path / "k.csv"
    file.write_text(keypoints([10.5, -1, *range(16)], [20, -1, *range(16)]))
    pose = read_keypoints(file, (256, 176))["a.jpg"]
    assert pose.shape == (18, 2)
    assert pose[0].tolist() == [10.5, 20]
    assert np.isnan(pose[1]).all()
    assert pose[17].tolist() == [15, 15]


def test_wide_frame_is_shifted_to_the_crop(tmp_path: Path) -> None:
    file = tmp_path / "k.csv"
    file.write_text(keypoints([200, -1, *range(40, 56)], [1] * 18))
    pose = read_keypoints(file, (256, 176))["a.jpg"]
    assert pose[0, 0] == 160
    assert np.isnan(pose[1]).all()
    assert pose[2, 0] == 0


def test_a_few_joints_beyond_the_edge_do_not_make_a_frame_wide(tmp_path: Path) -> None:
    file = tmp_path / "k.csv"
    rows = [f"{i}.jpg: {[1] * 18}: {[205 if i == 7 else 88] + [88] * 17}" for i in range(20)]
    file.write_text("name:keypoints_y:keypoints_x\n" + "\n".join(rows))
    assert read_keypoints(file, (256, 176))["7.jpg"][:2, 0].tolist() == [205, 88]


@pytest.mark.parametrize("header", ["name:keypoints_x:keypoints_y\n", " name : keypoints_x : keypoints_y\r\n"])
def test_header_gives_the_column_order(tmp_path: Path, header: str) -> None:
    file = tmp_path / "k.csv"
    file.write_bytes(f"\ufeff{header}a.jpg: {[1] * 18}: {[2] * 18}\r\n".encode())
    assert read_keypoints(file, (256, 176))["a.jpg"][0].tolist() == [1, 2]


def test_keypoints_without_a_header_are_y_first_and_none_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "k.csv"
    file.write_text(f"a.jpg: {[1] * 18}: {[2] * 18}\nb.jpg: {[3] * 18}: {[140] * 18}\n")
    poses = read_keypoints(file, (256, 176))
    assert (poses["a.jpg"][0].tolist(), poses["b.jpg"][0].tolist()) == ([2, 1], [140, 3])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xff\xfe", "not UTF-8"),
        (b"file:x:y\na.jpg: [1]: [1]\n", "The header of the keypoint file .* is not `name:keypoints_y:keypoints_x`"),
        (f"a.jpg: {[1] * 18}: {[1] * 18}\na.jpg: {[2] * 18}: {[2] * 18}".encode(), "Line 2 .* a second pose"),
    ],
)
def test_wrong_keypoint_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "k.csv").write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_keypoints(tmp_path / "k.csv", (256, 176))


@pytest.mark.parametrize(
    "line",
    ["a.jpg: [1]: [1]", "a.jpg", "a.jpg: x: y", "a.jpg: [1, 2", "a.jpg: {}: {}",
     f"a.jpg: {[1] * 18}: [NaN" + ", 1" * 17 + "]", f"a.jpg: {[1] * 18}: {[1] * 18}: {[1] * 18}"],
)  # fmt: skip
def test_wrong_keypoint_line_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "k.csv"
    file.write_text(f"name:keypoints_y:keypoints_x\n\n{line}\n")
    with pytest.raises(UserError, match="Line 3 of the keypoint file"):
        read_keypoints(file, (256, 176))


def test_invisible_face_points_are_nan_and_pickles_are_refused(tmp_path: Path) -> None:
    face = np.ones((1, 68, 3), np.float32)
    face[0, 3, 2] = 0
    np.savez_compressed(tmp_path / "t.npz", names=np.array(["a.jpg"]), face=face)
    truth = read_truth(tmp_path / "t.npz", None)
    assert np.isnan(truth.face["a.jpg"][3]).all()
    assert truth.face["a.jpg"][4].tolist() == [1, 1]
    np.savez(tmp_path / "evil.npz", names=np.array([object()], dtype=object), face=face)
    with pytest.raises(UserError, match=r"evil\.npz cannot be read"):
        read_truth(tmp_path / "evil.npz", None)


def test_truth_keeps_hidden_points_and_their_visibility(tmp_path: Path) -> None:
    names, rng = np.array(["a.jpg", "b.jpg"]), np.random.default_rng(0)
    tables = {
        part: np.concatenate([rng.uniform(-50, 300, (2, n, 2)), rng.integers(0, 2, (2, n, 1))], -1).astype(np.float32)
        for part, n in PARTS.items()
    }
    np.savez_compressed(tmp_path / "t.npz", names=names, face_box=np.zeros((2, 4)), **tables)
    truth = read_truth(tmp_path / "t.npz", None)
    assert list(truth.keypoints) == list(PARTS)
    for part, rows in tables.items():
        np.testing.assert_array_equal(truth.keypoints[part]["b.jpg"], rows[1])
    hidden = tables["face"][1, :, 2] == 0
    assert np.isnan(truth.face["b.jpg"][hidden]).all()
    np.testing.assert_array_equal(truth.face["b.jpg"][~hidden], tables["face"][1, ~hidden, :2])
    assert truth.face["b.jpg"].dtype == np.float32


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"face": np.ones((1, 68, 3))}, "no array 'names'"),
        ({"names": np.array(["a.jpg"])}, "has none of body"),
        ({"names": np.array(["a.jpg", "b.jpg"]), "body": np.ones((1, 18, 3))}, "a different number of rows"),
        ({"names": np.array(["a.jpg"]), "hand_left": np.ones((1, 20, 3))}, "does not have 21 points"),
    ],
)
def test_wrong_truth_table_is_named(tmp_path: Path, tables: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "t.npz", **tables)
    with pytest.raises(UserError, match=message):
        read_truth(tmp_path / "t.npz", None)


def test_image_without_truth_is_named(tiny: Path) -> None:
    names = [line.split(":")[0] for line in (tiny.parent / "keypoints.csv").read_text().splitlines()[1:]]
    np.savez(tiny.parent / "t.npz", names=np.array(names[:-1]), body=np.ones((len(names) - 1, 18, 3)))
    tiny.write_text(tiny.read_text() + 'truth = "t.npz"\n')
    with pytest.raises(UserError, match=f"no row for {names[-1]}"):
        load_benchmark(str(tiny))


def test_limit_spreads_over_people_and_ignores_the_order_of_the_list(tiny: Path) -> None:
    chosen = load_benchmark(str(tiny), limit=12)
    assert len({pair.person for pair in chosen.pairs}) == 12
    assert {p.id for p in load_benchmark(str(tiny), limit=5).pairs} < {p.id for p in chosen.pairs}
    assert chosen.pairs_digest != load_benchmark(str(tiny)).pairs_digest
    assert load_benchmark(str(tiny), limit=99).limit is None


def test_image_without_keypoints_is_named(tiny: Path) -> None:
    file = tiny.parent / "keypoints.csv"
    file.write_text("\n".join(file.read_text().splitlines()[:-1]))
    with pytest.raises(UserError, match="has no line for fashion"):
        load_benchmark(str(tiny))
