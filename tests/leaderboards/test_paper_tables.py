"""`fhpt-bench paper tables`: the paper's tables from records."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from fhpt_bench.cli import cli
from fhpt_bench.errors import UserError
from leaderboards.literature import load_published
from leaderboards.measured import read_measured
from leaderboards.paper.choice import choose_records
from leaderboards.paper.contents import TABLES
from leaderboards.paper.tables import paper_table
from leaderboards.text_table import TextTable

Make = Callable[..., Path]
SSIM, LPIPS = "ssim:canonical:ssim", "lpips:alex-0.1:lpips"


@pytest.fixture
def folder(tmp_path: Path, make_record: Make, given: Any, people: list[str], ability: NDArray[np.float64]) -> Path:
    """`drn` is better than `drn-pb-only` on every pair; `patn` has one score; `mine` is no system of the paper."""
    for name, shift in (("drn", 0.05), ("drn-pb-only", 0.0), ("mine", 0.1)):
        scores = [given(SSIM, ability + shift), given(LPIPS, ability - shift), given("fid:canonical:fid", 20.0 - shift)]
        make_record(tmp_path / name, scores, people, name=name, benchmark="deepfashion")
    make_record(tmp_path / "patn", [given("ssim:patn:ssim", ability)], people, name="patn", benchmark="deepfashion")
    return tmp_path


def tables(folder: Path, benchmark: str = "deepfashion") -> dict[str, TextTable]:
    choice = choose_records(read_measured([str(folder)]), benchmark)
    return {table.number: paper_table(table, choice, load_published()) for table in TABLES}


def cells(table: TextTable, label: str) -> dict[str, str]:
    """Head of each column -> first line of a row's cell; a printed column has the head of the one before it."""
    (row,) = [row for row in table.rows if row.label[0] == label]
    found, last = {}, ""
    for column, cell in zip(table.columns, row.cells, strict=True):
        last = last if column.lines == ("printed",) else column.lines[0]
        found[f"{last} printed" if column.lines == ("printed",) else last] = cell.lines[0]
    return found


# As printed in the paper, copied here once more by hand.
PRINTED = {
    ("II", "PB Only"): ["0.772", "3.231", "18.602", "0.250"],
    ("II", "Texture64dim"): ["0.763", "3.040", "18.263", "0.243"],
    ("II", "PB Fixed"): ["0.767", "2.923", "20.346", "0.238"],
    ("II", "End2end"): ["0.768", "3.147", "16.496", "0.231"],
    ("II", "Ours Full"): ["0.774", "3.125", "14.611", "0.218"],
    ("III", "UV-Net"): ["0.763", "3.440", "-", "-"],
    ("III", "SPT"): ["0.736", "3.441", "-", "-"],
    ("III", "DSC"): ["0.762", "3.330", "24.479", "0.233"],
    ("III", "PATN"): ["0.773", "3.209", "19.816", "0.253"],
    ("III", "Ours Coarse"): ["0.780", "3.230", "18.405", "0.243"],
    ("III", "Ours Full"): ["0.774", "3.125", "14.611", "0.218"],
    ("IV", "DSC"): ["0.720", "0.078", "0.383"],
    ("IV", "PATN"): ["0.706", "0.085", "0.485"],
    ("IV", "Ours (w/o face)"): ["0.647", "0.247", "0.752"],
    ("IV", "Ours Full"): ["0.615", "0.420", "0.873"],
    ("V", "PATN"): ["0.0658", "0.1032", "0.1784", "0.0643", "0.0997", "0.1697"],
    ("V", "DSC"): ["0.1109", "0.1760", "0.3007", "0.1131", "0.1752", "0.2893"],
    ("V", "PB Only"): ["0.0656", "0.1023", "0.1778", "0.0635", "0.1002", "0.1710"],
    ("V", "PB Fixed"): ["0.0458", "0.0727", "0.1291", "0.0485", "0.0764", "0.1292"],
    ("V", "Texture64dim"): ["0.0659", "0.1032", "0.1780", "0.0695", "0.1106", "0.1806"],
    ("V", "End2end"): ["0.0689", "0.1090", "0.1867", "0.0629", "0.0947", "0.1633"],
    ("V", "Ours Full"): ["0.1179", "0.1845", "0.3079", "0.1161", "0.1860", "0.3023"],
    ("V", "Real Images"): ["0.2613", "0.4136", "0.6789", "0.2508", "0.3883", "0.6292"],
    ("VI", "DSC"): ["0.177"],
    ("VI", "PATN"): ["0.104"],
    ("VI", "Ours Full"): ["0.065"],
}  # fmt: skip


def test_every_printed_number_is_in_its_place(folder: Path) -> None:
    made = tables(folder)
    found = {
        (number, row.label[0]): [
            cell.lines[0] for column, cell in zip(table.columns, row.cells, strict=True) if column.lines == ("printed",)
        ]
        for number, table in made.items()
        for row in table.rows
    }
    assert found == PRINTED


def test_measured_scores_have_intervals_and_ranks_and_the_others_a_dash(folder: Path) -> None:
    made = tables(folder)
    full, branch = cells(made["II"], "Ours Full"), cells(made["II"], "PB Only")
    assert full["SSIM ↑"].endswith("(1)")
    assert branch["SSIM ↑"].endswith("(2)")
    assert full["SSIM ↑ printed"] == "0.774"
    assert set(cells(made["II"], "PB Fixed").values()) == {"-", "0.767", "2.923", "20.346", "0.238"}
    (row,) = [row for row in made["II"].rows if row.label[0] == "Ours Full"]
    assert row.cells[0].lines[1].startswith("[0.")
    assert made["II"].heading == "Table II: ablation study. deepfashion 1: 60 pairs"
    labels = {row.label[0]: row.label[1] for row in made["II"].rows}
    assert labels["End2end"].startswith("drn-end2end: no record")


def test_the_papers_own_definition_is_preferred(folder: Path) -> None:
    """In Table III only `patn` has it: the other record, with another definition, gets a dash and no wrong number."""
    found = cells(tables(folder)["III"], "Ours Full")
    assert found["SSIM ↑"] == "-"
    assert cells(tables(folder)["III"], "PATN")["SSIM ↑"] != "-"


def test_without_printed_numbers_columns_without_a_record_are_left_out(
    tmp_path: Path, make_record: Make, given: Any, people: list[str], ability: NDArray[np.float64]
) -> None:
    make_record(tmp_path / "drn", [given(SSIM, ability)], people, name="drn", benchmark="elsewhere")
    made = tables(tmp_path, "elsewhere")
    assert [column.lines[0] for column in made["II"].columns] == ["SSIM ↑"]
    assert "Not measured in any record: is:drn:is, fid:drn:fid, lpips:alex-0.1:lpips." in made["II"].notes
    assert made["VI"].columns == ()
    assert all(not row.references for row in made["V"].rows)


def test_a_model_that_leaves_pairs_out_is_marked_and_not_ranked(
    folder: Path, make_record: Make, given: Any, people: list[str], ability: NDArray[np.float64]
) -> None:
    make_record(
        folder / "dsc", [given("ssim:patn:ssim", ability[:54] + 0.3, mark="fewer")], people[:54], name="dsc",
        benchmark="deepfashion",
    )  # fmt: skip
    file = folder / "dsc" / "record.json"
    record = json.loads(file.read_text())
    record["benchmark"]["missing"] = 6
    file.write_text(json.dumps(record))
    table = tables(folder)["III"]
    (row,) = [row for row in table.rows if row.label[0] == "DSC"]
    assert row.cells[0].lines == (f"{np.mean(ability[:54]) + 0.3:.4f}†", "n=54")
    assert not row.cells[0].best
    assert any(note.startswith("†") for note in table.notes)


def test_of_two_records_the_newest_and_of_two_pair_lists_the_longest(
    folder: Path, make_record: Make, given: Any, people: list[str], ability: NDArray[np.float64]
) -> None:
    make_record(folder / "new", [given(SSIM, ability)], people, name="drn", benchmark="deepfashion")
    file = folder / "new" / "record.json"
    file.write_text(file.read_text().replace("2026-01-01", "2026-02-01"))
    make_record(folder / "few", [given(SSIM, ability[:30])], people[:30], name="drn", benchmark="deepfashion", limit=30)
    choice = choose_records(read_measured([str(folder)]), "deepfashion")
    assert choice.measured["drn"][0].folder == folder / "new"
    assert [record.folder for record in choice.others] == [folder / "drn"]
    # The newest has no LPIPS: the cell is empty, and a note names the record that has it.
    assert cells(tables(folder)["II"], "Ours Full")["LPIPS ↓"] == "-"
    (note,) = [note for note in tables(folder)["II"].notes if note.startswith("Ours Full: the newest record lacks")]
    assert "lacks fid:canonical:fid, lpips:alex-0.1:lpips, which another one has (drn)" in note
    assert not any("lacks" in note for note in tables(folder)["V"].notes)


def test_an_unknown_benchmark_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="No record of a benchmark 'studioo' was found"):
        choose_records(read_measured([str(folder)]), "studioo")
    with pytest.raises(UserError, match="No record of market1501 was found: run a model on it"):
        choose_records(read_measured([str(folder)]), "market1501")
    with pytest.raises(UserError, match="No record of deepfashion has the subset men"):
        choose_records(read_measured([str(folder)]), "deepfashion", "men")


@pytest.mark.parametrize(
    ("format_", "words"),
    [
        ("table", ["Table II", "PB Only", "printed", "no record"]),
        ("markdown", ["**Table VI: gender error. deepfashion 1: 60 pairs**", "| 0.065 |"]),
        ("latex", [r"\caption{Table III: systems, perceptual. deepfashion 1: 60 pairs}", r"\textbf{", "24.479"]),
    ],
)
def test_the_command_prints_all_tables(folder: Path, format_: str, words: list[str]) -> None:
    done = CliRunner().invoke(
        cli, ["paper", "tables", "-b", "deepfashion", "--records", str(folder), "--format", format_]
    )
    assert done.exit_code == 0, done.output
    for word in words:
        assert word in done.output
    some = CliRunner().invoke(cli, ["paper", "tables", "-b", "deepfashion", "--records", str(folder), "--table", "IV"])
    assert "Table IV" in some.output
    assert "Table II:" not in some.output
