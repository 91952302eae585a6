"""The tables of the leaderboard: which values share a column, and which models are ranked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fhpt_bench.errors import UserError
from fhpt_bench.records.comparison import find_records
from leaderboards.rendering import as_text_table
from leaderboards.tables import Table
from leaderboards.text_table import markdown

TablesOf = Callable[..., list[Table]]
SSIM = "ssim:canonical:ssim"
FID = "fid:canonical:fid"


def ranks(table: Table, column: int = 0) -> dict[str, str | None]:
    """Label -> rank, with "=" if it is shared."""
    cells = {row.label: row.cells[column] for row in table.rows}
    return {label: cell and cell.rank and f"{cell.rank}{'=' * cell.shared}" for label, cell in cells.items()}


def test_ranks_are_paired_and_ties_are_ties(three: Path, tables_of: TablesOf) -> None:
    (table,) = tables_of(three)
    labels = ["good", "twin (given face-landmarks)", "bad [JPEG]", "real (oracle)"]
    assert ranks(table) == dict(zip(labels, ["1=", "1=", "3", None], strict=True))
    assert [row.label for row in table.rows][2:] == labels[2:]
    # The intervals of the scores overlap: only the paired difference separates `bad` from the others.
    low, high, _ = table.rows[0].cells[0].score.interval
    assert low < table.rows[2].cells[0].score.value < high
    notes = " ".join(table.notes)
    for word in ("paired difference", "(oracle)", "(given ...)", "[JPEG]", "95 % interval"):
        assert word in notes


def test_lower_is_better_if_the_card_states_it(
    tmp_path: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    people: list[str],
    ability: NDArray[np.float64],
    tables_of: TablesOf,
) -> None:
    for name, shift in (("high", 0.1), ("low", 0.0)):
        make_record(tmp_path / name, [given("lpips:alex-0.1:lpips", ability + shift)], people, name=name)
    (table,) = tables_of(tmp_path)
    assert ranks(table) == {"low": "1", "high": "2"}
    assert [row.label for row in table.rows] == ["low", "high"]


def test_different_fingerprints_never_share_a_column(
    tmp_path: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    people: list[str],
    ability: NDArray[np.float64],
    tables_of: TablesOf,
) -> None:
    for name, mark in (("a", "old"), ("b", "old"), ("c", "new")):
        make_record(tmp_path / name, [given(SSIM, ability, mark=mark)], people, name=name)
    (table,) = tables_of(tmp_path)
    assert len(table.columns) == 2
    assert len({column.tag for column in table.columns}) == 2
    assert all(column.tag == column.fingerprint[:6] for column in table.columns)
    filled = [[cell is not None for cell in row.cells] for row in sorted(table.rows, key=lambda row: row.label)]
    assert filled == [[True, False], [True, False], [False, True]]
    assert sum("fingerprints" in note for note in table.notes) == 1
    assert f"#{table.columns[1].tag}" in markdown(as_text_table(table)).replace("\\", "")


def test_different_pairs_are_not_mixed(
    tmp_path: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    people: list[str],
    ability: NDArray[np.float64],
    tables_of: TablesOf,
) -> None:
    make_record(tmp_path / "a", [given(SSIM, ability)], people)
    make_record(tmp_path / "b", [given(SSIM, ability)], people, limit=60)
    make_record(tmp_path / "c", [given(SSIM, ability)], people, benchmark="other")
    make_record(tmp_path / "d", [given(SSIM, ability[:30])], people[:30])
    tables = tables_of(tmp_path)
    assert [(t.benchmark.id, t.benchmark.limit, t.benchmark.n_pairs) for t in tables].count(("other", None, 60)) == 1
    assert [len(t.rows) for t in tables] == [1, 1, 1, 1]
    assert all(ranks(t) == {"warp": None} for t in tables)  # a rank needs at least two models


def test_whole_set_scores_are_ranked_by_intervals_or_not_at_all(
    tmp_path: Path, make_record: Callable[..., Path], given: Callable[..., Any], people: list[str], tables_of: TablesOf
) -> None:
    for name, fid, kid in (
        ("a", (10.0, (9.0, 11.0)), None),
        ("b", (10.5, (9.5, 11.5)), None),
        ("c", (20.0, (18.0, 22.0)), None),
    ):
        scores = [given(FID, fid[0], False, interval=fid[1]), given("kid:canonical:kid", 0.1, False, interval=kid)]
        make_record(tmp_path / name, scores, people, name=name)
    (table,) = tables_of(tmp_path)
    assert ranks(table, 0) == {"a": "1=", "b": "1=", "c": "3"}
    assert ranks(table, 1) == {"a": None, "b": None, "c": None}
    notes = " ".join(table.notes)
    assert f"{FID}: scores of the whole set" in notes
    assert "without an interval" in notes


def test_few_people_give_no_rank(
    tmp_path: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    ability: NDArray[np.float64],
    tables_of: TablesOf,
) -> None:
    people = [f"p{i % 9}" for i in range(60)]
    for name, shift in (("a", 0.0), ("b", 0.2)):
        make_record(tmp_path / name, [given(SSIM, ability + shift)], people, name=name)
    (table,) = tables_of(tmp_path)
    assert ranks(table) == {"a": None, "b": None}
    assert "*" not in markdown(as_text_table(table)).split("| b |")[1].split("\n")[0]


def test_few_people_in_common_give_no_ranks_and_a_footnote(
    tmp_path: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    people: list[str],
    ability: NDArray[np.float64],
    tables_of: TablesOf,
) -> None:
    for name, missing in (("a", range(30)), ("b", range(30, 60))):
        skipped = ["no face" if i in missing else "" for i in range(60)]
        values = np.where([bool(s) for s in skipped], np.nan, ability)
        make_record(tmp_path / name, [given(SSIM, values, skipped=skipped)], people, name=name)
    (table,) = tables_of(tmp_path)
    assert ranks(table) == {"a": None, "b": None}
    assert any("no pair in common" in note for note in table.notes)


def test_a_cell_without_a_value_shows_its_status(
    tmp_path: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    people: list[str],
    ability: NDArray[np.float64],
    tables_of: TablesOf,
) -> None:
    make_record(tmp_path / "a", [given(SSIM, ability), given(FID, status="skipped", mark="absent")], people, name="a")
    make_record(tmp_path / "b", [given(SSIM, status="failed"), given(FID, 9.0, False)], people, name="b")
    make_record(tmp_path / "c", [given(SSIM, ability)], people, name="c")
    (table,) = tables_of(tmp_path)
    assert [column.key for column in table.columns] == [SSIM, FID]
    assert [row.label for row in table.rows] == ["a", "c", "b"]
    text = markdown(as_text_table(table))
    assert "failed" in text.split("| b |")[1]
    assert "| skipped |" in text.split("| a |")[1].split("\n")[0]
    assert "| - |" in text.split("| c |")[1].split("\n")[0]
    assert ranks(table)["b"] is None


def test_n_is_shown_if_pairs_are_skipped(
    tmp_path: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    people: list[str],
    ability: NDArray[np.float64],
    tables_of: TablesOf,
) -> None:
    skipped = ["no face", *[""] * 59]
    values = [np.nan, *ability[1:]]
    make_record(tmp_path / "a", [given(SSIM, values, skipped=skipped), given("psnr:canonical:psnr", ability)], people)
    (table,) = tables_of(tmp_path)
    row = markdown(as_text_table(table)).split("| warp |")[1].split("\n")[0]
    assert row.count("n=59") == row.count("n=") == 1


def test_records_with_the_same_name_are_labelled_by_folder(
    tmp_path: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    people: list[str],
    ability: NDArray[np.float64],
    tables_of: TablesOf,
) -> None:
    for folder in ("x/warp", "y/warp"):
        make_record(tmp_path / folder, [given(SSIM, ability)], people)
    (table,) = tables_of(tmp_path)
    assert ranks(table) == {"warp in x/warp": "1=", "warp in y/warp": "1="}
    assert len(find_records([tmp_path, tmp_path / "x"])[0]) == 2  # found twice, read once


def test_sorting(
    tmp_path: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    people: list[str],
    ability: NDArray[np.float64],
    tables_of: TablesOf,
) -> None:
    for name, first, second in (("a", 0.1, 0.0), ("b", 0.0, 0.1)):
        scores = [given(SSIM, ability + first), given("psnr:canonical:psnr", ability + second)]
        make_record(tmp_path / name, scores, people, name=name)
    assert [row.label for row in tables_of(tmp_path)[0].rows] == ["a", "b"]
    for key in ("psnr", "psnr:canonical", "psnr:canonical:psnr"):
        assert [row.label for row in tables_of(tmp_path, key)[0].rows] == ["b", "a"]
    with pytest.raises(UserError, match="did you mean ssim"):
        tables_of(tmp_path, "ssim:canonical:sim")
