"""One forward pass of a network serves every protocol that uses it; protocols without weights are skipped."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import fhpt_bench as fb
from fhpt_bench import weights

EFFNET = ["fd-effnet-lite0", "kd-effnet-lite0", "is-effnet-lite0"]


def forwards(record: fb.Record) -> dict[str, int]:
    return {stage.name: stage.forwards for stage in record.stages if stage.forwards}


def test_what_lacks_its_weights_is_skipped_and_the_others_share_a_pass(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def no_network(url: str, **_: object) -> None:
        asked.append(url)
        raise urllib.error.URLError("no route")

    only = tmp_path / "weights"
    only.mkdir()
    shutil.copy(weights.path("efficientnet-lite0"), only)
    monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(only))
    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    record = fb.run(
        "copy-source", str(tiny), [*EFFNET, "fid", "fid:train", "fid:gfla", "kid", "is"], out=tmp_path / "run"
    )
    for name in EFFNET:
        assert record[name].status == "ok"
        assert record[name].n == 24
        assert record[name].interval is not None
    # Every copied source is one of the 24 real images, whose vectors are cached already.
    assert forwards(record) == {"efficientnet-lite0": 24}
    for key in ("fid", "fid:train", "fid:gfla", "kid", "is", "is:canonical:one-split"):
        assert record[key].status == "skipped"
        assert "weights fetch inception-" in str(record[key].reason)
    assert len(asked) == 2, "each file is asked for once, however many protocols want it"
    assert not record.failed


def test_fid_kid_and_is_share_one_pass(
    tiny: Path, tmp_path: Path, random_inception: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(random_inception))
    chosen = ["fid", "fid:train", "kid", "is"]
    record = fb.run("warp", str(tiny), chosen, out=tmp_path / "run", batch_size=8)
    assert forwards(record) == {"inception-2015": 24 + 7 + 24}
    assert [record[key].status for key in chosen] == ["ok"] * 4
    assert record["fid:train"].details["n_reference"] == 7
    assert record["fid"].details["n_reference"] == 24
    assert record["is"].value != record["is:canonical:one-split"].value
    again = fb.run("warp", str(tiny), chosen, out=tmp_path / "again", batch_size=5)
    assert forwards(again) == {}
    assert [score.value for score in again.scores] == [score.value for score in record.scores]
