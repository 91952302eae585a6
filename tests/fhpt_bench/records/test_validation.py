"""`validate`: a correct record passes, and each kind of change is found by the intended check."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, settings
from hypothesis import given as drawn
from hypothesis import strategies as st
from numpy.typing import NDArray

from fhpt_bench.commands.validate import validate
from fhpt_bench.errors import UserError
from fhpt_bench.evaluation.engine import run
from fhpt_bench.records.installed_cards import standing
from fhpt_bench.records.schema import read_record
from fhpt_bench.records.validation import validate_record
from fhpt_bench.statistics import METHOD

# Protocols that are not installed: their fingerprints cannot be computed again.
SSIM, KEC, FID = "ssim-x:canonical:ssim-x", "kec-x:body:body", "fid-x:canonical:fid-x"


@pytest.fixture
def folder(
    tmp_path: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    people: list[str],
    ability: NDArray[np.float64],
) -> Path:
    """A record with plain, weighted and whole-set scores."""
    skipped = ["no body" if i % 7 == 0 else "" for i in range(60)]
    shares = np.where([bool(reason) for reason in skipped], np.nan, ability)
    scores = [
        given(SSIM, ability),
        given(KEC, shares, weight=[1.0 + i % 5 for i in range(60)], skipped=skipped),
        given(FID, 12.0, False, interval=(11.0, 13.0)),
        given("is-x:canonical:is-x", status="skipped"),
    ]
    return make_record(tmp_path / "run", scores, people)


def checks(folder: Path, status: str = "WRONG") -> dict[str, list[str]]:
    """Name -> details of the checks of a status."""
    found = {}
    for check in validate_record(read_record(folder)).checks:
        if check.status == status:
            found.setdefault(check.name, []).append(check.detail)
    return found


def edit(folder: Path, change: Callable[..., Any]) -> None:
    file = folder / "record.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def edit_pairs(folder: Path, change: Callable[..., Any], *, also_digest: bool = True) -> None:
    """Change pairs.csv and, as a careful forger would, its digest in the record."""
    file = folder / "pairs.csv"
    lines = change(file.read_text().splitlines())
    content = ("\n".join(lines) + "\n").encode()
    file.write_bytes(content)
    if also_digest:
        edit(folder, lambda record: record["pairs"].update(sha256=hashlib.sha256(content).hexdigest()))


def test_a_true_record_passes_and_what_cannot_be_checked_is_named(folder: Path) -> None:
    assert not checks(folder)
    assert set(checks(folder, "ok")) == {
        "schema", "cards", "fingerprints", "pairs.csv", "counts", "values", "intervals", "other intervals", "images",
    }  # fmt: skip
    assert validate_record(read_record(folder)).summary == (
        "Nothing that could be checked is wrong. 2 of 3 scores follow from pairs.csv."
    )
    cannot = checks(folder, "cannot")
    assert FID in cannot["whole-set scores"][0]
    assert set(cannot) == {
        "whole-set scores",
        "values by pair",
        "provenance",
        "benchmark",
        "fingerprint",
        "installed protocols",
        "left out",
    }


def score(i: int, **changes: object) -> Callable[..., Any]:
    return lambda record: record["scores"][i].update(changes)


def metric(i: int, **changes: object) -> Callable[..., Any]:
    return lambda record: record["protocols"][i]["metrics"][0].update(changes)


TAMPERING = {
    "value nudged": (score(0, value=0.5000001), "values"),
    "weighted value nudged": (score(1, value=0.5000001), "values"),
    "interval narrowed": (score(0, interval=[0.49, 0.51, METHOD]), "intervals"),
    "interval dropped": (score(0, interval=None), "intervals"),
    "interval of another method without its value": (score(0, interval=[0.0, 0.1, "guess"]), "intervals"),
    "interval upside down": (score(2, interval=[13.0, 11.0, "jackknife"]), "other intervals"),
    "interval without its value": (score(2, interval=[13.0, 14.0, "jackknife"]), "other intervals"),
    "n raised": (score(0, n=61), "counts"),
    "skipped hidden": (score(1, skipped={}), "counts"),
    "fingerprint too short": (score(0, fingerprint="abc"), "fingerprints"),
    "fingerprint not hexadecimal": (score(0, fingerprint="g" * 64), "fingerprints"),
    "value above its range": (metric(0, range=[-1.0, 0.1]), "cards"),
    "value below its range": (metric(2, range=[20.0, None]), "cards"),
    "direction turned": (score(0, higher_is_better=False), "cards"),
    "unit changed": (score(0, unit="dB"), "cards"),
    "metric on no card": (metric(0, name="other"), "cards"),
    "rows changed": (lambda record: record["pairs"].update(rows=61), "pairs.csv"),
    "pairs of the benchmark changed": (lambda record: record["benchmark"].update(n_pairs=61), "pairs.csv"),
    "another file named": (lambda record: record["pairs"].update(file="../elsewhere.csv"), "pairs.csv"),
    "digest changed": (lambda record: record["pairs"].update(sha256="0" * 64), "pairs.csv"),
    "score removed": (lambda record: record["scores"].pop(0), "pairs.csv"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "name"), TAMPERING.values(), ids=TAMPERING.keys())
def test_a_tampered_record_is_found_out(folder: Path, change: Callable[..., Any], name: str) -> None:
    edit(folder, change)
    assert {name} <= set(checks(folder)) <= {name, "installed protocols"}


def swap_people(lines: list[str]) -> list[str]:
    """Give every third pair its neighbour's person: the mean stays, the interval does not."""
    cells = [line.split(",") for line in lines]
    for i in range(1, 55, 3):
        cells[i][1], cells[i + 3][1] = cells[i + 3][1], cells[i][1]
    return [",".join(row) for row in cells]


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda lines: lines[:-1], {"pairs.csv"}),
        (lambda lines: [*lines, lines[-1]], {"pairs.csv"}),
        (lambda lines: [*lines[:-1], lines[-2]], {"pairs.csv"}),
        (swap_people, {"intervals"}),
        (lambda lines: [line.replace("no body", "") for line in lines], {"counts", "values"}),
        (lambda lines: [line.replace("no body", "out of frame") for line in lines], {"counts"}),
        (lambda lines: [line.replace("pair,", "row,") for line in lines], {"pairs.csv"}),
        (lambda lines: [*lines[:3], "nonsense"], {"pairs.csv"}),
        (lambda lines: [lines[0], lines[1].replace(",0.", ",zero"), *lines[2:]], {"pairs.csv"}),
    ],
)
def test_a_tampered_table_is_found_out_even_with_its_digest_renewed(
    folder: Path, change: Callable[..., Any], names: set[str]
) -> None:
    edit_pairs(folder, change)
    assert names <= set(checks(folder)) <= names | {"counts", "values", "intervals"}


def test_a_changed_or_missing_table_is_found_out(folder: Path) -> None:
    edit_pairs(folder, lambda lines: [*lines[:-1], lines[-1] + " "], also_digest=False)
    assert "changed after the run" in checks(folder)["pairs.csv"][0]
    (folder / "pairs.csv").unlink()
    assert set(checks(folder)) == {"pairs.csv"}


def test_a_missing_image_is_named_and_no_images_are_no_mistake(folder: Path) -> None:
    gone = folder / "images" / "a007___b007.png"
    gone.unlink()
    assert checks(folder) == {"images": ["1 pairs have none, the first is a007___b007.png"]}
    for file in (folder / "images").iterdir():
        file.unlink()
    (folder / "images").rmdir()
    assert not checks(folder)
    assert "images" in checks(folder, "cannot")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@drawn(row=st.integers(1, 60), change=st.floats(1e-6, 1) | st.floats(-1, -1e-6))
def test_any_changed_value_of_any_pair_is_found_out(folder: Path, row: int, change: float) -> None:
    original = (folder / "pairs.csv").read_text()

    def nudge(lines: list[str]) -> list[str]:
        cells = lines[row].split(",")
        cells[2] = repr(float(cells[2]) + change)
        return [*lines[:row], ",".join(cells), *lines[row + 1 :]]

    edit_pairs(folder, nudge)
    assert "values" in checks(folder)
    edit_pairs(folder, lambda _: original.splitlines())
    assert not checks(folder)


INSTALLED = {
    "other pairs": (lambda r: r["benchmark"].update(pairs_sha256="0" * 64), "benchmark"),
    "other pixels": (lambda r: r["benchmark"].update(data_sha256="0" * 64), "benchmark"),
    "other size": (lambda r: r["benchmark"].update(image_size=[1, 1]), "benchmark"),
    "other weights": (lambda r: r["provenance"]["weights"].update(alexnet="0" * 64), "weights"),
    "borrowed fingerprint": (score(0, fingerprint="0" * 64), "fingerprint"),
}


@pytest.fixture(scope="module")
def studio_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record of a benchmark, protocols and weights that are installed."""
    folder = tmp_path_factory.mktemp("studio") / "run"
    run("copy-source", "studio", ["ssim", "lpips"], limit=12, out=folder)
    return folder


def test_what_is_installed_confirms_a_record(studio_run: Path) -> None:
    assert not checks(studio_run)
    assert {"benchmark", "weights", "fingerprint"} <= set(checks(studio_run, "ok"))


@pytest.mark.parametrize(("change", "name"), INSTALLED.values(), ids=INSTALLED)
def test_what_is_installed_finds_tampering(studio_run: Path, tmp_path: Path, change: Any, name: str) -> None:
    folder = shutil.copytree(studio_run, tmp_path / "run")
    edit(folder, change)
    assert name in checks(folder)


def test_another_version_cannot_be_held_against_it(studio_run: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(studio_run, tmp_path / "run")
    edit(folder, lambda record: record["benchmark"].update(version="no such"))
    edit(folder, lambda record: record["protocols"][0].update(version=99))
    assert {"benchmark", "fingerprint"} <= set(checks(folder, "cannot"))


def test_the_version_of_one_variant_is_its_own(tmp_path: Path) -> None:
    """ssim:patn is at version 2 alone: a record of version 1 cannot be held against it, and ssim:canonical still is."""
    folder = tmp_path / "run"
    record = run("copy-source", "studio", ["ssim", "ssim:patn"], limit=4, out=folder)
    assert not checks(folder, "cannot").keys() & {"fingerprint", "installed protocols"}
    edit(folder, lambda content: content["protocols"][1].update(version=1))
    said = checks(folder, "cannot")
    assert said["installed protocols"] == ["version 1 of ssim:patn is not installed here (found 2): ssim:patn:ssim"]
    assert said["fingerprint"] == ["the same version of the protocol is not installed here: ssim:patn:ssim"]
    assert "ssim:patn:ssim has the fingerprint of version 2" in checks(folder)["fingerprint"][0]
    metrics = [standing(read_record(folder), score).metric for score in record.scores]
    assert [metric is None for metric in metrics] == [False, True]


def test_a_record_cannot_make_the_validator_run_code(folder: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "evil.py"
    plugin.write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\nclass X: pass\n")
    edit(folder, lambda record: record["benchmark"].update(id=f"{plugin}:X"))
    assert "not installed" in checks(folder, "cannot")["benchmark"][0]
    assert not (tmp_path / "ran").exists()


def test_exit_codes(folder: Path, tmp_path: Path) -> None:
    invoke = CliRunner().invoke
    fine = invoke(validate, [str(folder)])
    assert fine.exit_code == 0
    assert "Nothing that could be checked is wrong." in fine.output
    assert invoke(validate, [str(folder / "record.json")]).stdout == fine.stdout
    edit(folder, score(0, n=1))
    wrong = invoke(validate, [str(folder)], env={"COLUMNS": "200"})
    assert wrong.exit_code == 1
    assert f"{SSIM} has n 1, but 60 pairs count" in wrong.output
    for change in (
        lambda r: r.pop("model"),
        lambda r: r["protocols"][0].update(metrics=3),
        score(0, status="failed"),
        lambda r: r["scores"].append(r["scores"][0]),
    ):
        edit(folder, change)
        assert isinstance(invoke(validate, [str(folder)]).exception, UserError)
    assert isinstance(invoke(validate, [str(tmp_path / "nothing")]).exception, UserError)


@pytest.mark.parametrize("model", ["copy-source", "real"])
def test_what_a_run_writes_is_right(tiny: Path, tmp_path: Path, model: str) -> None:
    run(model, str(tiny), ["psnr", "ssim"], out=tmp_path / "run")
    assert not checks(tmp_path / "run")
    assert "values" in checks(tmp_path / "run", "ok")
