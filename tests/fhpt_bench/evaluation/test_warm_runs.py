"""A run whose protocols are all measured already starts no other processes, and reads each vector once."""

from __future__ import annotations

from pathlib import Path

import pytest

import fhpt_bench as fb
from fhpt_bench.evaluation import job
from fhpt_bench.evaluation.feature_cache import FeatureCache


def test_a_run_that_has_measured_everything_starts_no_processes(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def count(device: str, pairs: int) -> int:
        asked.append(pairs)
        return 1

    monkeypatch.setattr(job, "best_count", count)

    def starts(protocols: str, model: str = "copy-source", overwrite: bool = False) -> bool:
        asked.clear()
        fb.run(model, str(tiny), protocols, out=tmp_path / "run", processes=None, overwrite=overwrite, device="cpu")
        return bool(asked)

    assert starts("psnr")
    assert not starts("psnr")
    assert starts("psnr,ssim"), "a protocol is new"
    assert not starts("psnr,ssim")
    assert starts("psnr", overwrite=True)
    (tmp_path / "run" / "record.json").write_text("{}")
    assert starts("psnr"), "the record is damaged"


def test_protocols_that_share_vectors_read_each_file_once(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = ["fd-effnet-lite0", "kd-effnet-lite0", "is-effnet-lite0"]
    first = fb.run("copy-source", str(tiny), chosen, out=tmp_path / "run")
    read: list[str] = []
    get = FeatureCache.get

    def counted(cache: FeatureCache, digest: str) -> object:
        read.append(digest)
        return get(cache, digest)

    monkeypatch.setattr(FeatureCache, "get", counted)
    again = fb.run("copy-source", str(tiny), chosen, out=tmp_path / "run")
    assert len(read) == len(set(read)) == 24
    assert [score.value for score in again.scores] == [score.value for score in first.scores]
