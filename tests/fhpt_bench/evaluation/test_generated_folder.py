"""Result folders of other tools: each layout, written from the same images, gives the scores of `plain`."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import fhpt_bench as fb
from fhpt_bench.benchmark import Benchmark, Pair, load_benchmark
from fhpt_bench.cli import cli
from fhpt_bench.data.layouts import LAYOUTS
from fhpt_bench.evaluation.generated_folder import match_folder
from fhpt_bench.records.schema import Record, read_record
from fhpt_bench.reporting.formatting import model_label
from tests.deepfashion_standin import stand_in
from tests.fhpt_bench.evaluation.layout_folders import NAMES, SQUARE, generated, real, scored, write_layout


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
