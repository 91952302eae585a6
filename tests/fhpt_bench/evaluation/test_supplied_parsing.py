"""`--parsing DIR`: the regions of the target images from a parser's label maps."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import fhpt_bench as fb
from fhpt_bench.benchmark import Benchmark, load_benchmark
from fhpt_bench.cli import cli
from fhpt_bench.data.names import stem
from fhpt_bench.data.parsing_maps import LABELS, NO_REGION, OWN, REGIONS, read_labels, regions_of
from fhpt_bench.networks.alexnet import AlexNetMaps
from fhpt_bench.records.comparison import what_differs
from fhpt_bench.records.validation import validate_record

SIZE = (64, 48)
# A parser's label -> the region, where a table says more than the name of the class.
SOME = {
    "schp-lip": {0: "background", 1: "hair", 3: "arms", 4: "face", 6: "upper-body", 8: "legs", 10: "upper-body",
                 12: "lower-body", 13: "face", 15: "arms", 17: "legs", 19: "legs"},
    "schp-atr": {1: "hair", 3: "face", 4: "upper-body", 5: "lower-body", 7: "upper-body", 8: "lower-body", 9: "legs",
                 11: "face", 12: "legs", 15: "arms", 16: None, 17: "upper-body"},
    "cihp": {2: "hair", 7: "upper-body", 9: "lower-body", 10: "upper-body", 13: "face", 14: "arms", 16: "legs"},
    OWN: {0: "background", 1: "hair", 2: "upper-body", 3: "lower-body", 4: "legs", 5: "face", 6: "arms", 7: "legs",
          8: "upper-body"},
}  # fmt: skip


def halves(target: str) -> np.ndarray:
    """The labels of one map in the benchmarks' own classes: a face above, background below."""
    labels = np.zeros(SIZE, np.uint8)
    labels[: 20 + len(target) % 7] = 5
    return labels


def write(folder: Path, benchmark: Benchmark, translate: dict[int, int] | None = None) -> Path:
    folder.mkdir(parents=True)
    for target in benchmark.targets:
        labels = halves(target)
        image = Image.fromarray(np.vectorize((translate or {0: 0, 5: 5}).get)(labels).astype(np.uint8))
        image.putpalette(list(range(256)) * 3)
        image.save(folder / f"{stem(target)}.png")
    return folder


def with_own_maps(tiny: Path) -> None:
    """Give the tiny benchmark a table of its own."""
    benchmark = load_benchmark(str(tiny))
    names = list(benchmark.images)
    np.savez(tiny.parent / "parsing.npz", names=np.array(names), labels=np.stack([halves(name) for name in names]))
    tiny.write_text(tiny.read_text() + 'parsing = "parsing.npz"\n')


def test_the_tables_of_labels() -> None:
    assert {name: len(classes) for name, classes in LABELS.items()} == {
        OWN: 9, "schp-lip": 20, "schp-atr": 18, "cihp": 20,
    }  # fmt: skip
    for table, some in SOME.items():
        every = regions_of(np.arange(len(LABELS[table]), dtype=np.uint8)[None], table, "x")[0]
        for label, region in some.items():
            assert every[label] == (NO_REGION if region is None else REGIONS.index(region)), (table, label)
        # A class that is in no region by mistake would be left out of all scores.
        assert (every == NO_REGION).sum() == (table == "schp-atr")
        assert set(range(len(REGIONS))) <= set(every.tolist())


def test_grey_and_palette_maps_are_read(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).integers(0, 4, SIZE).astype(np.uint8)
    grey, palette = Image.fromarray(labels), Image.fromarray(labels)
    palette.putpalette([9, 9, 9] * 4)  # all of one colour
    for name, image, more in (("grey", grey, {}), ("palette", palette, {}), ("two bits", palette, {"bits": 2})):
        image.save(tmp_path / f"{name}.png", **more)
        assert np.array_equal(read_labels(tmp_path / f"{name}.png", SIZE), labels), name
    assert (tmp_path / "two bits.png").read_bytes()[24] == 2


@pytest.mark.parametrize("table", ["schp-lip", "schp-atr", "cihp", OWN])
def test_exact_maps_as_files_give_the_same_scores(tiny: Path, tmp_path: Path, table: str) -> None:
    with_own_maps(tiny)
    benchmark = load_benchmark(str(tiny))
    label = {region: label for label, region in SOME[table].items()} | {"background": 0}
    folder = write(tmp_path / "maps", benchmark, {0: 0, 5: label["face"]})
    own = fb.run("copy-source", str(tiny), "regions", limit=6, out=tmp_path / "own")
    given = fb.run(
        "copy-source", str(tiny), "regions", limit=6, out=tmp_path / "given", parsing=folder, parsing_labels=table
    )
    assert own.benchmark.parsing_labels == OWN
    assert given.benchmark.parsing_labels == table
    for score, other in zip(own.scores, given.scores, strict=True):
        assert score.value == other.value
        # The table is part of the fingerprint: equal regions may have had other classes.
        assert (score.fingerprint == other.fingerprint) == (table == OWN)
    assert own["regions:canonical:ssim-face"].n == 6
    assert own["regions:canonical:ssim-arms"].status == "skipped"
    assert "6 pairs with under 64 pixels inside the region's edge" in str(own["regions:canonical:ssim-arms"].reason)
    if table != OWN:
        assert any("parsing maps" in text for text in what_differs(own, given, own["regions:canonical:ssim-face"]))


def test_other_maps_are_another_fingerprint_of_this_protocol_alone(tiny: Path, tmp_path: Path) -> None:
    benchmark = load_benchmark(str(tiny))
    before = fb.run("copy-source", str(tiny), "psnr,regions", out=tmp_path / "none")
    assert before["regions:canonical:ssim-face"].status == "skipped"
    assert "has no parsing maps: give those of its target images with --parsing" in str(
        before["regions:canonical:ssim-face"].reason
    )
    one = write(tmp_path / "maps", benchmark)
    moved = shutil.copytree(one, tmp_path / "moved")
    file = moved / f"{stem(benchmark.targets[3])}.png"
    Image.fromarray(np.roll(np.asarray(Image.open(file)), 1, 0)).save(file)
    records = [
        fb.run("copy-source", str(tiny), "psnr,regions", out=tmp_path / f"run-{folder.name}", parsing=folder,
               parsing_labels=OWN)
        for folder in (one, moved)
    ]  # fmt: skip
    assert len({record["regions:canonical:ssim-face"].fingerprint for record in (before, *records)}) == 3
    assert len({record["psnr"].fingerprint for record in (before, *records)}) == 1
    assert records[0].benchmark.parsing_sha256 != records[1].benchmark.parsing_sha256
    assert before.benchmark.parsing_sha256 is None
    # Without a protocol that uses them, the maps are not in the record.
    assert fb.run("copy-source", str(tiny), "psnr", out=tmp_path / "psnr").benchmark.parsing_labels is None


def test_a_resumed_run_with_other_maps_measures_again(tiny: Path, tmp_path: Path) -> None:
    benchmark = load_benchmark(str(tiny))
    one = write(tmp_path / "maps", benchmark)
    other = write(tmp_path / "other", benchmark, {0: 5, 5: 0})
    values = [
        fb.run("copy-source", str(tiny), "regions", out=tmp_path / "run", parsing=folder, parsing_labels=OWN)
        for folder in (one, other, one)
    ]
    faces = [record["regions:canonical:ssim-face"].value for record in values]
    assert faces[0] == faces[2]
    assert faces[0] != faces[1]


def test_validate_names_the_authors_own_maps(tmp_path: Path) -> None:
    studio = load_benchmark("studio", limit=4)
    (tmp_path / "maps").mkdir()
    for target in studio.targets:
        Image.fromarray(studio.truth.parsing[target]).save(tmp_path / "maps" / f"{stem(target)}.png")
    own = fb.run("copy-source", "studio", "regions", limit=4, out=tmp_path / "own")
    given = fb.run(
        "copy-source", "studio", "regions", limit=4, out=tmp_path / "given", parsing=tmp_path / "maps",
        parsing_labels="cihp",
    )  # fmt: skip
    checks = [{check.name: check for check in validate_record(record).checks} for record in (own, given)]
    assert [found["parsing maps"].status for found in checks] == ["ok", "cannot"]
    assert "labels of cihp" in checks[1]["parsing maps"].detail
    assert [found["fingerprint"].status for found in checks] == ["ok", "ok"]
    assert not [check for found in checks for check in found.values() if check.status == "WRONG"]


def test_models_do_not_receive_the_maps(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "given.py").write_text(
        "from fhpt_bench.model import Generator, ModelCard\n\n\nclass Given(Generator):\n"
        '    card = ModelCard("given", "needs the map", conditioning=("pose", "parsing"))\n\n'
        "    def generate(self, batch):\n        return batch.source\n"
    )
    folder = write(tmp_path / "maps", load_benchmark(str(tiny)))
    with pytest.raises(fb.UserError, match="needs the target's parsing, which tiny lacks"):
        fb.run(f"{tmp_path}/given.py:Given", str(tiny), "regions", out=tmp_path / "run", parsing=folder,
               parsing_labels=OWN)  # fmt: skip


def test_what_is_wrong_is_said_before_any_network_loads(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AlexNetMaps, "__init__", None)
    benchmark = load_benchmark(str(tiny))
    good = write(tmp_path / "maps", benchmark)
    first = f"{stem(benchmark.targets[0])}.png"

    def refused(
        folder: Path | None, message: str, labels: str | None = "schp-lip", chosen: str = "regions,lpips"
    ) -> None:
        with pytest.raises(fb.UserError, match=message) as error:
            fb.run("copy-source", str(tiny), chosen, out=tmp_path / "run", parsing=folder, parsing_labels=labels)
        assert "\n" not in str(error.value)
        assert not (tmp_path / "run" / "record.json").exists()

    def spoilt(name: str, change: Callable[[Path], object]) -> Path:
        folder = shutil.copytree(good, tmp_path / name)
        change(folder / first)
        return folder

    def drawn(array: np.ndarray) -> Callable[[Path], object]:
        return lambda path: Image.fromarray(array).save(path, "PNG")

    zeros = np.zeros(SIZE, np.uint8)
    outside = zeros.copy()
    outside[5, 7] = 20
    bits = Image.fromarray(zeros > 0)
    refused(None, "--parsing-labels is given without --parsing")
    refused(good, "--parsing needs --parsing-labels, .*: fhpt-bench, schp-lip, schp-atr, cihp", None)
    refused(good, "no table of labels 'lip' .*schp-lip", "lip")
    refused(good, "--parsing is given, but no chosen protocol uses parsing maps", chosen="psnr")
    refused(tmp_path / "nowhere", "no folder of parsing maps .*nowhere")
    refused(spoilt("missing", Path.unlink), f"parsing maps of 1 of 24 target images are missing, first {first}")
    refused(tmp_path / "data", "parsing maps of 24 of 24 target images are missing")
    refused(spoilt("large", drawn(np.zeros((64, 47), np.uint8))), f"{first} is 47 wide and 64 high, but .* 48 wide")
    refused(spoilt("label", drawn(outside)), f"{first} has the label 20, but schp-lip has the labels 0 to 19")
    refused(spoilt("atr", drawn(outside - outside + 18)), "label 18, but schp-atr has the labels 0 to 17", "schp-atr")
    refused(spoilt("colour", drawn(np.zeros((*SIZE, 3), np.uint8))), f"{first} is not one label per pixel")
    refused(spoilt("deep", drawn(np.zeros(SIZE, np.uint16))), f"{first} is not one label per pixel")
    refused(spoilt("bits", lambda path: bits.save(path)), f"{first} is not one label per pixel")
    refused(spoilt("empty", lambda path: path.write_bytes(b"")), f"{first} is not a PNG file")
    refused(spoilt("jpeg", lambda path: Image.fromarray(zeros).save(path, "JPEG")), f"{first} is not a PNG file")
    refused(spoilt("cut", lambda path: path.write_bytes(path.read_bytes()[:90])), f"{first} cannot be decoded")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.full(SIZE, 9, np.uint8), "has the label 9, but fhpt-bench has the labels 0 to 8"),
        (np.zeros((48, 64), np.uint8), r"is \(48, 64\), not \(64, 48\): make its table again"),
    ],
)
def test_a_wrong_table_of_the_benchmark_is_refused(
    tiny: Path, tmp_path: Path, labels: np.ndarray, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AlexNetMaps, "__init__", None)
    names = load_benchmark(str(tiny)).images
    np.savez(tiny.parent / "parsing.npz", names=np.array(names), labels=np.stack([labels] * len(names)))
    tiny.write_text(tiny.read_text() + 'parsing = "parsing.npz"\n')
    with pytest.raises(fb.UserError, match=message):
        fb.run("copy-source", str(tiny), "regions", out=tmp_path / "run")
    assert fb.run("copy-source", str(tiny), "psnr", out=tmp_path / "psnr")["psnr"].status == "ok"


def test_the_command_draws_a_bar_chart_of_all_models(tiny: Path, tmp_path: Path) -> None:
    folder = write(tmp_path / "maps", load_benchmark(str(tiny)))
    for model in ("copy-source", "warp"):
        done = CliRunner().invoke(
            cli,
            ["run", "-m", model, "-b", str(tiny), "-p", "regions", "-o", str(tmp_path / "runs" / model), "--parsing",
             str(folder), "--parsing-labels", "fhpt-bench", "--processes", "1"],
            catch_exceptions=False,
        )  # fmt: skip
        assert done.exit_code == 0, done.output
    drawn = {path.name for path in (tmp_path / "runs" / "warp" / "figures").iterdir()}
    assert {f"regions_canonical_{measure}.png" for measure in ("ssim", "psnr", "lpips", "colour")} <= drawn


def test_an_evaluator_gives_the_values_of_a_run(tiny: Path, tmp_path: Path) -> None:
    with_own_maps(tiny)
    record = fb.run("copy-source", str(tiny), "regions", out=tmp_path / "run")
    evaluator = fb.Evaluator(str(tiny), protocols="regions", device="cpu")
    found = evaluator(lambda batch: batch.source)
    assert found["regions:ssim-face"] == record["regions:canonical:ssim-face"].value
    assert found["regions:lpips-background"] == pytest.approx(
        record["regions:canonical:lpips-background"].value, rel=1e-6
    )


@pytest.mark.parametrize("label", [256, -1, 0.5, np.nan])
def test_a_table_with_labels_that_are_no_labels_is_refused(tiny: Path, label: float) -> None:
    names = load_benchmark(str(tiny)).images
    np.savez(tiny.parent / "parsing.npz", names=np.array(names), labels=np.full((len(names), *SIZE), label))
    tiny.write_text(tiny.read_text() + 'parsing = "parsing.npz"\n')
    with pytest.raises(fb.UserError, match="has labels that are not 0 to 255"):
        load_benchmark(str(tiny))
