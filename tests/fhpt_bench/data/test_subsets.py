"""Subsets of a benchmark: their pairs, and that their scores have other fingerprints than those of all pairs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import fhpt_bench as fb
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.cli import cli
from fhpt_bench.commands.data import data
from fhpt_bench.commands.validate import validate
from fhpt_bench.data.names import parse_name
from fhpt_bench.errors import UserError
from fhpt_bench.records.schema import read_record

# The tiny benchmark: twelve people with one item each, the even ones men; each has one pair in both directions.
LEAKING = "fashionWOMENDressesid0000000309_1front.jpg"  # the same item with another gender, category and colour


def leak(tiny: Path) -> None:
    """Add an image of test item 3 to the training list."""
    with (tiny.parent / "train.lst").open("a") as file:
        file.write(f"{LEAKING}\n")
    (tiny.parent / "train" / LEAKING).write_bytes(next((tiny.parent / "train").iterdir()).read_bytes())


def test_subsets_contain_the_right_pairs(tiny: Path) -> None:
    leak(tiny)
    whole = load_benchmark(str(tiny))
    men, women, front, free = (
        load_benchmark(str(tiny), subset=subset) for subset in ("men", "women", "view=front", "leak-free")
    )
    assert [len(part.pairs) for part in (men, women, front, free)] == [12, 12, 12, 22]
    assert {parse_name(name).gender for name in men.images} == {"MEN"}
    assert {*men.pairs, *women.pairs} == set(whole.pairs)
    assert all(pair.target.endswith("_1front.jpg") for pair in front.pairs)
    assert {parse_name(pair.source).item for pair in {*whole.pairs} - {*free.pairs}} == {"00000003"}
    digests = [part.pairs_digest for part in (whole, men, women, front, free)]
    assert len(set(digests)) == 5


def test_a_limit_applies_to_the_subset(tiny: Path) -> None:
    part = load_benchmark(str(tiny), subset="men", limit=6)
    assert (part.subset, part.limit, len({pair.person for pair in part.pairs})) == ("men", 6, 6)
    assert {*part.pairs} < {*load_benchmark(str(tiny), subset="men").pairs}


def test_a_subset_with_all_pairs_is_the_benchmark_itself(tiny: Path) -> None:
    part = load_benchmark(str(tiny), subset="leak-free")
    assert part.subset is None
    assert part.pairs_digest == load_benchmark(str(tiny)).pairs_digest


@pytest.mark.parametrize(
    ("subset", "message"),
    [("man", "did you mean men"), ("view=up", "no subset 'view=up'"), ("view=back", "contains none of the 24 pairs")],
)
def test_a_wrong_subset_is_refused(tiny: Path, subset: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_benchmark(str(tiny), subset=subset)


def test_leakage_needs_a_training_list(tiny: Path) -> None:
    tiny.write_text(tiny.read_text().replace('train_images = "train"\ntrain_list = "train.lst"\n', ""))
    with pytest.raises(UserError, match="training list of tiny is missing"):
        load_benchmark(str(tiny), subset="leak-free")
    done = CliRunner().invoke(data, ["leakage", str(tiny)])
    assert "training list of tiny is missing" in str(done.exception)


def test_leakage_needs_no_training_images(tiny: Path) -> None:
    leak(tiny)
    (tiny.parent / "train").rename(tiny.parent / "elsewhere")
    part = load_benchmark(str(tiny), subset="leak-free")
    assert len(part.pairs) == 22
    assert not part.train_images


def test_unparsable_names_are_reported(tiny: Path) -> None:
    for file in ("pairs.csv", "keypoints.csv"):
        path = tiny.parent / file
        path.write_text(path.read_text().replace("fashion", "photo"))
    with pytest.raises(UserError, match=r"photoMEN.*\.jpg is not known, which subsets and leakage need"):
        load_benchmark(str(tiny), subset="men")


def test_leakage_is_counted(tiny: Path) -> None:
    leak(tiny)
    done = CliRunner().invoke(data, ["leakage", str(tiny)])
    assert done.output.splitlines() == [
        "test       24 images of 12 items",
        "training   8 images of 8 items, 1 of which are in the test images too",
        "pairs      24 of 12 items, 1 of which are in the training images too",
        "           2 pairs (8.3 %) show such an item",
        "leak-free  22 pairs: measure them with --subset leak-free",
    ]
    assert CliRunner().invoke(data, ["leakage"]).output.splitlines()[-1] == "leak-free  800 pairs"


def test_a_subset_has_other_fingerprints_and_folders(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = fb.run("copy-source", str(tiny), "psnr")
    women = fb.run("copy-source", str(tiny), "psnr", subset="women")
    few = fb.run("copy-source", str(tiny), "psnr", subset="view=front", limit=6)
    assert [str(record.folder) for record in (whole, women, few)] == [
        "runs/tiny/copy-source", "runs/tiny/copy-source-women", "runs/tiny/copy-source-view_front-limit6"
    ]  # fmt: skip
    assert [record.benchmark.subset for record in (whole, women, few)] == [None, "women", "view=front"]
    assert len({record["psnr"].fingerprint for record in (whole, women, few)}) == 3
    assert women["psnr"].n == 12
    shown = CliRunner().invoke(cli, ["leaderboard", "--no-reference", "--format", "csv"]).output
    assert [line.split(",")[3:6] for line in shown.splitlines()[1:]] == [
        ["", "", "24"], ["view=front", "6", "6"], ["women", "", "12"]
    ]  # fmt: skip
    table = CliRunner().invoke(cli, ["leaderboard", "--subset", "women"]).output
    assert "12 pairs, subset women" in table
    assert "24 pairs" not in table
    assert "No record of --subset men" in str(CliRunner().invoke(cli, ["leaderboard", "--subset", "men"]).exception)
    # The generated images of the run with all pairs can be evaluated on the subset.
    again = fb.evaluate(whole.folder / "images", "again", str(tiny), "psnr", subset="women")
    assert again["psnr"].value == women["psnr"].value
    assert again["psnr"].fingerprint == women["psnr"].fingerprint


def test_a_record_without_a_subset_is_still_read(tiny: Path, tmp_path: Path) -> None:
    fb.run("copy-source", str(tiny), "psnr", out=tmp_path / "run")
    file = tmp_path / "run" / "record.json"
    content = json.loads(file.read_text())
    del content["benchmark"]["subset"]
    file.write_text(json.dumps(content))
    assert read_record(file).benchmark.subset is None


def test_studio_has_no_leakage_and_its_subsets_validate(tmp_path: Path) -> None:
    arguments = [
        "run",
        "-m",
        "copy-source",
        "-p",
        "psnr",
        "--subset",
        "leak-free",
        "--limit",
        "5",
        "-o",
        str(tmp_path / "a"),
    ]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    assert "--subset leak-free contains all pairs of studio" in done.stderr
    fb.run("copy-source", "studio", "psnr", subset="view=back", limit=5, out=tmp_path / "b")
    done = CliRunner().invoke(validate, [str(tmp_path / "b")])
    assert done.exit_code == 0, done.output
    assert "studio 1.0: the same pairs" in done.output
