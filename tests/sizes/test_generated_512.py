"""Folders of generated images at 512x352: every way of reading gives the right pixels, or a refusal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import fhpt_bench as fb
from fhpt_bench.benchmark import Benchmark, load_benchmark
from fhpt_bench.data.images import read_image
from fhpt_bench.data.names import stem
from fhpt_bench.data.prepare.survey import survey
from fhpt_bench.data.prepare.writing import write_prepared
from fhpt_bench.evaluation.generated_folder import GeneratedFolder, match_folder
from fhpt_bench.evaluation.remeasure import remeasure
from fhpt_bench.records.schema import read_record
from fhpt_bench.records.validation.checks import Check
from tests.deepfashion_standin import stand_in

Pixels = NDArray[np.uint8]
NAMES = {
    "vis": "{s}_2_{t}_vis",  # NTED, PIDM
    "2": "{s}_2_{t}",  # MCLD
    "to": "{s}_to_{t}",  # PCDMs
}
BICUBIC = Image.Resampling.BICUBIC


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`deepfashion-512` of substitute data."""
    place = tmp_path_factory.mktemp("deepfashion-512")
    people = stand_in()
    people.write_tree(place / "data", size=(750, 1101))
    people.write_lists(place / "data")
    write_prepared(survey([place / "data"], place / "out", (512, 352)), place / "out")
    return place / "out"


@pytest.fixture(scope="module")
def benchmark(root: Path) -> Benchmark:
    return load_benchmark("deepfashion-512", root)


def painted(benchmark: Benchmark, target: str) -> Pixels:
    """What an imaginary model paints at 512x352: the target, a little brighter, so that it has the target's outline."""
    return np.clip(read_image(benchmark.folder / target).astype(int) + 6, 0, 255).astype(np.uint8)


def resized(pixels: Pixels, width: int, height: int) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize((width, height), BICUBIC))


def padded(pixels: Pixels) -> Pixels:
    side = (pixels.shape[0] - pixels.shape[1]) // 2
    return np.pad(pixels, ((0, 0), (side, side), (0, 0)), constant_values=255)


# What a tool writes, and the pixels that are measured.
WAYS: dict[str, tuple[Callable[[Pixels], Pixels], Callable[[Pixels], Pixels]]] = {
    "native": (lambda p: p, lambda p: p),
    "squeezed 512": (lambda p: resized(p, 512, 512), lambda p: resized(resized(p, 512, 512), 352, 512)),
    "squeezed 256": (lambda p: resized(p, 256, 256), lambda p: resized(resized(p, 256, 256), 352, 512)),
    "padded 512": (padded, lambda p: p),
    "padded 256": (lambda p: padded(resized(p, 176, 256)), lambda p: resized(resized(p, 176, 256), 352, 512)),
}
SIZES = {
    "native": "352x512",
    "squeezed 512": "512x512, resized (bicubic) to 352x512",
    "squeezed 256": "256x256, resized (bicubic) to 352x512",
    "padded 512": "512x512, cropped to 352x512",
    "padded 256": "256x256, resized (crop) to 352x512",
}


def write(folder: Path, benchmark: Benchmark, way: str, name: str = "vis", suffix: str = "png") -> Path:
    folder.mkdir(parents=True)
    for pair in benchmark.pairs:
        file = folder / f"{NAMES[name].format(s=stem(pair.source), t=stem(pair.target))}.{suffix}"
        Image.fromarray(WAYS[way][0](painted(benchmark, pair.target))).save(file, quality=90)
    return folder


def check_pixels(found: GeneratedFolder, benchmark: Benchmark, way: str) -> None:
    for pair in benchmark.pairs:
        np.testing.assert_array_equal(found.read(pair), WAYS[way][1](painted(benchmark, pair.target)))


@pytest.mark.parametrize("way", WAYS)
def test_each_size_gives_the_right_pixels(way: str, benchmark: Benchmark, tmp_path: Path) -> None:
    found = match_folder(write(tmp_path / "images", benchmark, way), benchmark)
    check_pixels(found, benchmark, way)
    check = found.check(benchmark)
    assert check.sizes == {SIZES[way]: 60}
    assert check.remarks == ()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", ["native", "squeezed 512"])
def test_each_name_is_recognised(name: str, way: str, benchmark: Benchmark, tmp_path: Path) -> None:
    few = benchmark.limited(12)
    found = match_folder(write(tmp_path / "images", few, way, name), few)
    assert found.layout == ("pcdms" if name == "to" else "gfla")
    check_pixels(found, few, way)


@pytest.mark.parametrize(
    ("way", "resize"), [("squeezed 512", "bicubic"), ("padded 512", "crop"), ("padded 256", "crop")]
)
def test_asking_gives_the_same_pixels(way: str, resize: str, benchmark: Benchmark, tmp_path: Path) -> None:
    few = benchmark.limited(6)
    check_pixels(match_folder(write(tmp_path / "images", few, way), few, resize=resize), few, way)


@pytest.mark.parametrize("way", WAYS)
def test_jpeg_files_are_told_apart_too(way: str, benchmark: Benchmark, tmp_path: Path) -> None:
    folder = write(tmp_path / "images", benchmark, way, suffix="jpg")
    assert match_folder(folder, benchmark).check(benchmark).sizes == {SIZES[way]: 60}


def spoil(folder: Path, count: int, change: Callable[[Pixels], Pixels]) -> None:
    for path in sorted(folder.iterdir())[:count]:
        Image.fromarray(change(read_image(path))).save(path)


def test_what_cannot_be_decided_is_refused(benchmark: Benchmark, tmp_path: Path) -> None:
    half = write(tmp_path / "half", benchmark, "squeezed 512")
    spoil(half, 30, lambda pixels: padded(resized(pixels, 352, 512)))
    few = benchmark.limited(2)
    blank = write(tmp_path / "blank", few, "squeezed 512")
    for folder, part in ((half, benchmark), (blank, few)):
        with pytest.raises(fb.UserError, match=r"whether they were padded or squeezed .* give --resize crop"):
            match_folder(folder, part)
        assert match_folder(folder, part, resize="bicubic").resize == "bicubic"


@pytest.mark.parametrize("size", [(176, 256), (384, 512), (352, 256), (1024, 1024), (128, 128)])
@pytest.mark.parametrize("way", ["native", "squeezed 512"])
def test_one_image_of_another_size_is_refused(
    size: tuple[int, int], way: str, benchmark: Benchmark, tmp_path: Path
) -> None:
    """Also if the others are squares that are resized."""
    few = benchmark.limited(12)
    folder = write(tmp_path / "images", few, way)
    spoil(folder, 1, lambda pixels: resized(pixels, *size))
    with pytest.raises(
        fb.UserError, match=rf"_vis\.png is {size[0]} wide and {size[1]} high, but the benchmark's are 352"
    ):
        match_folder(folder, few).check(few)


def test_native_and_squares_mixed(benchmark: Benchmark, tmp_path: Path) -> None:
    folder = write(tmp_path / "images", benchmark, "native")
    spoil(folder, 25, lambda pixels: resized(pixels, 512, 512))
    found = match_folder(folder, benchmark)
    assert found.check(benchmark).sizes == {SIZES["native"]: 35, SIZES["squeezed 512"]: 25}


def test_a_record_says_how_squares_were_read(benchmark: Benchmark, root: Path, tmp_path: Path) -> None:
    made = {}
    few = benchmark.limited(12)
    for way in ("native", "squeezed 512", "padded 512"):
        folder = write(tmp_path / way, few, way)
        made[way] = fb.evaluate(
            folder, way, "deepfashion-512", "psnr", data_root=root, limit=12, out=tmp_path / f"run {way}"
        )
    read = {way: (record.model.folder and record.model.folder.resize) for way, record in made.items()}
    assert read == {"native": None, "squeezed 512": "bicubic", "padded 512": None}
    assert made["native"]["psnr"].value == made["padded 512"]["psnr"].value
    assert made["native"]["psnr"].fingerprint == made["squeezed 512"]["psnr"].fingerprint
    again: list[Check] = remeasure(
        read_record(tmp_path / "run squeezed 512"), images=tmp_path / "squeezed 512", data_root=root
    )
    assert {check.status for check in again} == {"ok"}, again


def test_at_256_squares_are_read_as_before(tmp_path: Path) -> None:
    """Squares of 256 are cropped, with a remark if they were squeezed; squares of 512 are refused."""
    studio = load_benchmark("studio", limit=12)
    for side in (256, 512):
        folder = tmp_path / str(side)
        folder.mkdir()
        for pair in studio.pairs:
            Image.fromarray(resized(read_image(studio.folder / pair.target), side, side)).save(
                folder / f"{pair.id}.png"
            )
    check = match_folder(tmp_path / "256", studio).check(studio)
    assert check.sizes == {"256x256, cropped to 176x256": 12}
    assert "give --resize bicubic" in check.remarks[0]
    with pytest.raises(fb.UserError, match="is 512 wide and 512 high"):
        match_folder(tmp_path / "512", studio).check(studio)
