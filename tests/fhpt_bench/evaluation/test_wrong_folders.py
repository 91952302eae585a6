"""Folders of generated images that are wrong or doubtful: the message, the badge or the remark."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fhpt_bench as fb
from fhpt_bench.benchmark import Benchmark, load_benchmark
from fhpt_bench.commands.evaluate import evaluate
from fhpt_bench.data.layouts import FILTERS, LAYOUTS, RESIZES
from fhpt_bench.evaluation.generated_folder import match_folder
from fhpt_bench.reporting.formatting import model_label
from tests.fhpt_bench.evaluation.layout_folders import NAMES, SQUARE, generated, padded, write_layout


@pytest.fixture(scope="module")
def studio() -> Benchmark:
    """A few pairs with names as in DeepFashion."""
    return load_benchmark("studio", limit=10)


@pytest.fixture
def benchmark(tiny: Path) -> Benchmark:
    """The 24 pairs of coloured noise, 48 wide and 64 high."""
    return load_benchmark(str(tiny))


def layout_of(layout: str) -> Callable[[Path, Benchmark], None]:
    return lambda folder, benchmark: void(write_layout(folder, layout, benchmark))


def void(_: object) -> None:
    """A change that does nothing."""


def spoil(change: Callable[[Path], object], layout: str = "patn") -> Callable[[Path, Benchmark], None]:
    """A folder with this layout, with a change to the file of the first pair."""

    def write(folder: Path, benchmark: Benchmark) -> None:
        write_layout(folder, layout, benchmark)
        pair = benchmark.pairs[0]
        change(folder / f"{NAMES[layout](pair.source, pair.target)}.png")

    return write


def redraw(width: int, height: int, mode: str = "RGB") -> Callable[[Path], object]:
    return lambda path: Image.new(mode, (width, height)).save(path)


def mixed(folder: Path, benchmark: Benchmark) -> None:
    write_layout(folder, "gfla", benchmark)
    pair = benchmark.pairs[3]
    Image.new("RGB", (48, 64)).save(folder / f"{NAMES['pcdms'](pair.source, pair.target)}.png")


def twins(folder: Path, benchmark: Benchmark) -> None:
    write_layout(folder, "patn", benchmark)
    path = sorted(folder.iterdir())[0]
    shutil.copy(path, path.with_name(path.name.replace(".jpg", ".png")))


def strangers(folder: Path, benchmark: Benchmark) -> None:
    folder.mkdir()
    Image.new("RGB", (48, 64)).save(folder / "0001.png")


def one_below(folder: Path, benchmark: Benchmark) -> None:
    write_layout(folder / "images", "plain", benchmark)


@pytest.mark.parametrize(
    ("write", "how", "message"),
    [
        (mixed, {}, r"mixes layouts, fashion\S+_to_\S+\.png \(pcdms\) and fashion\S+_vis\.png \(gfla\): move"),
        (mixed, {"layout": "gfla"}, r"lacks 0|holds 1 image \(fashion\S+_to_fashion\S+\) without a pair"),
        (twins, {}, r"_vis\.png and \S+_vis\.png are two images of one pair: remove one"),
        (spoil(lambda path: shutil.copy(path, path.with_suffix(".jpg"))), {}, "two images with the same name: remove"),
        (strangers, {}, r"holds 1 image \(0001.png\), but no name fits a pair of tiny in layout plain .* <pair id>"),
        (layout_of("dsc"), {"layout": "gfla"}, "no name fits a pair of tiny in layout gfla"),
        (one_below, {}, r"holds no image: give \S+images, which holds some"),
        (layout_of("plain"), {"layout": "pant"}, "Unknown layout 'pant': did you mean patn"),
        (layout_of("plain"), {"resize": "cubic"}, "Unknown resize 'cubic': did you mean bicubic"),
        # Six panels, and five that are higher.
        (spoil(redraw(288, 64)), {}, r"_vis\.png is 288 wide and 64 high, .* patn is 240x64 or 320x64 or rate is 144x"),
        (spoil(redraw(288, 64)), {"layout": "patn"}, r"64 high, but a panel image of patn is 240x64 or 320x64"),
        (spoil(redraw(240, 80)), {"layout": "patn"}, r"240 wide and 80 high, but a panel image of patn is 240x64"),
        (spoil(redraw(144, 128)), {"layout": "patn"}, r"_vis\.png is 144 wide and 128 high"),
        (spoil(redraw(144, 128)), {}, r"_vis\.png is 240 wide and 64 high, but a panel image of rate is 144x128"),
        (spoil(redraw(96, 128), "gfla"), {}, r"_vis\.png is 96 wide and 128 high, .* 48 wide and 64 high: .*--resize"),
        (spoil(redraw(128, 64), "gfla"), {"resize": "bicubic"}, r"128 wide and 64 high, .*: crop or generate it at"),
        (spoil(redraw(240, 64, "RGBA")), {}, r"_vis\.png has transparent pixels"),
        (spoil(lambda path: path.write_bytes(b"")), {}, r"_vis\.png cannot be decoded"),
        (spoil(lambda path: path.write_bytes(path.read_bytes()[:200]), "dsc"), {}, r"\.jpg\.png cannot be decoded"),
        (spoil(redraw(240, 64, "I;16")), {}, r"_vis\.png has 16 bits per channel"),
    ],
)  # fmt: skip
def test_mistakes_name_the_file_and_the_way_out(
    write: Callable[[Path, Benchmark], None], how: dict[str, str], message: str, benchmark: Benchmark, tmp_path: Path
) -> None:
    write(tmp_path / "images", benchmark)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(fb.UserError, match=message) as caught:
        match_folder(tmp_path / "images", benchmark, **how).check(benchmark)  # type: ignore[arg-type]
    assert len(str(caught.value).splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(("layout", "filter_"), [("gfla", "bicubic"), ("patn", "lanczos"), ("vunet", "bilinear")])
def test_other_sizes_are_resized_when_asked(layout: str, filter_: str, benchmark: Benchmark, tmp_path: Path) -> None:
    folder = write_layout(tmp_path / "images", layout, benchmark)
    for path in folder.iterdir():
        with Image.open(path) as image:
            image.resize((image.width * 2, image.height * 2), Image.Resampling.NEAREST).save(path)
    with pytest.raises(fb.UserError, match="--resize bicubic if it was squeezed"):
        match_folder(folder, benchmark).check(benchmark)
    found = match_folder(folder, benchmark, resize=filter_)
    assert found.layout == layout
    pair = benchmark.pairs[4]
    panel = generated(benchmark, pair)
    large = Image.fromarray(padded(panel) if layout in SQUARE else panel)
    large = large.resize((large.width * 2, large.height * 2), Image.Resampling.NEAREST)
    assert (found.read(pair) == np.asarray(large.resize((48, 64), FILTERS[filter_]))).all()
    size = "128x128" if layout in SQUARE else "96x128"
    assert found.check(benchmark).sizes == {f"{size}, resized ({filter_}) to 48x64": 24}


def test_resized_images_bear_a_badge(tiny: Path, benchmark: Benchmark, tmp_path: Path) -> None:
    folder = write_layout(tmp_path / "images", "plain", benchmark, square=True)
    record = fb.evaluate(folder, "mine", str(tiny), "psnr", out=tmp_path / "run", resize="bicubic")
    assert model_label(record.model) == "mine [RESIZED]"
    assert record.model.folder is not None
    assert record.model.folder.resize == "bicubic"
    cropped = fb.evaluate(folder, "mine", str(tiny), "psnr", out=tmp_path / "cropped")
    assert model_label(cropped.model) == "mine"
    assert cropped["psnr"].value != record["psnr"].value


def test_a_sheet_that_can_be_two_layouts_needs_a_word(benchmark: Benchmark, tmp_path: Path) -> None:
    folder = write_layout(tmp_path / "images", "patn", benchmark)
    for path in folder.iterdir():
        Image.new("RGB", (240, 80)).save(path)  # five panels of 48x80, or three of 80x80
    with pytest.raises(fb.UserError, match="can have layout patn or vunet: choose one with --layout"):
        match_folder(folder, benchmark, resize="bicubic")
    assert match_folder(folder, benchmark, "vunet", resize="bicubic").check(benchmark).sizes


def test_panels_of_other_targets_are_reported(studio: Benchmark, tmp_path: Path) -> None:
    folder = write_layout(tmp_path / "images", "vunet", studio)
    for path in folder.iterdir():
        with Image.open(path) as image:
            pixels = np.hsplit(np.asarray(image), 3)
        Image.fromarray(np.hstack([pixels[0], pixels[2], pixels[1]])).save(path)  # generated before target
    (remark,) = match_folder(folder, studio).check(studio).remarks
    assert remark.startswith("In 10 panel images (fashion")
    # A JPEG of low quality is not another target.
    jpeg = write_layout(tmp_path / "jpeg", "vunet", studio)
    for path in sorted(jpeg.iterdir()):
        with Image.open(path) as image:
            image.save(path.with_suffix(".jpg"), quality=30)
        path.unlink()
    assert match_folder(jpeg, studio).check(studio).remarks == ()


def test_squeezed_squares_are_noticed(studio: Benchmark, tmp_path: Path) -> None:
    folder = write_layout(tmp_path / "images", "gfla", studio)
    for path in folder.iterdir():
        with Image.open(path) as image:
            image.resize((256, 256)).save(path)
    (remark,) = match_folder(folder, studio).check(studio).remarks
    assert "is not plain padding: if the images were squeezed into squares, give --resize bicubic." in remark


def test_a_model_s_name_leads_nowhere(
    tiny: Path, benchmark: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_layout(tmp_path / "images", "plain", benchmark)
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    record = fb.evaluate(folder, "../../../evil", str(tiny), "psnr")
    assert record.folder is not None
    assert record.folder.resolve().is_relative_to(tmp_path / "a" / "b" / "runs" / "tiny")


def test_the_command_knows_every_layout_and_filter() -> None:
    choices = {option.name: getattr(option.type, "choices", ()) for option in evaluate.params}
    assert set(choices["layout"]) == {"auto", *LAYOUTS}
    assert set(choices["resize"]) == set(RESIZES)
