"""`fhpt-bench data prepare deepfashion --size 512x352`: all of the originals, squeezed; keypoints of every source."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fhpt_bench as fb
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.images import read_image
from fhpt_bench.data.pose import keypoint_frame
from fhpt_bench.data.prepare.lists import read_pose_files
from fhpt_bench.data.prepare.writing import to_benchmark
from tests.deepfashion_standin import StandIn, stand_in, tree_name
from tests.hostile.conftest import Done

Call = Callable[..., Done]
ORIGINAL = (750, 1101)


@pytest.fixture(scope="module")
def people() -> StandIn:
    return stand_in()


@pytest.fixture
def root(people: StandIn, tmp_path: Path) -> Path:
    """The tree of the high-resolution archive and PATN's lists."""
    people.write_tree(tmp_path / "data", "img_highres", size=ORIGINAL)
    people.write_lists(tmp_path / "data")
    return tmp_path / "data"


def test_the_whole_original_is_squeezed(people: StandIn, root: Path, tmp_path: Path, call: Call) -> None:
    words = ("data", "prepare", "deepfashion", "--root", root, "--size", "512x352")
    done = call(*words)
    assert done.code == 0, done.err
    made = root / "fhpt-bench-512"
    assert f"give --benchmark deepfashion-512 --data-root {made}" in done.out
    benchmark = load_benchmark("deepfashion-512", made)
    assert (benchmark.image_size, len(benchmark.pairs), len(benchmark.train_images)) == ((512, 352), 60, 10)
    for name in people.images["test"]:
        with Image.open(root / tree_name(name).replace("img/", "img_highres/", 1)) as original:
            assert original.size == ORIGINAL
            expected = np.asarray(original.resize((352, 512), Image.Resampling.BICUBIC))
        np.testing.assert_array_equal(read_image(benchmark.folder / f"{name}.png"), expected)
        # The published lists are in the frame of the crop, whose joints are multiplied by two.
        np.testing.assert_allclose(benchmark.poses[f"{name}.png"], 2 * people.poses["test"][name], atol=0.101)
    source = json.loads((made / "prepared.json").read_text())
    assert (source["benchmark"], source["size"]) == ("deepfashion-512", [512, 352])
    assert call("data", "check", "deepfashion-512", "--data-root", made).code == 0
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*.png")}
    assert call(*words).code == 0
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*.png")} == before
    # The other size next to it: neither is taken for a source of the other.
    other = call("data", "prepare", "deepfashion", "--root", root)
    assert other.code == 0, other.err
    assert load_benchmark("deepfashion", root / "fhpt-bench").image_size == (256, 176)
    assert call(*words).code == 0
    refused = call(*words, "--out", root / "fhpt-bench")
    assert refused.code == 2
    assert "contains a preparation of other images or lists" in refused.err
    record = fb.run("copy-source", "deepfashion-512", "psnr,ssim", data_root=made, limit=5, out=tmp_path / "run")
    assert record["psnr"].n == 5
    assert record.benchmark.image_size == (512, 352)


def test_keypoints_of_every_source_are_the_same(people: StandIn, root: Path, tmp_path: Path, call: Call) -> None:
    """CFLD's list in the frame of 176, PATN's in the frame of 256, and NTED's files of one image each."""
    file, made = root / "fasion-resize-annotation-test.csv", {}
    for name in ("cfld", "patn", "nted"):
        file.unlink(missing_ok=True)
        if name == "nted":
            people.write_pose_files(root)
        else:
            people.write_keypoints(file, "test", wide=name == "patn")
        out = tmp_path / name
        done = call("data", "prepare", "deepfashion", "--root", root, "--size", "512x352", "--out", out)
        assert done.code == 0, done.err
        assert ("15 files in" in done.out) == (name == "nted")
        made[name] = load_benchmark("deepfashion-512", out).poses
    for poses in made.values():
        for image, pose in poses.items():
            exact = 2 * people.poses["test"][image.removesuffix(".png")]
            np.testing.assert_allclose(pose, exact, atol=0.101)
            np.testing.assert_array_equal(np.isnan(pose), np.isnan(exact))
    assert list(made["nted"]) == list(made["cfld"])


def test_pose_files_are_read_as_nted_reads_them(people: StandIn, tmp_path: Path) -> None:
    people.write_pose_files(tmp_path)
    names = sorted(people.poses["test"])
    files = {name: (tmp_path / tree_name(name).replace("img/", "pose/", 1)).with_suffix(".txt") for name in names}
    poses = read_pose_files(files)
    assert keypoint_frame(poses, 176) == 256
    for name in names:
        rows = np.loadtxt(files[name])
        missing = rows == -1
        rows = (rows - [40, 0]) * [352 / 176, 512 / 256]  # trans_keypoins of NTED's data/fashion_data.py
        np.testing.assert_allclose((poses[name] - [40, 0]) * 2, np.where(missing, np.nan, rows), atol=1e-4)
    files[names[0]].write_text("1 2\n" * 17)
    with pytest.raises(fb.UserError, match=r"_1_front\.txt is not 18 lines of two numbers: get it again\."):
        read_pose_files(files)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((256, 256), "15 of 15 test images|photographs of them in high resolution, 750 wide and 1101 high"),
        ((352, 512), "photographs of them in high resolution, 750 wide and 1101 high"),
        ((1101, 1101), "15 of 15 images in .* do not have the shape of the originals, 750 wide and 1101 high; the "
                       "first is 1101 wide and 1101 high: give the high-resolution images"),
    ],
)  # fmt: skip
def test_only_originals_are_squeezed(
    people: StandIn, tmp_path: Path, size: tuple[int, int], message: str, call: Call
) -> None:
    people.write_tree(tmp_path / "data", size=size)
    people.write_lists(tmp_path / "data")
    done = call("data", "prepare", "deepfashion", "--root", tmp_path / "data", "--size", "512x352")
    assert done.code == 2
    assert re.search(message, done.err.replace("\n", " ")), done.err
    assert not (tmp_path / "data" / "fhpt-bench-512").exists()


def test_the_high_resolution_archive_is_chosen(people: StandIn, root: Path, call: Call) -> None:
    people.write_tree(root)
    done = call("data", "prepare", "deepfashion", "--root", root, "--size", "512x352")
    assert done.code == 0, done.err
    assert "img_highres, high-resolution" in done.out
    small = call("data", "prepare", "deepfashion", "--root", root)
    assert small.code == 0, small.err
    assert json.loads((root / "fhpt-bench" / "prepared.json").read_text())["archive"] == "side-padded"
    shutil.rmtree(root / "img_highres")
    assert call("data", "prepare", "deepfashion", "--root", root, "--size", "512x352").code == 2


def test_a_few_originals_of_another_shape_are_squeezed_too() -> None:
    """NTED and CFLD squeeze whatever they read."""
    wide = np.random.default_rng(0).integers(0, 256, (1101, 900, 3), np.uint8)
    assert to_benchmark(wide, "high-resolution", (512, 352)).shape == (512, 352, 3)
