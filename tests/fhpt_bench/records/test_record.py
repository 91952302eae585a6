"""Records in Python: short repr, table of scores, headlines, and records of earlier versions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fhpt_bench.records import pair_table
from fhpt_bench.records.schema import RECORD_FILE, read_record


@pytest.fixture
def folder(
    make_record: Callable[..., Path], given: type, people: list[str], ability: np.ndarray, tmp_path: Path
) -> Path:
    scores = [
        given("ssim:canonical:ssim", ability),
        *(given(f"kec:canonical:{part}", ability) for part in ("body", "face", "hands")),
        given("fid:canonical:fid", 31.5, higher_is_better=False, interval=(30.0, 33.0)),
        given("psnr:canonical:psnr", status="skipped", unit="dB"),
    ]  # fmt: skip
    return make_record(tmp_path / "warp", scores, people)


def test_repr_is_short(folder: Path) -> None:
    assert repr(read_record(folder)) == str(read_record(folder)) == "<Record warp on synthetic 1: n = 60, 6 scores>"


def test_paths_may_be_strings(folder: Path) -> None:
    record = read_record(str(folder))
    assert record["ssim"].value == read_record(str(folder / RECORD_FILE))["ssim"].value


def test_table_has_every_score(folder: Path) -> None:
    record = read_record(folder)
    table = record.to_frame()
    assert list(table.index) == [score.key for score in record.scores]
    assert table.loc["fid:canonical:fid", ["value", "low", "high", "n"]].tolist() == [31.5, 30.0, 33.0, 60]
    assert np.isnan(table.loc["psnr:canonical:psnr", "value"])
    assert table.loc["psnr:canonical:psnr", "reason"] == "the weights are missing"
    assert table["value"].dtype == np.float64


def test_values_by_pair_are_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    read = pair_table.read_pair_values
    monkeypatch.setattr(pair_table, "read_pair_values", lambda path, rows: calls.append(path) or read(path, rows))
    record = read_record(folder)
    assert not calls
    first = record["ssim"].per_pair
    assert record["ssim"].per_pair is not None
    assert record["kec:canonical:hands"].per_pair.index.equals(first.index)
    assert calls == [folder]


def test_headlines_follow_the_cards(folder: Path) -> None:
    content = json.loads((folder / RECORD_FILE).read_text())
    without = [score.key for score in read_record(folder).headlines]
    assert without == [
        "ssim:canonical:ssim", "kec:canonical:body", "fid:canonical:fid", "psnr:canonical:psnr",
    ], "the first metric, in records whose cards name no headlines"  # fmt: skip
    kec = next(card for card in content["protocols"] if card["id"] == "kec")
    kec |= {"headlines": ["body", "face", "hands"], "group": "structural"}
    (folder / RECORD_FILE).write_text(json.dumps(content))
    record = read_record(folder)
    assert [score.metric for score in record.headlines] == ["ssim", "body", "face", "hands", "fid", "psnr"]
    assert record.group(record["kec"]) == "structural"
    assert record.group(record["ssim"]) == "other"


def test_earlier_name_of_trained_tensors_is_read(folder: Path) -> None:
    content = json.loads((folder / RECORD_FILE).read_text())
    content["model"]["learnt"] = {"drn": "ab12"}
    (folder / RECORD_FILE).write_text(json.dumps(content))
    record = read_record(folder)
    assert record.model.trained == {"drn": "ab12"}
    assert json.loads(record.model_dump_json())["model"]["trained"] == {"drn": "ab12"}
