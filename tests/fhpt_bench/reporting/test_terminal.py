"""What `run` and `evaluate` print: headline scores in groups, notes on what failed, paths and time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import fhpt_bench as fb
from fhpt_bench.protocol import protocols
from fhpt_bench.records.schema import Record
from fhpt_bench.reporting.terminal import GROUPS, report


@pytest.fixture
def record(
    make_record: Callable[..., Path], given: type, people: list[str], ability: np.ndarray, tmp_path: Path
) -> Record:
    scores = [
        given("retrieval:unique:recall@10", ability), given("retrieval:unique:recall@5", ability),
        given("ssim:canonical:ssim", ability), given("fid:canonical:fid", status="skipped"),
        given("psnr:canonical:psnr", ability, unit="dB", skipped=["", "identical"] + [""] * 58),
    ]  # fmt: skip
    read = fb.read_record(make_record(tmp_path / "warp", scores, people, limit=60))
    groups = {"retrieval": "semantic", "ssim": "perceptual", "fid": "perceptual", "psnr": "perceptual"}
    cards = tuple(card.model_copy(update={"group": groups[card.id]}) for card in read.protocols)
    return read.model_copy(update={"protocols": cards})


def shown(capsys: pytest.CaptureFixture[str], record: Record, **options: bool) -> list[str]:
    report(record, 75.2, **options)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_headlines_in_groups(record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, record)
    assert lines[0] == "warp on synthetic 1: 60 pairs, limit 60"
    places = [lines.index(group) for group in ("perceptual", "semantic")]
    assert places == sorted(places)
    (row,) = (line for line in lines if "SSIM ↑" in line)
    assert row.split()[:3] == ["SSIM", "↑", f"{record['ssim'].value:.4f}"]
    assert row.split()[-1] == "60"
    assert not any("RECALL@5" in line for line in lines)
    assert "fid:canonical skipped: the weights are missing" in lines
    assert not any("identical" in line for line in lines), "skipped pairs are shown by --full"
    assert f"record  {record.folder}/record.json" in lines
    assert "scores  4 of 5 shown; --full shows all" in lines
    assert "time    1 min 15 s" in lines


def test_full_shows_every_score(record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, record, full=True)
    assert sum(any(label in line for label in ("RECALL@5", "RECALL@10", "SSIM", "PSNR", "FID")) for line in lines) == 5
    assert "psnr:canonical (psnr) leaves out pairs: 1 identical" in lines
    assert not any("--full" in line for line in lines)


def test_every_protocol_has_a_group_and_headlines() -> None:
    for name in protocols.entries():
        kind = protocols.load(name)
        assert kind.group in GROUPS[:3], name
        for variant in kind.variants:
            card = kind(variant).card
            assert card.headlines
            assert {*card.headlines} <= {metric.name for metric in card.metrics}, card.key
