"""The output of the leaderboard: no number is cut, and names from records cannot break it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from fhpt_bench.errors import UserError
from leaderboards.command import leaderboard
from leaderboards.rendering import as_text_table, comma_separated
from leaderboards.tables import Table
from leaderboards.text_table import markdown

TablesOf = Callable[..., list[Table]]
SSIM = "ssim:canonical:ssim"


def shown(*arguments: object, width: int = 100) -> Result:
    result = CliRunner().invoke(leaderboard, list(map(str, arguments)), env={"COLUMNS": str(width)})
    if result.exception:
        raise result.exception
    return result


def test_a_damaged_record_is_reported_and_the_others_are_shown(three: Path) -> None:
    (three / "good" / "record.json").write_text("{")
    (three / "bad" / "pairs.csv").write_text("pair,person\n")
    result = shown("--records", three)
    assert "twin" in result.stdout
    assert "good" not in result.stdout
    lines = result.stderr.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("ignored: ") for line in lines)
    assert "good" in lines[0]
    assert "pairs.csv" in lines[1]


def test_without_records_the_message_says_how_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (("--no-reference",), ("--records", tmp_path)):
        with pytest.raises(UserError, match="fhpt-bench run --model warp"):
            shown(*arguments)
    assert "(reference)" in shown().stdout, "the records that ship"


def test_unknown_benchmark(three: Path) -> None:
    with pytest.raises(UserError, match="did you mean synthetic"):
        shown("--records", three, "--benchmark", "synthetc")
    assert "synthetic 1: 60 pairs" in shown("--records", three, "--benchmark", "synthetic").stdout


def test_four_columns_fit_into_100_characters_and_no_number_is_cut(
    tmp_path: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    people: list[str],
    ability: NDArray[np.float64],
) -> None:
    keys = [f"metric{i}:canonical:metric{i}" for i in range(9)]
    for columns in (4, 9):
        for name in ("warp", "a-model-with-a-rather-long-name-in-version-2"):
            scores = [given(key, ability + i, unit="dB") for i, key in enumerate(keys[:columns])]
            make_record(tmp_path / str(columns) / name, scores, people, name=name)
    four, nine = (shown("--records", tmp_path / str(n)).stdout for n in (4, 9))
    for text in (four, nine):
        assert max(map(len, text.splitlines())) <= 100
        assert "…" not in text
    assert four.count("METRIC") == 4
    assert len([line for line in four.splitlines() if "METRIC" in line]) == 1
    assert len([line for line in nine.splitlines() if "METRIC" in line]) > 1
    for i in range(9):
        assert f"{ability.mean() + i:.3g}" in nine


def test_names_from_records_cannot_break_the_output(
    tmp_path: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    people: list[str],
    ability: NDArray[np.float64],
    tables_of: TablesOf,
) -> None:
    name = "[red]x[/red] | <b>*y*\x1b[31m\n=1+1 :smile:"
    make_record(tmp_path / "a", [given(SSIM, ability)], people, name=name)
    make_record(tmp_path / "b", [given(SSIM, ability)], people, name="=cmd|' /C calc'!A0")
    text = shown("--records", tmp_path, width=200).stdout
    assert "\x1b" not in text
    joined = "".join(line.split("  ")[0].strip() for line in text.splitlines())
    assert "[red]x[/red]" in joined
    assert "smile:" in joined
    (table,) = tables_of(tmp_path)
    for line in markdown(as_text_table(table)).splitlines():
        if line.startswith("|"):
            assert line.replace("\\|", "").count("|") == 3
    assert "\\<b\\>\\*y\\*" in markdown(as_text_table(table))
    rows = list(csv.DictReader(io.StringIO(comma_separated([table]))))
    assert sorted(row["model"][0] for row in rows) == ["'", "["]
    assert not any(value.startswith(("=", "+", "@")) for row in rows for value in row.values())


def test_csv_has_every_number_in_full_precision(three: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(shown("--records", three, "--format", "csv").stdout)))
    by_model = {row["model"]: row for row in rows}
    record = json.loads((three / "bad" / "record.json").read_text())
    score = record["scores"][0]
    bad = by_model["bad"]
    assert [float(bad[name]) for name in ("value", "low", "high")] == [score["value"], *score["interval"][:2]]
    assert (bad["rank"], bad["n"], bad["fingerprint"]) == ("3", "60", score["fingerprint"])
    assert (by_model["real"]["rank"], by_model["real"]["oracle"]) == ("", "True")
    assert bad["limit"] == ""


def test_negative_numbers_stay_numbers_in_csv(
    tmp_path: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    people: list[str],
    ability: NDArray[np.float64],
    tables_of: TablesOf,
) -> None:
    make_record(tmp_path / "a", [given(SSIM, ability - 1.3)], people)
    (row,) = csv.DictReader(io.StringIO(comma_separated(tables_of(tmp_path))))
    assert float(row["value"]) < -0.5


def test_markdown_marks_rank_one_only(three: Path) -> None:
    text = shown("--records", three, "--format", "markdown").stdout
    lines = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("|")}
    assert "**" in lines["good"]
    assert "**" not in lines["bad \\[JPEG\\]"]
    assert "**" not in lines["real (oracle)"]


def test_an_oracle_does_not_cost_the_models_a_digit(three: Path) -> None:
    text = shown("--records", three).stdout
    assert "1.0000" in text
    score = json.loads((three / "bad" / "record.json").read_text())["scores"][0]
    assert f"{score['value']:.4f}" in text
