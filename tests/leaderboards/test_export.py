"""A record in the formats of other tools, and the published JSON schema."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from huggingface_hub.repocard_data import model_index_to_eval_results
from numpy.typing import NDArray

from fhpt_bench.cli import main
from fhpt_bench.records.schema import read_record
from leaderboards.export import export
from leaderboards.model_card import block_yaml
from tools.docs import record_schema

# What YAML, a shell or a terminal could read as something else.
HOSTILE = 'a: "b" \\ #c\n---\n- d\x1b[31m\x85\u2028\u202e😀 {{x}} %TAG <b> null'


@pytest.fixture
def record(
    tmp_path: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    people: list[str],
    ability: NDArray[Any],
) -> Path:
    """A record with two headline scores, one of them without an interval, and one that failed."""
    scores = [
        given("ssim:canonical:ssim", ability),
        given("kd-effnet-lite0:canonical:kd-effnet-lite0", 1e-7),
        given("psnr:canonical:psnr", 0.0, status="skipped"),
    ]
    return make_record(tmp_path / "run", scores, people, name=HOSTILE, conditioning=["pose", "parsing"])


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(export, [*map(str, words)], catch_exceptions=False)


def test_the_hub_reads_the_model_index(record: Path) -> None:
    score = read_record(record)["ssim"]
    content = yaml.safe_load(call(record, "--format", "model-index", "--dataset", "me/bench").output)
    name, (first, second) = model_index_to_eval_results(content["model-index"])
    assert name.startswith('a: "b" \\ #c --- - d')
    assert "😀" in name
    assert (first.task_type, first.dataset_type, first.dataset_split) == ("image-to-image", "me/bench", "test")
    assert (first.metric_type, first.metric_config, first.metric_value) == ("ssim", "canonical", score.value)
    assert first.metric_args is not None
    assert (first.metric_args["low"], first.metric_args["high"]) == score.interval[:2]
    assert first.metric_args["fingerprint"] == score.fingerprint
    assert first.dataset_args is not None
    assert first.dataset_args["shown_as"].endswith("(given parsing)")
    assert (second.metric_value, type(second.metric_value)) == (1e-7, float)
    for result in content["model-index"][0]["results"]:  # the keys that the Hub requires
        assert result["task"]["type"]
        assert result["dataset"]["type"]
        assert result["dataset"]["name"]
        assert all(metric["type"] and metric["value"] is not None for metric in result["metrics"])


def test_eval_results_have_one_entry_per_score(record: Path) -> None:
    entries = yaml.safe_load(call(record, "--format", "eval-results", "--full").output)
    assert [entry["value"] for entry in entries] == [read_record(record)["ssim"].value, 1e-7]
    for entry in entries:
        assert set(entry["dataset"]) == {"id", "task_id"}
        assert isinstance(entry["date"], str)
        assert "fingerprint" in entry["notes"]


def test_tables_are_those_of_the_leaderboard(record: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(call(record, "--format", "csv").output)))
    assert [row["status"] for row in rows] == ["ok", "ok", "skipped"]
    assert float(rows[0]["value"]) == read_record(record)["ssim"].value
    latex = call(record, "--format", "latex").output
    assert latex.count(r"\begin{tabular}") == 1
    assert r"{[}" in latex
    assert "| model | SSIM ↑ canonical |" in call(record, "--format", "markdown").output


def test_a_file_of_the_user_is_kept(record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "results.yaml"
    for _ in range(2):  # the same content again is no change
        assert call(record, "--format", "model-index", "--out", file).exit_code == 0
    assert file.read_text() == call(record, "--format", "model-index").output
    file.write_text("mine")
    for words, message in (
        (["--format", "model-index", "--out", str(file)], "exists with another content"),
        (["--format", "csv", "--dataset", "me/x"], "--dataset belongs to model-index and eval-results"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["export", str(record), *words])
        assert ended.value.code == 2
        assert message in capsys.readouterr().err
    assert file.read_text() == "mine"


def test_a_record_without_a_value_is_refused(
    tmp_path: Path, make_record: Callable[..., Path], given: Callable[..., Any], people: list[str]
) -> None:
    record = make_record(tmp_path / "empty", [given("ssim:canonical:ssim", status="failed")], people)
    for format_ in ("model-index", "latex", "csv"):
        result = CliRunner().invoke(export, [str(record), "--format", format_])
        assert "has no score with a value" in str(result.exception)


@pytest.mark.parametrize(
    "content",
    [
        {"a": [], "b": {}, "c": [{"d": [{"e": None}, {"f": True, "g": [1, [2, 3]]}]}]},
        ["yes", "1e3", "~", "2020-01-01", " - x", "a: b", "", HOSTILE.encode("ascii", "replace").decode()],
        [1e300, -1e-300, 5e-324, 1e22, 0.1, -0.0, 123456789012345678],
    ],
)
def test_yaml_is_read_back(content: Any) -> None:
    assert yaml.safe_load(block_yaml(content)) == content


def test_the_published_schema_is_current() -> None:
    committed = record_schema.FILE.read_text(encoding="utf-8")
    assert committed == record_schema.schema_text(), f"docs/record.schema.json is old: run {record_schema.COMMAND}"


def test_the_published_schema_fits_records_and_refuses_others(record: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(record_schema.FILE.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    written = json.loads(read_record(record).model_dump_json())  # as a run writes it
    assert validator.is_valid(written)
    for change in ({"schema_version": 2}, {"more": 1}, {"scores": [{**written["scores"][0], "n": -1}]}, {"pairs": {}}):
        assert not validator.is_valid({**written, **change})
    assert not validator.is_valid({key: value for key, value in written.items() if key != "scores"})
