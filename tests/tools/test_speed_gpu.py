"""The script that tests and measures on a GPU: its dry run, its time limits, and how it compares scores."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from fhpt_bench.records.schema import read_record
from leaderboards.measured import REFERENCE
from tools.speed.gpu import DRY, FILE, LIMIT, PLAN, last_unit, limited, main, score_rows, whole_row


def test_the_dry_run_does_all_parts(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["--out", str(tmp_path / "out"), "--dry-run"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "1. python -m pytest -m cuda" in done.output
    file = tmp_path / "out" / FILE
    assert [path.name for path in file.parent.iterdir()] == [FILE]
    assert file.stat().st_size < 2**20
    found = {one["id"]: one for one in json.loads(file.read_text())["sections"]}
    assert list(found) == ["gpu-1-tests", "gpu-2-run", "gpu-3-stages", "gpu-4-forward", "gpu-5-scores"]
    for one in found.values():
        assert one["rows"]
        assert {len(row) for row in one["rows"]} == {len(one["header"])}, one["id"]
    assert found["gpu-1-tests"]["rows"][0][0] == "exit code 0"
    assert found["gpu-2-run"]["rows"][0][0] == "4"
    stages = {row[0]: row for row in found["gpu-3-stages"]["rows"]}
    assert {"`generate`", "`write images`", "`alexnet-maps`", "`ssim:canonical`"} <= set(stages)
    assert stages["`alexnet-maps`"][1] == "8"
    assert float(stages["`alexnet-maps`"][4]) > 0
    assert {row[0] for row in found["gpu-4-forward"]["rows"]} == {"`alexnet-maps`", "`generate`"}
    # Four pairs are not comparable with all 800.
    assert {row[-1] for row in found["gpu-5-scores"]["rows"]} == {"not comparable"}
    assert len(found["gpu-5-scores"]["rows"]) == 3


def test_all_parts_fit_into_nine_minutes() -> None:
    assert LIMIT <= 9 * 60
    assert PLAN.tests_s + PLAN.card_s < LIMIT - 240, "at least four minutes are left for the run"
    assert (PLAN.device, DRY.device) == ("cuda", "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["--out", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert "torch finds no GPU here: give --dry-run" in done.output
    assert not (tmp_path / "out").exists()


def test_a_command_is_ended_with_what_it_started(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    start = time.monotonic()
    ended, said = limited([sys.executable, "-c", code], 5, os.environ)
    assert ended is None
    assert time.monotonic() - start < 60
    for _ in range(100):
        try:
            os.kill(int(said), 0)
        except ProcessLookupError:
            break
        if "Z" in Path(f"/proc/{int(said)}/stat").read_text().rsplit(")", 1)[1].split()[0]:
            break  # nobody has asked for its exit code yet
        time.sleep(0.1)
    else:
        raise AssertionError("the child is still running")
    assert limited([sys.executable, "-c", "print('a'); exit(3)"], 60, os.environ) == (3, "a\n")


def test_scores_may_move_by_one_printed_unit() -> None:
    reference = read_record(REFERENCE / "studio" / "drn")
    assert {row[-1] for row in score_rows(reference, reference)} == {"yes"}
    moved = {
        "ssim:canonical:ssim": 0.9e-4,
        "lpips:alex-0.1:lpips": 1.2e-4,
        "pckh:patn:pckh": 0.009,
        "psnr:canonical:psnr": 2,
    }
    scores = tuple(
        score.model_copy(update={"value": score.value + moved.get(score.key, 0.0)})
        for score in reference.scores
        if score.value is not None
    )
    rows = {row[0].strip("`"): row for row in score_rows(reference.model_copy(update={"scores": scores}), reference)}
    assert {key: rows[key][-2:] for key in moved} == {
        "ssim:canonical:ssim": ("0.0001", "yes"), "lpips:alex-0.1:lpips": ("0.0001", "no"),
        "pckh:patn:pckh": ("0.01", "yes"), "psnr:canonical:psnr": ("0.01", "no"),
    }  # fmt: skip
    fewer = tuple(score.model_copy(update={"n": score.n - 1}) for score in reference.scores)
    found = score_rows(reference.model_copy(update={"scores": fewer}), reference)
    assert {row[-1] for row in found} == {"not comparable"}
    assert [last_unit(text) for text in ("18.42", "114", "-0.70", "1.2e+08")] == [0.01, 1.0, 0.01, 1e7]


def test_the_least_time_of_a_run() -> None:
    record = read_record(REFERENCE / "studio" / "drn")
    rates = {"generate": {32: 100.0, 64: 200.0}, "alexnet-maps": {32: 500.0}, "vgg16-maps": {32: 0.0}}
    # 800 images at 200 a second and 1000 at 500 a second.
    assert whole_row(record, rates, 60.0) == ("800", "60.0", "13.3", "6.0", "0.10")
