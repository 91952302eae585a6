"""`fhpt-bench data prepare deepfashion`, on substitute data in DeepFashion's formats."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import fhpt_bench as fb
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.cli import cli
from fhpt_bench.data.images import read_image
from fhpt_bench.data.prepare import writing
from fhpt_bench.data.prepare.lists import read_any_images, read_any_keypoints, read_any_pairs
from fhpt_bench.data.prepare.spelling import plain_name
from fhpt_bench.data.prepare.survey import survey
from fhpt_bench.data.prepare.writing import to_benchmark, write_prepared
from fhpt_bench.errors import UserError
from tests.deepfashion_standin import StandIn, stand_in, tree_name


@pytest.fixture(scope="module")
def people() -> StandIn:
    return stand_in()


@pytest.fixture
def root(people: StandIn, tmp_path: Path) -> Path:
    """img.zip and PATN's lists, the most common input."""
    people.write_tree(tmp_path / "data" / "DeepFashion")
    people.write_lists(tmp_path / "data")
    return tmp_path / "data"


def prepare(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["data", "prepare", "deepfashion", *map(str, arguments)])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_prepared_folder_is_the_benchmark(people: StandIn, root: Path, tmp_path: Path) -> None:
    people.write_official(root)
    before = contents(tmp_path)
    done = prepare("--root", root, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert {name: content for name, content in contents(tmp_path).items() if not name.startswith("out/")} == before
    for text in (
        "60 in", "differs from PATN's published list (8570 entries)", "frame 176 wide", "15 of the 15 test images in",
        "img, side-padded", "25 of 25 images in", "all 4 of the images in", "15 test and 10 train images",
    ):  # fmt: skip
        assert text in done.output
    benchmark = load_benchmark("deepfashion", tmp_path / "out")
    assert len(benchmark.pairs) == 60
    assert len(benchmark.train_images) == 10
    assert len({pair.person for pair in benchmark.pairs}) == 3
    for name, pose in people.poses["test"].items():
        np.testing.assert_allclose(benchmark.poses[f"{name}.png"], pose, atol=0.051)
        padded = read_image(root / "DeepFashion" / tree_name(name))
        np.testing.assert_array_equal(read_image(benchmark.folder / f"{name}.png"), padded[:, 40:216])
    checked = CliRunner().invoke(cli, ["data", "check", "deepfashion", "--data-root", str(tmp_path / "out")])
    assert checked.exit_code == 0, checked.output
    assert "as manifest.json says" in checked.output
    leaked = CliRunner().invoke(cli, ["data", "leakage", "deepfashion", "--data-root", str(tmp_path / "out")])
    assert "leak-free  40 pairs" in leaked.output
    part = {"data_root": tmp_path / "out", "subset": "leak-free", "limit": 5}
    assert fb.run("copy-source", "deepfashion", "psnr", **part, out=tmp_path / "run")["psnr"].n == 5


def test_all_folder_layouts_give_the_same_lists(people: StandIn, tmp_path: Path) -> None:
    def flat(padded: bool) -> Callable[[Path], None]:
        def write(root: Path) -> None:
            for split, images in people.images.items():
                people.write_flat(root / "fashion_resize" / split, padded, names=list(images))

        return write

    layouts: dict[str, tuple[Callable[[Path], None], str]] = {
        "tree": (people.write_tree, "side-padded"),
        "linked": (lambda root: (people.write_tree(tmp_path / "far"), (root / "in").symlink_to(tmp_path / "far"))[0],
                   "side-padded"),
        "flat": (lambda root: people.write_flat(root / "fashion", padded=True, prefix="fasion"), "side-padded"),
        "split": (flat(padded=True), "side-padded"),
        "cropped": (flat(padded=False), "cropped"),
        "png": (lambda root: people.write_flat(root, padded=False, suffix="png"), "cropped"),
        "high": (lambda root: people.write_tree(root, "img_highres", scale=3), "high-resolution"),
    }  # fmt: skip
    lists, pixels = [], {}
    for name, (write, archive) in layouts.items():
        (tmp_path / name).mkdir()
        people.write_lists(tmp_path / name)
        write(tmp_path / name)
        done = prepare("--root", tmp_path / name)
        assert done.exit_code == 0, done.output
        made = tmp_path / name / "fhpt-bench"
        source = json.loads((made / "prepared.json").read_text())
        assert (source["archive"], source["suffixes"]) == (archive, [".png" if name == "png" else ".jpg"])
        lists.append({file.name: file.read_text() for file in made.iterdir() if file.suffix in (".csv", ".lst")})
        pixels[name] = np.stack([read_image(file) for file in sorted((made / "test").iterdir())])
    assert all(each == lists[0] for each in lists)
    assert sorted(lists[0]) == [
        "keypoints-test.csv", "keypoints-train.csv", "pairs-test.csv", "pairs-train.csv", "train.lst"
    ]  # fmt: skip
    exact = np.stack([people.images["test"][name] for name in sorted(people.images["test"])])
    np.testing.assert_array_equal(pixels["png"], exact)
    for name in ("linked", "flat", "split"):
        np.testing.assert_array_equal(pixels[name], pixels["tree"])
    for name in ("cropped", "high"):
        assert 0 < np.abs(pixels[name] - exact.astype(int)).mean() < 3


def test_high_resolution_keeps_the_aspect_ratio_and_pads_with_white() -> None:
    tall = np.zeros((1101, 750, 3), np.uint8)
    made = to_benchmark(tall, "high-resolution")
    assert made.shape == (256, 176, 3)
    assert made[:, [0, -1]].min() == 255
    assert made[:, 1:-1].max() == 0
    wide = np.zeros((512, 512, 3), np.uint8)
    wide[:, 255:257] = 200
    centred = to_benchmark(wide, "high-resolution")
    assert centred.shape == (256, 176, 3)
    assert centred[100, 87:89].min() > 50
    np.testing.assert_array_equal(centred, centred[:, ::-1])


def test_lists_are_read_in_all_formats(people: StandIn, tmp_path: Path) -> None:
    pairs = sorted(people.pairs["test"])
    spellings = {
        "swapped": "\ufeffto,from\r\n" + "\r\n".join(f"{t}.jpg,{s}.jpg" for s, t in pairs),
        "prefix": "from,to\n" + "\n".join(f"{s.replace('fashion', 'fasion')}.jpg,{t}.png" for s, t in pairs),
        "indexed": ",from,to\n" + "\n".join(f"{i},{s}.jpg,{t}.jpg" for i, (s, t) in enumerate(pairs)),
        "tabs": "source\ttarget\n" + "\n".join(f"{s}.jpg\t{t}.jpg" for s, t in pairs),
        "mixed": "from; to\n" + "\n".join(f"{s}.jpg{';, '[i % 3]} {t}.jpg" for i, (s, t) in enumerate(pairs)),
        "quoted": '"from","to"\n' + "\n".join(f'"{s}.jpg","{t}.jpg"' for s, t in pairs),
        "target first": "\n".join(f"{tree_name(t)},{tree_name(s)}" for s, t in reversed(pairs)),
        "backslashes": "\r\n".join(f"{tree_name(t)},{tree_name(s)}".replace("/", "\\") for s, t in pairs) + "\r\n\r\n",
    }
    for name, text in spellings.items():
        (tmp_path / "pairs.csv").write_bytes(text.encode())
        assert read_any_pairs(tmp_path / "pairs.csv") == pairs, name
    names = sorted(people.images["train"])
    (tmp_path / "train.lst").write_text("\n".join([f"{names[0]}.jpg", *(f"./{tree_name(name)}" for name in names)]))
    assert read_any_images(tmp_path / "train.lst") == names


def test_keypoints_of_either_frame_give_the_same_poses(people: StandIn, root: Path, tmp_path: Path) -> None:
    made = {}
    for name, wide, tree in (("narrow", False, False), ("wide", True, False), ("wide tree", True, True)):
        (root / "fasion-resize-annotation-test.csv").unlink(missing_ok=True)
        people.write_keypoints(root / "fasion-annotation-test.csv", "test", wide, tree)
        found = survey([root], tmp_path / name)
        assert any(("256" if wide else "176") + " wide" in text for _, text in found.lines)
        write_prepared(found, tmp_path / name)
        made[name] = load_benchmark("deepfashion", tmp_path / name).poses
    for poses in made.values():
        assert list(poses) == list(made["narrow"])
        for name, pose in poses.items():
            np.testing.assert_allclose(pose, made["narrow"][name], atol=1e-4)
    # Both frames together are consistent.
    people.write_keypoints(root / "fasion-resize-annotation-test.csv", "test", wide=False)
    assert not survey([root], tmp_path / "out").missing


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupted_preparation_resumes(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: type[BaseException] | OSError
) -> None:
    write_prepared(survey([root], tmp_path / "whole"), tmp_path / "whole")
    encode, count = writing.encode_png, 0

    def break_down(pixels: np.ndarray) -> bytes:
        nonlocal count
        count += 1
        if count > 10:
            raise stop
        return encode(pixels)

    monkeypatch.setattr(writing, "encode_png", break_down)
    with pytest.raises((KeyboardInterrupt, OSError)):
        write_prepared(survey([root], tmp_path / "out"), tmp_path / "out")
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.png")}
    assert len(kept) == 10
    assert not (tmp_path / "out" / "manifest.json").exists()
    damaged = sorted(kept)[0]
    damaged.write_bytes(damaged.read_bytes()[:100])
    monkeypatch.undo()
    count = 0
    monkeypatch.setattr(writing, "encode_png", lambda pixels: (made.append(1), encode(pixels))[1])
    made: list[int] = []
    write_prepared(survey([root], tmp_path / "out"), tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert len(made) == 25 - 9
    assert all(path.stat().st_mtime_ns == kept[path] for path in kept if path != damaged)


def test_missing_files_are_named_with_their_source(people: StandIn, root: Path, tmp_path: Path) -> None:
    lost = sorted(people.images["test"])[2]
    (root / "DeepFashion" / tree_name(lost)).unlink()
    done = prepare("--root", root, "--out", tmp_path / "out")
    assert f"1 of 15 test images, first {lost}; DeepFashion's authors" in str(done.exception)
    assert "14 of the 15 test images in" in done.output
    (root / "fasion-resize-pairs-test.csv").unlink()
    (root / "fasion-resize-annotation-test.csv").unlink()
    (root / "train.lst").unlink()
    done = prepare("--root", root, "--out", tmp_path / "out")
    assert "pair list (fasion-resize-pairs-test.csv); PATN's authors" in str(done.exception)
    assert "keypoint file (fasion-resize-annotation-test.csv); PATN's authors" in str(done.exception)
    assert "train.lst is missing" in done.output
    assert "24 in" in done.output
    assert not (tmp_path / "out").exists()
    assert "There is no folder" in str(prepare("--root", tmp_path / "absent").exception)


def test_incomplete_training_images_are_left_out(people: StandIn, root: Path, tmp_path: Path) -> None:
    lost = sorted(people.images["train"])[0]
    (root / "DeepFashion" / tree_name(lost)).unlink()
    people.write_keypoints(root / "fasion-resize-annotation-train.csv", "test", wide=False)
    done = prepare("--root", root, "--out", tmp_path / "out")
    assert f"left out: 1 of 10 missing, first {lost}" in done.output
    assert "left out: 10 of their images are missing in the training keypoints" in done.output
    assert not (tmp_path / "out" / "train").exists()
    assert not (tmp_path / "out" / "pairs-train.csv").exists()
    benchmark = load_benchmark("deepfashion", tmp_path / "out", subset="leak-free")
    assert (len(benchmark.pairs), benchmark.train_images) == (40, ())


def second_pair_list(people: StandIn, root: Path) -> None:
    rows = [f"{tree_name(target)},{tree_name(source)}\n" for source, target in people.pairs["test"][1:]]
    (root / "test_pairs.txt").write_text("".join(rows))


def second_keypoints(people: StandIn, root: Path) -> None:
    moved = {name: pose + 3 for name, pose in people.poses["test"].items()}
    StandIn(poses={"test": moved}).write_keypoints(root / "fasion-annotation-test.csv", "test", wide=True)


def second_image(people: StandIn, root: Path) -> None:
    shutil.rmtree(root / "DeepFashion")
    people.write_flat(root / "fashion", padded=True)
    shutil.copy(next((root / "fashion").glob("*front.jpg")), root / "fashion" / f"{min(people.images['test'])}.png")


def second_folder(people: StandIn, root: Path) -> None:
    people.write_flat(root / "fashion", padded=True)


def wrong_item(people: StandIn, root: Path) -> None:
    people.write_official(root)
    file = root / "Eval" / "list_eval_partition.txt"
    file.write_text(file.read_text().replace(" id_0", " id_9", 1))


def cut_partition(people: StandIn, root: Path) -> None:
    people.write_official(root)
    file = root / "Eval" / "list_eval_partition.txt"
    file.write_text("\n".join(file.read_text().splitlines()[:-3]))


def odd_size(people: StandIn, root: Path) -> None:
    Image.new("RGB", (200, 256)).save(root / "DeepFashion" / tree_name(sorted(people.images["test"])[3]))


def turned(people: StandIn, root: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (256, 256)).save(root / "DeepFashion" / tree_name(sorted(people.images["test"])[3]), exif=exif)


def cut_image(people: StandIn, root: Path) -> None:
    file = root / "DeepFashion" / tree_name(sorted(people.images["test"])[3])
    file.write_bytes(file.read_bytes()[:2000])


def empty_first_image(people: StandIn, root: Path) -> None:
    (root / "DeepFashion" / tree_name(sorted(people.images["test"])[0])).write_bytes(b"")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (second_pair_list, r"pairs-test\.csv and .*test_pairs\.txt have different contents: keep one"),
        (second_keypoints, r"annotation-test\.csv and .*annotation-test\.csv have different contents"),
        (second_image, r"\.jpg and .*\.png are two images with the same name"),
        (second_folder, "img and .*fashion both contain all test images"),
        (wrong_item, "list_eval_partition.txt gives fashion.* the item 9.*, but its name has 0"),
        (cut_partition, "does not match its 22 rows: it is incomplete"),
        (odd_size, r"\.jpg is 200 wide and 256 high"),
        (turned, r"\.jpg has a rotation in EXIF"),
        (cut_image, r"\.jpg cannot be decoded"),
        (empty_first_image, r"\.jpg cannot be decoded"),
    ],
)
def test_contradictions_and_broken_images_are_named(
    people: StandIn, root: Path, tmp_path: Path, damage: Callable[[StandIn, Path], None], message: str
) -> None:
    damage(people, root)
    before = contents(root)
    done = prepare("--root", root, "--out", tmp_path / "out")
    assert isinstance(done.exception, UserError), done.output
    with pytest.raises(UserError, match=message):
        raise done.exception
    assert contents(root) == before
    assert {path.name for path in tmp_path.iterdir()} <= {"data", "out", "cache"}
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no pair"),
        ("from,to\n", "has no pair"),
        ("a,b\nfashionMENPantsid0000000101_1front.jpg,fashionMENPantsid0000000101_2side.jpg\n", "neither a header"),
        ("from,to\nfashionMENPantsid0000000101_1front.jpg\n", "Line 2 .* has 1 fields: write 2"),
        ("from,to\nphoto.jpg,fashionMENPantsid0000000101_2side.jpg\n", "Line 2 .* names 'photo.jpg', not an image"),
        ("fashionMENPantsid0000000101_1front.jpg,fashionMENPantsid0000000101_2side.jpg\n", "has no header"),
        ("from,to\n../../MEN/Pants/id_00000001/01_1_front.jpg,fashionMENPantsid0000000101_2side.jpg\n", "not an image"),
        ("from,to\nfashionMEN../xid0000000101_1front.jpg,fashionMENPantsid0000000101_2side.jpg\n", "not an image"),
        ("from,to\n" + "fashionMENPantsid0000000101_1front.jpg,fashionMENPantsid0000000101_2side.png\n" * 2, "repeats"),
        ("from,to\n\0\n", "zero bytes"),
    ],
)  # fmt: skip
def test_a_broken_pair_list_gives_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "pairs.csv").write_text(text)
    with pytest.raises(UserError, match=message) as raised:
        read_any_pairs(tmp_path / "pairs.csv")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("photo.jpg: {}: {}", "not an image of DeepFashion"),
     ("fashionMENPantsid0000000101_1front.jpg: {}: {}\nfasionMENPantsid0000000101_1front.png: {}: {}", "two poses")],
)  # fmt: skip
def test_a_broken_keypoint_file_gives_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "k.csv").write_text(text.format(*([i] * 18 for i in range(4))))
    with pytest.raises(UserError, match=message):
        read_any_keypoints(tmp_path / "k.csv")


def test_names_with_parent_folders_are_refused() -> None:
    assert plain_name("img/../MEN/Denim/id_00000080/01_1_front.jpg") is None
    assert plain_name("/data/img/MEN/Denim/id_00000080/01_1_front.JPG") == "fashionMENDenimid0000008001_1front"


def test_label_maps_with_the_same_names_are_not_used_as_photographs(
    people: StandIn, root: Path, tmp_path: Path
) -> None:
    (root / "parsing").mkdir()
    for name in people.images["test"]:
        Image.new("L", (256, 256)).save(root / "parsing" / f"{name}.png")
    done = prepare("--root", root, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "parsing, no photographs" in done.output


def test_the_output_folder_must_be_new_or_hold_the_same_preparation(
    people: StandIn, root: Path, tmp_path: Path
) -> None:
    assert "which is only read: give another --out" in str(prepare("--root", root, "--out", tmp_path).exception)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    done = prepare("--root", root, "--out", tmp_path / "out")
    assert "holds files that this command did not write" in str(done.exception)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.tex"]
    assert prepare("--root", root).exit_code == 0
    first = contents(root / "fhpt-bench")
    assert prepare("--root", root).exit_code == 0  # the prepared files are not used as input
    assert contents(root / "fhpt-bench") == first
    shutil.rmtree(root / "DeepFashion")
    people.write_flat(root, padded=False, suffix="png")
    assert "contains a preparation of other images or lists" in str(prepare("--root", root).exception)


def test_several_roots(people: StandIn, tmp_path: Path) -> None:
    people.write_tree(tmp_path / "images")
    people.write_lists(tmp_path / "lists")
    done = prepare("--root", tmp_path / "images", "--root", tmp_path / "lists", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
