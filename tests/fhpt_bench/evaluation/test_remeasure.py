"""`validate --images DIR --recompute SHARE`: a random share of the pairs is measured again and compared."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import fhpt_bench as fb
from fhpt_bench.cli import cli
from fhpt_bench.evaluation import remeasure as module
from fhpt_bench.evaluation.remeasure import remeasure
from fhpt_bench.reading import sha256_file
from fhpt_bench.records.pair_table import read_pair_values
from fhpt_bench.statistics import cluster_bootstrap

SSIM = "ssim:canonical:ssim"
PAIRS = 12


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, [*map(str, words)])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "run"
    fb.run("copy-source", protocols="psnr,ssim,fd-effnet-lite0", limit=PAIRS, out=folder)
    return folder


@pytest.fixture(scope="module")
def packed(run: Path) -> Path:
    file = run.parent / "mine.zip"
    assert call("submit", run, "--who", "Ann", "--made", "by hand", "--out", file).exit_code == 0
    return file


def made_up(run: Path, place: Path, change: Callable[[pd.Series], pd.Series]) -> Path:
    """A copy of a run whose SSIM values are changed consistently: pairs.csv, mean, interval and digests."""
    folder = shutil.copytree(run, place / "made-up")
    record = json.loads((folder / "record.json").read_text())
    table = pd.read_csv(folder / "pairs.csv", dtype={"person": str})
    table[SSIM] = change(table[SSIM])
    table.to_csv(folder / "pairs.csv", index=False)
    values = read_pair_values(folder, PAIRS)[SSIM]
    columns = (values["value"].to_numpy(), values["weight"].to_numpy(), values["person"].to_numpy(str))
    interval = cluster_bootstrap(*columns)
    assert interval is not None
    (entry,) = (score for score in record["scores"] if score["metric"] == "ssim")
    entry["value"], entry["interval"][:2] = values["value"].mean(), [interval.low, interval.high]
    record["pairs"]["sha256"] = sha256_file(folder / "pairs.csv")
    (folder / "record.json").write_text(json.dumps(record))
    return folder


def test_a_true_submission_passes(run: Path, packed: Path) -> None:
    result = call("validate", packed, "--images", run / "images", "--recompute", "40%")
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    assert "2 scores, in 5 of 12 pairs, chosen at random" in text
    assert "the measured ones, for each of 12 pairs" in text
    assert re.search(r"cannot measured again needs all pairs.*fd-effnet-lite0", text)


def test_the_pairs_differ_from_call_to_call(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    evaluate = module.evaluate

    def noted(folder: Path, *args: object, **options: object) -> object:
        seen.append(tuple(sorted(path.name for path in Path(folder).iterdir())))
        return evaluate(folder, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "evaluate", noted)
    for _ in range(4):
        assert [check.status for check in remeasure(fb.read_record(run), share=0.25)] == ["ok", "cannot"]
    assert {len(names) for names in seen} == {3}
    assert len(set(seen)) > 1  # 1 in 10 million by chance


@pytest.mark.parametrize(
    "change", [lambda x: x * 0.5 + 0.5, lambda x: x * 1.01], ids=["much better", "one per cent better"]
)
def test_made_up_values_are_found(run: Path, tmp_path: Path, change: Callable[[pd.Series], pd.Series]) -> None:
    folder = made_up(run, tmp_path, change)
    assert call("validate", folder).exit_code == 0  # consistent with its own files
    result = call("validate", folder, "--recompute", "40%")
    assert result.exit_code == 1
    assert re.search(rf"WRONG +measured again +{SSIM} differs", result.output)
    assert not re.search("WRONG.*psnr", result.output)


def test_other_weights_are_found(run: Path, tmp_path: Path) -> None:
    """Weights that are all 2 leave mean and interval as they are, but no image gives them."""
    folder = made_up(run, tmp_path, lambda x: x)
    table = pd.read_csv(folder / "pairs.csv", dtype={"person": str})
    table.insert(table.columns.get_loc(SSIM) + 1, f"{SSIM} weight", 2.0)
    table.to_csv(folder / "pairs.csv", index=False)
    record = json.loads((folder / "record.json").read_text())
    record["pairs"]["sha256"] = sha256_file(folder / "pairs.csv")
    (folder / "record.json").write_text(json.dumps(record))
    statuses = [check.status for check in remeasure(fb.read_record(folder), share=0.5)]
    assert statuses == ["WRONG", "cannot"]


def test_a_single_pair_may_be_odd(run: Path, tmp_path: Path) -> None:
    """A keypoint that is close to a threshold changes sides on another CPU."""
    folder = made_up(run, tmp_path, lambda x: x.where(x.index != 3, x + 0.2))
    checks = remeasure(fb.read_record(folder), images=folder / "images", share=0.999)
    (found,) = (check for check in checks if check.name == "measured again" and check.status != "cannot")
    assert (found.status, found.detail.split(": ")[1]) == ("ok", f"equal but in few pairs of {SSIM} (1)")


def test_other_images_are_found_before_anything_is_measured(run: Path, packed: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(run / "images", tmp_path / "images")
    first = sorted(folder.iterdir())[0]
    Image.new("RGB", (176, 256)).save(first)
    result = call("validate", packed, "--images", folder, "--recompute", "10%")
    assert result.exit_code == 1
    assert re.search("WRONG +pixels", result.output)
    assert "measured again" not in result.output.replace("were not measured again", "").replace("measures", "")


def test_a_folder_of_other_names_is_recognised(run: Path, packed: Path, tmp_path: Path) -> None:
    """The images in the layout of another tool, which `evaluate` reads, too."""
    (folder := tmp_path / "named").mkdir()
    for path in (run / "images").iterdir():
        source, target = path.stem.split("___")
        shutil.copy(path, folder / f"{source}_2_{target}_vis.png")
    assert call("validate", packed, "--images", folder, "--recompute", "20%").exit_code == 0


@pytest.mark.parametrize("share", ["5", "0%", "101%", "half", "-3%", "nan%"])
def test_a_wrong_share(run: Path, share: str) -> None:
    result = call("validate", run, f"--recompute={share}")
    assert "is not a share of the pairs: give a percentage such as 5%." in str(result.exception)


def test_a_wrong_folder_is_said(run: Path, packed: Path, tmp_path: Path) -> None:
    assert "does not contain the images" in str(call("validate", packed, "--recompute", "5%").exception)
    assert "There is no" in str(call("validate", packed, "--images", tmp_path / "nowhere").exception)
    (tmp_path / "one").mkdir()
    shutil.copy(sorted((run / "images").iterdir())[0], tmp_path / "one")
    assert "lacks 11 of 12 pairs" in str(call("validate", run, "--images", tmp_path / "one").exception)
