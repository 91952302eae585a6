"""Records that ship with the package: what this version would write, and marked wherever they are shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

import fhpt_bench as fb
from fhpt_bench import weights
from fhpt_bench.cli import cli
from fhpt_bench.records.schema import Record, read_record
from fhpt_bench.records.validation import validate_record
from leaderboards import measured
from leaderboards.measured import REFERENCE, read_measured
from leaderboards.page.audit import AUDIT
from leaderboards.paper.choice import choose_records
from tools.reference.records import measure, own_models

Make = Callable[..., Path]
SHIPPED = sorted(file.parent for file in REFERENCE.glob("*/*/record.json"))
SSIM = "ssim:canonical:ssim"


def problems(record: Record) -> list[str]:
    """Why a record is not what this version would write, as far as can be known without its images."""
    found = [f"{check.name}: {check.detail}" for check in validate_record(record).checks if check.status == "WRONG"]
    # What validate cannot check for a stranger's record, because another version is installed, is stale here.
    known = ("benchmark", "installed protocols", "fingerprint")
    checks = validate_record(record).checks
    found += [f"{c.name}: {c.detail}" for c in checks if c.status == "cannot" and c.name in known]
    found += [f"{score.key} failed" for score in record.failed]
    if record.benchmark.limit is not None or record.benchmark.subset is not None or record.benchmark.missing:
        found.append("it has not all pairs")
    for name, digest in record.model.trained.items():
        if weights.digest(name) != digest:
            found.append(f"{name} has other weights than those that ship")
    return found


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_shipped_records_are_what_this_version_would_write(folder: Path) -> None:
    record = read_record(folder)
    assert problems(record) == []
    assert (record.benchmark.id, record.model.name) == (folder.parent.name, folder.name)
    assert str(Path.home()) not in (folder / "record.json").read_text()


def test_the_shipped_audit_is_what_this_version_would_measure() -> None:
    record = read_record(AUDIT / "real")
    assert problems(record) == ["it has not all pairs"]
    assert (record.benchmark.id, record.model.name) == ("studio", "real")
    assert not Path(record.model.origin).is_absolute()


@pytest.fixture(scope="module")
def measured_here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference record of a model, on a few pairs."""
    place = tmp_path_factory.mktemp("reference")
    said = measure("copy-source", "studio", 3, place / "reference", place / "runs")
    assert said.startswith("3 pairs, ")
    return place / "reference" / "studio" / "copy-source"


def test_stale_records_are_found(measured_here: Path, tmp_path: Path) -> None:
    assert problems(read_record(measured_here)) == ["it has not all pairs"]
    assert sorted(file.name for file in measured_here.iterdir()) == ["pairs.csv", "record.json"]
    content = json.loads((measured_here / "record.json").read_text())
    (tmp_path / "pairs.csv").write_bytes((measured_here / "pairs.csv").read_bytes())

    def changed(change: Callable[[dict[str, Any]], None]) -> list[str]:
        other = json.loads(json.dumps(content))
        change(other)
        (tmp_path / "record.json").write_text(json.dumps(other))
        return problems(read_record(tmp_path))

    def old_protocol(record: dict[str, Any]) -> None:
        record["protocols"][0]["version"] -= 1

    def old_benchmark(record: dict[str, Any]) -> None:
        record["benchmark"]["version"] = "0.9"

    def old_weights(record: dict[str, Any]) -> None:
        record["model"]["trained"] = {"drn": "0" * 64}

    assert any("is not installed here" in text for text in changed(old_protocol))
    assert any("version 0.9 is not installed" in text for text in changed(old_benchmark))
    assert "drn has other weights than those that ship" in changed(old_weights)


def test_models_that_are_not_trained_are_left_out(tmp_path: Path) -> None:
    assert {"real", "copy-source", "warp", "drn"} <= set(own_models())
    assert weights.digest("pg2") is None
    assert measure("pg2", "studio", 3, tmp_path / "r", tmp_path / "runs") == "left out: it is not trained"
    assert not (tmp_path / "r").exists()


@pytest.fixture
def both(
    tmp_path: Path, make_record: Make, given: Any, people: list[str], ability: NDArray[np.float64],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:  # fmt: skip
    """`drn` and `warp` ship; the user has another `drn`, and `mine`."""
    for place, name, shift in (
        ("reference/synthetic", "drn", 0.0),
        ("reference/synthetic", "warp", -0.1),
        ("runs/synthetic", "drn", 0.05),
        ("runs/synthetic", "mine", 0.1),
    ):
        make_record(tmp_path / place / name, [given(SSIM, ability + shift)], people, name=name)
    monkeypatch.setattr(measured, "REFERENCE", tmp_path / "reference")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def leaderboard(*words: str) -> str:
    done = CliRunner().invoke(cli, ["leaderboard", "--format", "markdown", *words])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def test_the_board_shows_them_marked_beside_the_users_own(both: Path) -> None:
    said = leaderboard()
    for label in ("| mine |", "| drn |", "| drn (reference) |", "| warp (reference) |", "(reference): ships"):
        assert label in said
    assert "(reference)" not in leaderboard("--no-reference")
    assert "(reference)" not in leaderboard("--records", "runs")


def test_without_a_run_the_board_shows_them_alone(both: Path) -> None:
    for file in sorted((both / "runs").rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    (both / "runs").rmdir()
    assert "| warp (reference) |" in leaderboard()
    with pytest.raises(fb.UserError, match="There is no folder runs"):
        CliRunner().invoke(cli, ["leaderboard", "--no-reference"], catch_exceptions=False)


def test_tables_of_the_paper_prefer_the_users_own_records(both: Path) -> None:
    choice = choose_records(read_measured((), reference=True), "synthetic")
    assert choice.measured["drn"][0].folder == Path("runs/synthetic/drn")
    assert choice.measured["warp"][0].folder == both / "reference" / "synthetic" / "warp"
