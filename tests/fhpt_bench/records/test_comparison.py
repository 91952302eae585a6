"""`compare`: the right two records, the right verdict, and a reason if there is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from fhpt_bench.commands.compare import compare
from fhpt_bench.errors import UserError
from fhpt_bench.files import sha256_bytes
from fhpt_bench.records.comparison import find_records, read_values
from fhpt_bench.records.schema import read_record
from fhpt_bench.records.score_difference import compare_scores

SSIM, LPIPS, FID = "ssim:canonical:ssim", "lpips:alex-0.1:lpips", "fid:canonical:fid"


def shown(*arguments: object) -> Result:
    result = CliRunner().invoke(compare, list(map(str, arguments)), env={"COLUMNS": "160"})
    if result.exception:
        raise result.exception
    return result


def line_of(key: str, text: str) -> str:
    (line,) = (line for line in text.splitlines() if line.startswith(key))
    return line


def edit(folder: Path, change: Callable[..., Any]) -> None:
    file = folder / "record.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


@pytest.fixture
def two(
    tmp_path: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    people: list[str],
    ability: NDArray[np.float64],
) -> Path:
    """`drn` is a little better than `warp` at both scores, on all pairs except the first ten."""
    gain = np.where(np.arange(60) < 10, -0.01, 0.03)
    scores = {"drn": (ability + gain, 0.5 - gain), "warp": (ability, np.full(60, 0.5))}
    for name, (ssim, lpips) in scores.items():
        make_record(tmp_path / name, [given(SSIM, ssim), given(LPIPS, lpips, False)], people, name=name)
    return tmp_path


@pytest.mark.parametrize(
    ("a", "b", "verdict", "wins"), [("drn", "warp", "better", "50/10/0"), ("warp", "drn", "worse", "10/50/0")]
)
def test_the_better_model_wins_in_both_directions(two: Path, a: str, b: str, verdict: str | None, wins: str) -> None:
    text = shown(a, b, "--records", two).stdout
    for key in (SSIM, LPIPS):
        line = line_of(key, text)
        assert line.split()[-1] == verdict
        assert wins in line


@pytest.mark.parametrize("value", [0.15, 0.7, 1 / 3])
def test_equal_values_of_all_people_are_no_contradiction(
    tmp_path: Path, make_record: Callable[..., Path], given: Callable[..., Any], people: list[str], value: float
) -> None:
    """The ends of such an interval differ from the value by rounding: the record was ignored."""
    record = read_record(make_record(tmp_path / "a", [given(SSIM, np.full(60, value))], people))

    def shift(content: dict[str, Any]) -> None:
        score = next(score for score in content["scores"] if score["value"] is not None)
        score["interval"][:2] = [np.nextafter(score["value"], 0)] * 2

    assert read_values(record)
    edit(tmp_path / "a", shift)
    assert read_values(read_record(tmp_path / "a"))


def test_values_are_those_of_the_common_pairs(
    tmp_path: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    people: list[str],
    ability: NDArray[np.float64],
) -> None:
    skipped = [*["no face"] * 30, *[""] * 30]
    make_record(tmp_path / "a", [given(SSIM, np.where(np.arange(60) < 30, np.nan, ability), skipped=skipped)], people)
    make_record(tmp_path / "b", [given(SSIM, ability)], people, name="b")
    line = line_of(SSIM, shown("warp", "b", "--records", tmp_path).stdout)
    assert line.split()[2:5] == [f"{ability[30:].mean():.4f}"] * 2 + ["0.0000"]
    assert line.split()[-1] == "tie"
    assert "0/0/30" in line


def test_names_and_paths_mean_the_same(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_name = shown("drn", "warp", "--records", two).stdout
    monkeypatch.chdir(two)  # where there is no folder `runs`
    assert shown(two / "drn", two / "warp" / "record.json").stdout == by_name


def test_an_ambiguous_name_is_settled_by_the_fingerprints(
    two: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    people: list[str],
    ability: NDArray[np.float64],
) -> None:
    make_record(two / "other" / "drn", [given(SSIM, ability, mark="x")], people, name="drn", benchmark="other")
    assert line_of(SSIM, shown("drn", "warp", "--records", two).stdout).split()[-1] == "better"
    make_record(two / "again" / "drn", [given(SSIM, ability)], people, name="drn")
    with pytest.raises(UserError, match=r"Several records fit.*again"):
        shown("drn", "warp", "--records", two)


def test_unusable_names(two: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean warp"):
        shown("drn", "wrap", "--records", two)
    with pytest.raises(UserError, match="Both names mean the record"):
        shown("drn", "drn", "--records", two)
    with pytest.raises(UserError, match="There is no folder"):
        shown("drn", "warp", "--records", tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: r["benchmark"].update(id="other"), "benchmark (synthetic / other)"),
        (lambda r: r["benchmark"].update(pairs_sha256="e" * 64), "pair list"),
        (lambda r: r["benchmark"].update(data_sha256="e" * 64), "images or poses (dddddd / eeeeee)"),
        (lambda r: r["protocols"][0].update(version=2), "protocol's version (1 / 2)"),
        (lambda r: None, "do not show"),
    ],
)
def test_other_fingerprints_are_not_compared_and_the_difference_is_named(
    two: Path, change: Callable[..., Any], reason: str
) -> None:
    def other(record: dict[str, Any]) -> None:
        record["scores"][0]["fingerprint"] = "f" * 64
        change(record)

    edit(two / "warp", other)
    text = shown("drn", "warp", "--records", two).stdout
    assert line_of(LPIPS, text).split()[-1] == "better"
    assert reason in line_of(SSIM, text)
    assert "0." not in line_of(SSIM, text)


def test_scores_of_one_side_only(
    tmp_path: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    people: list[str],
    ability: NDArray[np.float64],
) -> None:
    make_record(tmp_path / "a", [given(SSIM, ability), given(FID, status="skipped")], people, name="a")
    make_record(tmp_path / "b", [given(FID, 9.0), given(LPIPS, ability)], people, name="b")
    text = shown("a", "b", "--records", tmp_path).stdout
    assert "No scores of the two are comparable." in text
    assert "B has none" in line_of(SSIM, text)
    assert "skipped for A: the weights are missing" in line_of(FID, text)
    assert "A has none" in line_of(LPIPS, text)


@pytest.mark.parametrize(
    ("left", "right", "verdict"),
    [((1.0, 2.0), (3.0, 4.0), "better"), ((3.0, 4.0), (1.0, 2.0), "worse"), ((1.0, 3.0), (2.0, 4.0), "tie"),
     ((1.0, 2.0), None, None)],
)  # fmt: skip
def test_whole_set_scores(
    tmp_path: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    people: list[str],
    left: tuple[float, float],
    right: tuple[float, float] | None,
    verdict: str | None,
) -> None:
    found = []
    for name, interval in (("a", left), ("b", right)):
        make_record(tmp_path / name, [given(FID, 2.0, False, interval=interval)], people, name=name)
        found.append(read_record(tmp_path / name)[FID])
    comparison = compare_scores(*found, None, None, higher_is_better=False)
    assert comparison.verdict == verdict
    assert comparison.paired is None
    assert bool(comparison.reason) == (verdict is None)


def test_only_one_fingerprint_is_compared(two: Path) -> None:
    score = read_record(two / "drn")[SSIM]
    with pytest.raises(ValueError, match="one fingerprint"):
        compare_scores(score, read_record(two / "warp")[LPIPS], None, None, higher_is_better=True)


def test_too_few_people_give_no_verdict(
    tmp_path: Path, make_record: Callable[..., Path], given: Callable[..., Any], ability: NDArray[np.float64]
) -> None:
    people = [f"p{i % 9}" for i in range(60)]
    for name, shift in (("a", 0.2), ("b", 0.0)):
        make_record(tmp_path / name, [given(SSIM, ability + shift)], people, name=name)
    assert "unknown: fewer than 10 people" in line_of(SSIM, shown("a", "b", "--records", tmp_path).stdout)


def test_a_changed_table_of_pairs_is_refused(two: Path) -> None:
    file = two / "drn" / "pairs.csv"
    file.write_text(file.read_text().replace("0.5", "0.9"))
    with pytest.raises(UserError, match="has changed since its record was written"):
        shown("drn", "warp", "--records", two)
    assert read_values(read_record(two / "warp"))


@pytest.mark.parametrize(
    "content", ["", "row,person\n", "pair,person,ssim:canonical:ssim\nx,p,high\n",
                "pair,person,ssim:canonical:ssim\nx,p,1\nx,p,1\n"],
)  # fmt: skip
def test_a_table_that_is_none_is_refused_even_with_its_digest(two: Path, content: str) -> None:
    (two / "drn" / "pairs.csv").write_text(content)
    rows = max(0, content.count("\n") - 1)
    edit(two / "drn", lambda record: record["pairs"].update(sha256=sha256_bytes(content.encode()), rows=rows))
    with pytest.raises(UserError, match=r"is not a table of pairs|has 0 lines"):
        read_values(read_record(two / "drn"))


def test_links_and_damaged_records_do_not_stop_the_search(two: Path) -> None:
    (two / "loop").symlink_to(two)
    (two / "damaged").mkdir()
    (two / "damaged" / "record.json").write_text('{"schema_version": 99}')
    records, problems = find_records([two])
    assert sorted(record.model.name for record in records) == ["drn", "warp"]
    assert len(problems) == 1
    assert "upgrade" in problems[0]
    assert "ignored: " in shown("drn", "warp", "--records", two).stderr


def test_records_of_an_audit_are_no_models(two: Path) -> None:
    audit = two / "audit" / "studio"
    (audit / "records").mkdir(parents=True)
    (audit / "audit.json").write_text("{}")
    (two / "warp").rename(audit / "records" / "blur-1")
    assert [record.model.name for record in find_records([two])[0]] == ["drn"]
    assert [record.model.name for record in find_records([audit])[0]] == ["warp"]
