"""`fhpt-bench data prepare market1501`, on substitute data with Market-1501's names and lists."""

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
from fhpt_bench.data.names import parse_market_name
from fhpt_bench.data.prepare.market import pairs_by_rule
from fhpt_bench.errors import UserError
from fhpt_bench.evaluation.generated_folder import match_folder
from fhpt_bench.model import Generator, ModelCard
from tests.market_standin import MarketStandIn, market_stand_in


@pytest.fixture(scope="module")
def people() -> MarketStandIn:
    return market_stand_in(test_people=4)


@pytest.fixture
def root(people: MarketStandIn, tmp_path: Path) -> Path:
    """The folders of the data set, and the annotations of PATN, without a pair list."""
    people.write_images(tmp_path / "data" / "Market")
    for split in ("test", "train"):
        people.write_keypoints(tmp_path / "data" / f"market-annotation-{split}.csv", split)
    return tmp_path / "data"


def prepare(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["data", "prepare", "market1501", *map(str, arguments)])


def said(name: str):
    found = parse_market_name(name)
    assert found is not None
    return found


def drawn(people: MarketStandIn) -> list[tuple[str, str]]:
    return pairs_by_rule({said(name).stem: pose for name, pose in people.poses["test"].items()})


def test_prepared_folder_is_the_benchmark(people: MarketStandIn, root: Path, tmp_path: Path) -> None:
    done = prepare("--root", root, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    pairs = drawn(people)
    for text in (
        "4 by name; 1 of 0000, 1 of -1, which name no person", f"{len(pairs)} drawn from the keypoint file by PATN's",
        "differs from PATN's published list (12000 entries)", "10, the images of the training keypoints",
    ):  # fmt: skip
        assert text in done.output
    benchmark = load_benchmark("market1501", tmp_path / "out")
    assert sorted((pair.source, pair.target) for pair in benchmark.pairs) == sorted(
        (f"{source}.png", f"{target}.png") for source, target in pairs
    )
    assert benchmark.image_size == (128, 64)
    assert benchmark.people_known
    assert {pair.person for pair in benchmark.pairs} == {source[:4] for source, _ in pairs}
    assert all(pair.person == pair.target[:4] for pair in benchmark.pairs)
    assert len(benchmark.train_images) == 10
    for name, pose in people.poses["test"].items():
        np.testing.assert_array_equal(benchmark.poses[f"{said(name).stem}.png"], pose)
        if f"{said(name).stem}.png" in benchmark.images:
            expected = read_image(root / "Market" / "bounding_box_test" / name)
            np.testing.assert_array_equal(read_image(benchmark.folder / f"{said(name).stem}.png"), expected)
    checked = CliRunner().invoke(cli, ["data", "check", "market1501", "--data-root", str(tmp_path / "out")])
    assert checked.exit_code == 0, checked.output
    assert "each 64 wide and 128 high" in checked.output


def test_a_run_measures_what_needs_no_download(root: Path, tmp_path: Path) -> None:
    prepare("--root", root, "--out", tmp_path / "out")
    chosen = "ssim,ssim:market,mask-ssim,psnr"
    record = fb.run("copy-source", "market1501", chosen, data_root=tmp_path / "out", out=tmp_path / "run")
    assert all(score.status == "ok" and score.n == record.benchmark.n_pairs for score in record.scores)
    real = fb.run("real", "market1501", chosen, data_root=tmp_path / "out", out=tmp_path / "real")
    assert real["mask-ssim"].value == pytest.approx(1)
    assert 0 < record["mask-ssim"].value < 1


def test_an_images_name_may_end_with_jpg_twice(people: MarketStandIn, root: Path, tmp_path: Path) -> None:
    """In the data set's folder, and in the names of other tools' results."""
    prepare("--root", root, "--out", tmp_path / "out")
    benchmark = load_benchmark("market1501", tmp_path / "out")
    twice = next(name for name in people.images["test"] if name.endswith(".jpg.jpg"))
    plain = f"{said(twice).stem}.png"
    if plain not in benchmark.images:
        pytest.fail("the stand-in must use the image whose name ends with .jpg twice")
    names = {f"{said(name).stem}.png": name for name in people.images["test"]}
    for i, form in enumerate(("{s}___{t}_vis.png", "{p}_2_{q}_vis.png", "{s}_{t}.png")):
        folder = tmp_path / f"results{i}"
        folder.mkdir()
        made = {}
        for pair in benchmark.pairs:
            s, t = names[pair.source], names[pair.target]
            file = form.format(s=s, t=t, p=s.removesuffix(".jpg"), q=t.removesuffix(".jpg"))
            width = 64 * (5, 1, 3)[i]
            Image.new("RGB", (width, 128)).save(folder / file)
            made[pair.id] = file
        found = match_folder(folder, benchmark)
        assert {pair: path.name for pair, path in found.files.items()} == made
        assert found.layout == ("patn", "gfla", "dsc")[i]


def test_a_given_pair_list_is_used(people: MarketStandIn, root: Path, tmp_path: Path) -> None:
    names = {said(name).stem: name for name in people.images["test"]}
    some = drawn(people)[:5]
    text = "\n".join(["from,to", *(f"{names[source]},{names[target]}" for source, target in some)])
    (root / "market-pairs-test.csv").write_text(text)
    done = prepare("--root", root, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "5 in " in done.output
    assert len(load_benchmark("market1501", tmp_path / "out").pairs) == 5


def test_both_splits_in_one_folder(people: MarketStandIn, root: Path, tmp_path: Path) -> None:
    prepare("--root", root, "--out", tmp_path / "first")
    shutil.rmtree(root / "Market")
    people.write_images(root / "market_data", folders="")
    done = prepare("--root", root, "--out", tmp_path / "second")
    assert done.exit_code == 0, done.output
    first, second = (
        {file.relative_to(tmp_path / name): file.read_bytes() for file in (tmp_path / name).rglob("*.*")
         if file.name not in ("prepared.json", "manifest.json")}
        for name in ("first", "second")
    )  # fmt: skip
    assert first == second
    source = json.loads((tmp_path / "second" / "prepared.json").read_text())
    assert (source["benchmark"], source["archive"]) == ("market1501", "whole")


def two_people(people: MarketStandIn, root: Path) -> None:
    one, other = (next(n for n in people.images["test"] if n.startswith(who)) for who in ("0011", "0012"))
    (root / "market-pairs-test.csv").write_text(f"from,to\n{one},{other}\n")


def nobody(people: MarketStandIn, root: Path) -> None:
    (root / "market-pairs-test.csv").write_text("from,to\n0000_c1s1_000000_01.jpg,0000_c1s1_000001_01.jpg\n")


def other_name(people: MarketStandIn, root: Path) -> None:
    (root / "market-pairs-test.csv").write_text("from,to\na.jpg,b.jpg\n")


def no_keypoints(people: MarketStandIn, root: Path) -> None:
    (root / "market-annotation-test.csv").unlink()


def no_image(people: MarketStandIn, root: Path) -> None:
    (root / "Market" / "bounding_box_test" / f"{drawn(people)[-1][0]}.jpg").unlink()


def larger(people: MarketStandIn, root: Path) -> None:
    for file in (root / "Market" / "bounding_box_test").iterdir():
        Image.new("RGB", (128, 256)).save(file)


def one_larger(people: MarketStandIn, root: Path) -> None:
    last = max(name for pair in drawn(people) for name in pair)
    Image.new("RGB", (64, 127)).save(next((root / "Market" / "bounding_box_test").glob(f"{last}.jpg*")))


def twice(people: MarketStandIn, root: Path) -> None:
    shutil.copytree(root / "Market" / "bounding_box_test", root / "copy")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (two_people, "The pair 0011.*, 0012.* does not show one person by its names"),
        (nobody, "does not show one person by its names: remove it"),
        (other_name, "names 'a.jpg', not an image of Market-1501: remove it"),
        (
            no_keypoints,
            r"the test keypoint file \(market-annotation-test.csv\); PATN's authors provide it \(market_data",
        ),
        (no_image, r"1 of \d+ test images \(bounding_box_test/\); Market-1501's authors"),
        (larger, r"the test images \(bounding_box_test/\); Market-1501's authors"),
        (one_larger, "is 64 wide and 127 high, but the benchmark's are 64 wide and 128 high"),
        (twice, "both contain all test images: remove one of them"),
    ],
)
def test_a_mistake_gives_one_sentence(
    people: MarketStandIn, root: Path, tmp_path: Path, damage: Callable[[MarketStandIn, Path], None], message: str
) -> None:
    damage(people, root)
    done = prepare("--root", root, "--out", tmp_path / "out")
    assert isinstance(done.exception, UserError), done.output
    with pytest.raises(UserError, match=message):
        raise done.exception
    assert "\n" not in str(done.exception)
    assert not (tmp_path / "out" / "manifest.json").exists()


class Large(Generator):
    """Paints images of DeepFashion's size only."""

    card = ModelCard("large", "a model of one size")

    def generate(self, batch):
        return batch.source.new_zeros(len(batch.keys), 3, 256, 176)


def test_a_model_of_another_size_is_refused_in_one_sentence(root: Path, tmp_path: Path) -> None:
    prepare("--root", root, "--out", tmp_path / "out")
    with pytest.raises(UserError, match=r"256.*176.*128.*64") as raised:
        fb.run(Large(), "market1501", "psnr", data_root=tmp_path / "out", out=tmp_path / "run")
    assert "\n" not in str(raised.value)
