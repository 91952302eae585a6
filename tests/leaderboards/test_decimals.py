"""The decimals of a score: in every table four digits, but no more than its metric's card allows."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import fhpt_bench as fb
from fhpt_bench.cli import cli
from fhpt_bench.records import installed_cards
from fhpt_bench.reporting.terminal import report
from protocols.structural.pckh import PCKh


@pytest.fixture
def runs(
    make_record: Callable[..., Path], given: Any, people: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Two records, in which PCKh may have two decimals; a value of 0.76543 would have four."""
    card = dataclasses.replace(PCKh.metrics[0], decimals=2)
    monkeypatch.setattr(PCKh, "metrics", (card,))
    installed_cards._installed.cache_clear()
    for i, name in enumerate(("warp", "other")):
        values = [0.76543 + i / 1000 + j / 1e8 for j in range(len(people))]
        keys = ("pckh:patn:pckh", "ssim:canonical:ssim")
        make_record(tmp_path / name, [given(key, values) for key in keys], people, name=name)
    yield tmp_path
    installed_cards._installed.cache_clear()


def numbers(text: str) -> list[str]:
    return re.findall(r"0\.7\d+", text)


@pytest.mark.parametrize("format_", ["table", "markdown", "latex"])
def test_the_leaderboard(runs: Path, format_: str) -> None:
    for protocol, printed in (("pckh", {"0.77"}), ("ssim", {"0.7654", "0.7664"})):
        words = ["leaderboard", "--records", str(runs), "--format", format_, "--protocols", protocol]
        assert set(numbers(CliRunner().invoke(cli, words).output)) == printed


def test_csv_has_full_precision(runs: Path) -> None:
    words = ["leaderboard", "--records", str(runs), "--format", "csv", "--protocols", "pckh"]
    assert any(len(number) > 6 for number in numbers(CliRunner().invoke(cli, words).output))


def test_the_comparison_of_two(runs: Path) -> None:
    lines = CliRunner().invoke(cli, ["compare", str(runs / "warp"), str(runs / "other")], env={"COLUMNS": "160"}).output
    by_score = {line.split()[0]: numbers(line) for line in lines.splitlines() if ":" in line}
    assert by_score["pckh:patn:pckh"] == ["0.77", "0.77"]
    assert by_score["ssim:canonical:ssim"] == ["0.7654", "0.7664"]


def test_what_a_run_prints(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report(fb.read_record(runs / "warp"), 1.0)
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0]: set(numbers(line)) for line in lines if "↑" in line} == {
        "PCKh": {"0.77"}, "SSIM": {"0.7654"},
    }  # fmt: skip
