"""`fhpt-bench power`, and the sentences of `compare` and `leaderboard` on models that cannot be told apart."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from fhpt_bench.cli import cli
from fhpt_bench.errors import UserError
from fhpt_bench.records.comparison import read_values
from fhpt_bench.records.schema import read_record
from fhpt_bench.records.score_difference import score_power
from leaderboards.tables import Table
from tools.docs.power import PAGE, page, printed_gaps

KEY = "ssim:canonical:ssim"


def call(*words: str | Path) -> str:
    done = CliRunner().invoke(cli, list(map(str, words)), env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return done.output


def shown_by(three: Path, a: str, b: str) -> float:
    records = [read_record(three / name) for name in (a, b)]
    power = score_power(records[0][KEY], records[1][KEY], *(read_values(record).get(KEY) for record in records))
    assert power is not None
    return power.smallest


def test_power_of_a_clear_difference(three: Path) -> None:
    said = call("power", three / "good", three / "bad")
    row = next(line for line in said.splitlines() if line.startswith(KEY)).split()
    assert row[1:4] == [f"{float(row[1]):z.3f}", "60", "20"]
    assert float(row[1]) == pytest.approx(0.02, abs=0.005)
    assert float(row[4]) == pytest.approx(shown_by(three, "good", "bad"), abs=5e-4)
    assert "10 people (30 pairs)" in said
    assert "< 0.1 %" in said


def test_names_are_found_below_a_folder(three: Path) -> None:
    assert KEY in call("power", "good", "twin", "--records", three)


def test_unknown_scores_and_records_without_a_common_score_are_refused(three: Path) -> None:
    good = str(three / "good")
    for words, said in (
        ([good, str(three / "bad"), "--score", "lpips"], "There is no score 'lpips'"),
        (["good", "nobody", "--records", str(three)], "No record of a model 'nobody'"),
        ([good, good], "Both names mean the record"),
    ):
        with pytest.raises(UserError, match=said):
            CliRunner().invoke(cli, ["power", *words], catch_exceptions=False)


def test_compare_says_what_the_pairs_can_show(three: Path) -> None:
    said = call("compare", three / "good", three / "twin")
    found = re.search(rf"{KEY}\s+n = 60\s+can show a difference of ([\d.]+)", said)
    assert found
    assert float(found[1]) == pytest.approx(shown_by(three, "good", "twin"), rel=0.05)
    assert "cannot be told apart" not in call("compare", three / "good", three / "bad")


def test_the_leaderboard_says_what_the_pairs_can_show(three: Path, tables_of: Callable[..., list[Table]]) -> None:
    (table,) = tables_of(three)
    note = next(note for note in table.notes if "cannot be told apart" in note)
    best = sorted((row for row in table.rows if row.cells[0].rank == 1), key=lambda row: -row.cells[0].score.value)
    assert f"{KEY} at n = 60: {best[0].label} and {best[1].label}" in note
    assert float(re.search(r"\(([\d.]+)\)\.$", note)[1]) == pytest.approx(shown_by(three, "good", "twin"), rel=0.05)


def test_no_sentence_if_one_model_is_best(three: Path, tables_of: Callable[..., list[Table]]) -> None:
    shutil.rmtree(three / "twin")
    (table,) = tables_of(three)
    assert not any("cannot be told apart" in note for note in table.notes)


def test_gaps_of_printed_tables() -> None:
    tables, gaps = printed_gaps("pckh")
    assert tables == 1
    assert [str(gap) for gap in gaps] == ["0.03"]


def test_the_page_that_ships_follows_from_the_records_that_ship() -> None:
    assert PAGE.read_text() == page()
