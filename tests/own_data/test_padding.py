"""Squeezed or padded: what is cut off squares is looked at, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fhpt_bench as fb
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.images import read_image
from fhpt_bench.data.layouts import fit, has_plain_sides
from fhpt_bench.evaluation.generated_folder import match_folder
from tests.deepfashion_standin import stand_in
from tests.hostile.conftest import Done

Call = Callable[..., Done]


@pytest.fixture(scope="module")
def studio() -> fb.benchmark.Benchmark:
    return load_benchmark("studio", limit=12)


def squares(studio: fb.benchmark.Benchmark, folder: Path, side: int, padded: bool) -> Path:
    """The targets as squares: padded with white on both sides, or squeezed."""
    folder.mkdir()
    for pair in studio.pairs:
        image = Image.fromarray(read_image(studio.folder / pair.target))
        if padded:
            wide = Image.new("RGB", (256, 256), "white")
            wide.paste(image, (40, 0))
            image = wide
        image.resize((side, side), Image.Resampling.BICUBIC).save(folder / f"{pair.id}.png")
    return folder


@pytest.mark.parametrize("side", [256, 512])
def test_padded_squares_are_cropped(studio: fb.benchmark.Benchmark, tmp_path: Path, side: int, call: Call) -> None:
    """`--resize bicubic`, which our own error proposed, squeezed them: SSIM 0.56 for 0.59 on other images."""
    images = squares(studio, tmp_path / "images", side, padded=True)
    words = ["evaluate", images, "--limit", 12, "-p", "psnr", "-o"]
    squeezed = call(*words, tmp_path / "a", "--resize", "bicubic")
    assert "12 of 12 images were resized although their sides are plain padding: give --resize crop." in squeezed.err
    cropped = call(*words, tmp_path / "b", "--resize", "crop")
    assert "plain padding" not in cropped.err
    values = [fb.read_record(tmp_path / name)["psnr"].value for name in "ab"]
    # At 256 the crop is the target itself, so that PSNR has nothing to average.
    assert values[1] is None or values[1] > values[0] + 10
    if side == 512:
        refused = call(*words, tmp_path / "c")
        assert refused.code == 2
        assert "--resize crop if it was padded, --resize bicubic if it was squeezed" in refused.err


def test_squeezed_squares_are_resized(studio: fb.benchmark.Benchmark, tmp_path: Path) -> None:
    images = squares(studio, tmp_path / "images", 256, padded=False)
    check = match_folder(images, studio, resize="bicubic").check(studio)
    assert not check.remarks
    assert "--resize bicubic" in " ".join(match_folder(images, studio).check(studio).remarks)


def test_plain_sides() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (256, 256, 3), np.uint8)
    assert not has_plain_sides(noise, (256, 176))
    padded = noise.copy()
    padded[:, :40], padded[:, -40:] = 255, (10, 20, 30)
    assert has_plain_sides(padded, (256, 176))
    assert has_plain_sides(padded[:, 40:216], (256, 176)) is None, "a crop removes nothing"
    half = padded.copy()
    half[:, :40] = noise[:, :40]
    assert not has_plain_sides(half, (256, 176))


@pytest.mark.parametrize(
    ("shape", "expected"), [((512, 512), (512, 352)), ((300, 100), (146, 100)), ((256, 176), (256, 176))]
)
def test_the_middle_has_the_benchmarks_shape(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    height, width = shape
    panel = np.zeros((*shape, 3), np.uint8)
    top, left = (height - expected[0]) // 2, (width - expected[1]) // 2
    panel[top : top + expected[0], left : left + expected[1]] = 200
    fitted = fit(panel, (256, 176), "crop")
    assert fitted.shape == (256, 176, 3)
    assert fitted.min() > 150


@pytest.mark.parametrize("side", [256, 512])
def test_squeezed_photographs_are_not_prepared(tmp_path: Path, call: Call, side: int) -> None:
    """They lost 40 columns on each side; squares of 512 were taken for high-resolution images and lost 80."""
    people = stand_in()
    people.write_tree(tmp_path / "data")
    people.write_lists(tmp_path / "data")
    assert call("data", "prepare", "deepfashion", "--root", tmp_path / "data", "--out", tmp_path / "good").code == 0
    for file in (tmp_path / "data").rglob("*.jpg"):
        with Image.open(file) as image:
            image.crop((40, 0, 216, 256)).resize((side, side)).save(file, quality=95)
    done = call("data", "prepare", "deepfashion", "--root", tmp_path / "data", "--out", tmp_path / "bad")
    assert done.code == 2
    assert "are no padding: they were squeezed into squares" in done.err
    assert not (tmp_path / "bad").exists()
