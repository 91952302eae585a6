"""Result folders of other tools: each layout, written from the same images, gives the scores of `plain`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import fhpt_bench as fb
from fhpt_bench.benchmark import Benchmark, Pair, load_benchmark
from fhpt_bench.cli import cli
from fhpt_bench.commands.evaluate import evaluate
from fhpt_bench.data.layouts import FILTERS, LAYOUTS, RESIZES
from fhpt_bench.evaluation.generated_folder import match_folder
from fhpt_bench.records.schema import Record, read_record
from fhpt_bench.reporting.formatting import model_label
from tests.deepfashion_standin import stand_in

# What published tools write: file name without suffix, panels by row, and whether they are squares.
NAMES: dict[str, Callable[[str, str], str]] = {
    "plain": lambda s, t: f"{s[:-4]}___{t[:-4]}",
    "patn": lambda s, t: f"{s}___{t}_vis",
    "rate": lambda s, t: f"{s}___{t}_vis",
    "vunet": lambda s, t: f"{s}___{t}_vis",
    "dsc": lambda s, t: f"{s}_{t}",
    "gfla": lambda s, t: f"{s[:-4]}_2_{t[:-4]}_vis",
    "pcdms": lambda s, t: f"{s[:-4]}_to_{t[:-4]}",
}
PANELS = {
    "patn": [["source", "pose", "target", "pose", "generated"]],
    "rate": [["source", "pose", "coarse"], ["target", "residual", "generated"]],
    "vunet": [["source", "target", "generated"]],
    "dsc": [["source", "target", "generated"]],
}
SQUARE = ("vunet", "dsc")


def generated(benchmark: Benchmark, pair: Pair) -> np.ndarray:
    """The generated image of an imaginary model: the source image, mirrored."""
    return real(benchmark, pair.source)[:, ::-1]


def real(benchmark: Benchmark, name: str) -> np.ndarray:
    return np.asarray(Image.open(benchmark.folder / name).convert("RGB"))


def write_layout(
    folder: Path, layout: str, benchmark: Benchmark, suffix: str = ".png", square: bool = False, ending: str = ".jpg"
) -> Path:
    """Write the mirrored sources as a tool with this layout does; squares have white columns on both sides."""
    folder.mkdir(parents=True, exist_ok=True)
    for pair in benchmark.pairs:
        shown = {"source": real(benchmark, pair.source), "target": real(benchmark, pair.target)}
        shown["generated"] = generated(benchmark, pair)
        rows = []
        for row in PANELS.get(layout, [["generated"]]):
            panels = [shown.get(what, np.full_like(shown["source"], 90)) for what in row]
            rows.append(np.hstack([padded(panel) if square or layout in SQUARE else panel for panel in panels]))
        name = NAMES[layout](pair.source[:-4] + ending, pair.target[:-4] + ending)
        Image.fromarray(np.vstack(rows)).save(folder / f"{name}{suffix}", **({"quality": 90} if "j" in suffix else {}))
    return folder


def padded(panel: np.ndarray) -> np.ndarray:
    side = (panel.shape[0] - panel.shape[1]) // 2
    return np.pad(panel, ((0, 0), (side, side), (0, 0)), constant_values=255)


@pytest.fixture(scope="module")
def studio() -> Benchmark:
    """A few pairs with names as in DeepFashion."""
    return load_benchmark("studio", limit=10)


@pytest.fixture(scope="module")
def plain(studio: Benchmark, tmp_path_factory: pytest.TempPathFactory) -> Record:
    place = tmp_path_factory.mktemp("plain")
    return scored(write_layout(place / "images", "plain", studio), place / "run")


@pytest.fixture
def benchmark(tiny: Path) -> Benchmark:
    """The 24 pairs of coloured noise, 48 wide and 64 high."""
    return load_benchmark(str(tiny))


def scored(folder: Path, out: Path, protocols: str = "ssim,psnr", **how: object) -> Record:
    return fb.evaluate(folder, "mine", protocols=protocols, limit=10, out=out, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "plain"])
def test_each_layout_scores_as_plain_does(layout: str, studio: Benchmark, plain: Record, tmp_path: Path) -> None:
    record = scored(write_layout(tmp_path / "images", layout, studio), tmp_path / "run")
    assert record.model.folder is not None
    assert record.model.folder.layout == layout
    assert record.model.folder.remarks == ()
    assert record.model.codec == "png"
    assert record.model.folder.sizes == {"256x256, cropped to 176x256" if layout in SQUARE else "176x256": 10}
    for ours, theirs in zip(plain.scores, record.scores, strict=True):
        assert theirs.model_dump() == ours.model_dump()  # value, interval, n and fingerprint, bit for bit
        assert theirs.per_pair.equals(ours.per_pair)
    assert read_record(tmp_path / "run").model.folder == record.model.folder


def test_plain_measures_the_generated_images(studio: Benchmark, plain: Record) -> None:
    from protocols.perceptual import ssim

    stacks = [np.stack([make(pair) for pair in studio.pairs]) for make in (
        lambda pair: generated(studio, pair), lambda pair: real(studio, pair.target))]  # fmt: skip
    assert plain["ssim"].value == pytest.approx(ssim(*stacks).mean(), abs=1e-12)
    assert plain["ssim"].n == 10


@pytest.mark.parametrize("layout", ["gfla", "patn"])
def test_jpeg_is_noticed_whatever_its_name(layout: str, studio: Benchmark, plain: Record, tmp_path: Path) -> None:
    folder = write_layout(tmp_path / "images", layout, studio, ".jpg")
    if layout == "gfla":
        for path in sorted(folder.iterdir()):
            path.rename(path.with_suffix(".png"))
    record = scored(folder, tmp_path / "run")
    assert record.model.codec == "jpeg"
    assert model_label(record.model) == "mine [JPEG]"
    assert record["ssim"].value == pytest.approx(plain["ssim"].value, abs=0.02)
    assert record["ssim"].value != plain["ssim"].value
    assert record["ssim"].fingerprint == plain["ssim"].fingerprint  # the codec is a badge, not part of the fingerprint


@pytest.mark.parametrize("layout", LAYOUTS)
def test_spellings_and_squares_are_the_same_pixels(layout: str, benchmark: Benchmark, tmp_path: Path) -> None:
    expected = match_folder(write_layout(tmp_path / "a", "plain", benchmark), benchmark).check(benchmark)
    other = write_layout(tmp_path / "b", layout, benchmark, square=True, ending=".png")
    for path in sorted(other.iterdir()):
        path.rename(path.with_name(path.name.replace("fashion", "fasion")))
    found = match_folder(other, benchmark)
    assert found.layout == layout
    look = found.check(benchmark)
    assert look.digests == expected.digests
    assert look.sizes == {"64x64, cropped to 48x64": 24}
    assert look.remarks == ()


def test_pairs_are_distinguished_if_stems_contain_the_separator(tmp_path: Path) -> None:
    names = ["a_2_b.jpg", "a.jpg", "b.jpg", "b_2_b.jpg", "b_to_a.jpg"]
    pairs = [Pair(s, t, "ann") for s in names for t in names if s != t]
    benchmark = Benchmark("odd", "1", "", tmp_path, (64, 48), tuple(pairs), {}, None, ())  # type: ignore[arg-type]
    folder = tmp_path / "gfla"
    folder.mkdir()
    for pair in pairs:
        (folder / f"{NAMES['gfla'](pair.source, pair.target)}.png").touch()
    # a_2_b -> b and a -> b_2_b have the same file name, a_2_b_2_b_vis; so have two more pairs, b_2_b_2_b_vis.
    with pytest.raises(fb.UserError, match=r"a_2_b_2_b_vis.png fits several pairs, a_2_b___b, a___b_2_b: name"):
        match_folder(folder, benchmark)
    for name in ("a_2_b_2_b_vis.png", "b_2_b_2_b_vis.png"):
        (folder / name).unlink()
    found = match_folder(folder, benchmark, allow_missing=True)
    assert set(found.missing) == {"a___b_2_b", "a_2_b___b", "b___b_2_b", "b_2_b___b"}
    assert len(found.files) == 16
    assert all(found.files[pair].name == f"{pair.replace('___', '_2_')}_vis.png" for pair in found.files)


def test_a_part_of_the_list_needs_its_own_files_only(benchmark: Benchmark, tmp_path: Path) -> None:
    folder = write_layout(tmp_path / "whole", "pcdms", benchmark)
    part = benchmark.limited(5)
    found = match_folder(folder, part)
    assert list(found.files) == [pair.id for pair in part.pairs]
    assert (found.missing, found.extra) == ((), ())
    shutil.copy(next(iter(found.files.values())), folder / "stranger.png")
    with pytest.raises(fb.UserError, match=r"holds 1 image \(stranger.png\) without a pair: .*--allow-missing"):
        match_folder(folder, part)
    assert match_folder(folder, part, allow_missing=True).extra == ("stranger.png",)


def test_an_incomplete_folder_has_other_fingerprints(studio: Benchmark, plain: Record, tmp_path: Path) -> None:
    folder = write_layout(tmp_path / "images", "gfla", studio)
    gone = [studio.pairs[0], studio.pairs[7]]
    for pair in gone:
        (folder / f"{NAMES['gfla'](pair.source, pair.target)}.png").unlink()
    (folder / "grid.jpg").write_bytes(b"no image at all, and never opened")
    command = [
        "evaluate", str(folder), "-n", "mine", "-p", "ssim,psnr", "--limit", "10", "-o", str(tmp_path / "run"),
        "--processes", "1",
    ]  # fmt: skip
    refused = CliRunner().invoke(cli, command)
    assert isinstance(refused.exception, fb.UserError)
    assert "lacks 2 of 10 pairs" in str(refused.exception)
    absent = ", ".join(f"{NAMES['gfla'](pair.source, pair.target)}.png" for pair in gone)
    assert f"first {absent} and holds 1 image (grid.jpg) without a pair: " in str(refused.exception)
    done = CliRunner().invoke(cli, [*command, "--allow-missing"])
    assert done.exit_code == 0, done.output
    assert f"Without a generated image: 2 pairs ({gone[0].id}, {gone[1].id})." in done.stderr
    assert "Ignored, because no pair has this name: 1 file (grid.jpg)." in done.stderr
    record = read_record(tmp_path / "run")
    assert record.model.folder is not None
    assert record.model.folder.missing == tuple(pair.id for pair in gone)
    assert record.model.folder.extra == ("grid.jpg",)
    assert (record.benchmark.n_pairs, record.benchmark.missing, record["ssim"].n) == (8, 2, 8)
    for pair in studio.pairs:
        assert (pair.id in record["ssim"].per_pair) == (pair not in gone)
        if pair not in gone:
            assert record["ssim"].per_pair[pair.id] == plain["ssim"].per_pair[pair.id]
    assert {s.fingerprint for s in record.scores}.isdisjoint({s.fingerprint for s in plain.scores})
    validated = CliRunner().invoke(cli, ["validate", str(tmp_path / "run")])
    assert validated.exit_code == 0, validated.output
    assert "the same pairs, people, keypoints and pixels" in " ".join(validated.output.split())
    text = (tmp_path / "run" / "record.json").read_text()
    (tmp_path / "run" / "record.json").write_text(text.replace('"missing": 2', '"missing": 3'))
    assert CliRunner().invoke(cli, ["validate", str(tmp_path / "run")]).exit_code == 1


def test_deepfashion_as_a_researcher_types_it(tmp_path: Path) -> None:
    people = stand_in()
    people.write_tree(tmp_path / "data")
    people.write_lists(tmp_path / "data")
    words = ["data", "prepare", "deepfashion", "--root", str(tmp_path / "data"), "--out", str(tmp_path / "prepared")]
    assert CliRunner().invoke(cli, words).exit_code == 0
    benchmark = load_benchmark("deepfashion", tmp_path / "prepared")
    folder = write_layout(tmp_path / "rate_results", "rate", benchmark)  # named by .jpg; the prepared images are PNG
    words = [
        "evaluate", str(folder), "--name", "RATE", "-b", "deepfashion", "--data-root", str(tmp_path / "prepared"),
        "--subset", "leak-free", "-p", "psnr", "-o", str(tmp_path / "run"), "--processes", "1",
    ]  # fmt: skip
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    assert "Layout rate: 40 images of 176x256; PNG." in done.output
    record = read_record(tmp_path / "run")
    assert record["psnr"].n == 40
    whole = fb.evaluate(
        write_layout(tmp_path / "plain", "plain", benchmark), "RATE", "deepfashion", "psnr",
        data_root=tmp_path / "prepared", out=tmp_path / "whole",
    )  # fmt: skip
    per_pair = record["psnr"].per_pair
    assert len(whole["psnr"].per_pair) == 60
    assert per_pair.equals(whole["psnr"].per_pair[per_pair.index])


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
