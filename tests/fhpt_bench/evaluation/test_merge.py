"""`merge`: what it takes from the shards, what it refuses, and the commands that it names."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import fhpt_bench as fb
from fhpt_bench.evaluation.differences import first_difference, measured_by, of_runs
from fhpt_bench.evaluation.plan import Step
from fhpt_bench.files import cache_folder
from fhpt_bench.protocol import protocols
from tests.shard_runs import PLUGINS, call, refused, shards, stable, words_of, work


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    file = tmp_path / "plugins.py"
    file.write_text(PLUGINS)
    return file


def test_a_merged_run_is_like_any_other(tiny: Path, tmp_path: Path) -> None:
    words = words_of("warp", tiny, ["ssim", "fd-effnet-lite0"])
    out = tmp_path / "run"
    shards(words, out)
    assert call("merge", out).exit_code == 0
    assert not (out / "shards").exists()
    assert not list((cache_folder() / "shards").glob("*")), "the shards' vectors are in the cache"
    record = fb.read_record(out)
    assert [part.number for part in record.provenance.shards] == [1, 2, 3]
    assert [part.pairs for part in record.provenance.shards] == [8, 8, 8]
    assert call("validate", out).exit_code == 0
    before = {file: file.stat().st_mtime_ns for file in (out / "images").iterdir()}
    more = fb.run("warp", str(tiny), "ssim,psnr", out=out, batch_size=4)
    assert len(more.scores) == 2
    assert {file: file.stat().st_mtime_ns for file in (out / "images").iterdir()} == before
    assert "holds no shards: it has its record already" in refused("merge", out)
    assert "has its record already" in refused(*words, "-o", out, "--shard", "1/3")


def test_a_lost_shard_is_named_with_its_command_and_redone_alone(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # relative paths
    benchmark, out = tiny.relative_to(tmp_path), Path("run")
    words = words_of("warp", benchmark, ["ssim"])
    shards(words, out, [1, 3])
    shutil.rmtree(out / "shards" / "1-of-3")
    (out / "shards" / "3-of-3" / "shard.json").write_text(
        json.dumps(json.loads((out / "shards" / "3-of-3" / "shard.json").read_text()) | {"ended": {}})
    )
    before = {file: file.stat().st_mtime_ns for file in (out / "shards" / "3-of-3" / "images").iterdir()}
    told = refused("merge", out).splitlines()
    assert "lacks 3 of 3 shards (1/3, 2/3, 3/3): redo each with its command" in told[0]
    for command, number in zip(told[1:], (1, 2, 3), strict=True):
        assert command.startswith("fhpt-bench run ")
        assert command.endswith(f"--shard {number}/3")
        assert call(*shlex.split(command)[1:]).exit_code == 0
    assert {file: file.stat().st_mtime_ns for file in (out / "shards" / "3-of-3" / "images").iterdir()} == before
    monkeypatch.chdir(tiny.parent)  # from another folder than the shards
    assert call("merge", tmp_path / "run").exit_code == 0
    assert fb.read_record(tmp_path / "run")["ssim"].n == 24


def test_a_failed_protocol_is_measured_again_in_its_shard_alone(
    tiny: Path, tmp_path: Path, plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, out = tmp_path / "calls", tmp_path / "run"
    monkeypatch.setenv("CALLS", str(calls))
    words = words_of("warp", tiny, ["psnr", f"{plugins}:Fails"])
    shards(words, out, [1, 3])
    shard = [*map(str, words), "-o", str(out), "--shard", "2/3", "--processes", "2"]
    own = {**os.environ, "FAILS": "1", "OMP_NUM_THREADS": "1"}  # in the second of two processes
    done = subprocess.run([sys.executable, "-m", "fhpt_bench", *shard], env=own, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "shard 2/3: 8 pairs are measured, but fails:canonical failed, in" in done.stdout
    assert calls.read_text() == "x" * 5
    told = refused("merge", out).splitlines()
    assert "fails:canonical failed in 1 of 3 shards (2/3): redo each with its command" in told[0]
    assert "--processes 2 " in told[1]
    assert told[1].endswith("--shard 2/3")
    assert len(told) == 2
    whole = shutil.copytree(out, tmp_path / "failed")
    merged = call("merge", whole, "--allow-failed")
    assert merged.exit_code == 1, (merged.output, merged.exception)
    record = fb.read_record(whole)
    assert record["psnr"].n == 24
    (failed,) = record.failed
    assert str(failed.reason).startswith("in shard 2/3: RuntimeError: the GPU is broken")
    assert calls.read_text() == "x" * 5, "nothing is measured by merge"
    assert call(*words, "-o", whole).exit_code == 0, "the run measures what failed"
    calls.write_text("")
    shards(words, out, [2])
    assert calls.read_text() == "x", "only what failed is measured again"
    assert call("merge", out).exit_code == 0
    assert calls.read_text() == "x"
    assert fb.read_record(out)["fails"].n == 24


def test_an_interrupted_merge_goes_on(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fhpt_bench.evaluation import merge

    words, out = words_of("warp", tiny, ["ssim", "fd-effnet-lite0"]), tmp_path / "run"
    shards(words, out)
    with monkeypatch.context() as broken:
        broken.setattr(merge, "write_results", lambda *_: sys.exit(9))
        assert call("merge", out).exit_code == 9
    assert call("merge", out).exit_code == 0
    assert call(*words, "-o", tmp_path / "one").exit_code == 0
    assert stable(out) == stable(tmp_path / "one")


def test_what_changed_since_the_shards_is_named(tiny: Path, tmp_path: Path, plugins: Path) -> None:
    words, out = words_of(f"{plugins}:Grey", tiny, ["ssim"]), tmp_path / "run"
    shards(words, out)
    plugins.write_text(PLUGINS + "\n# changed\n")
    assert "What is installed here and the shards differ in the model.code (" in refused("merge", out)
    assert not (out / "record.json").exists()


def test_a_protocol_that_only_one_machine_can_run_is_a_difference() -> None:
    here = Step(protocols.load("ssim")("canonical"), {}, "f" * 64)
    there = replace(here, skip="its weights are missing")
    found = first_difference(of_runs({}, {}, measured_by([here]), measured_by([there])))
    assert found == "the fingerprint of ssim:canonical (ffffffffffff and skipped)"


def test_the_command_of_a_shard_names_options_with_the_value_1(tiny: Path, tmp_path: Path) -> None:
    words, out = [*words_of("warp", tiny, ["psnr"]), "--batch-size", 1], tmp_path / "run"
    shards(words, out, [1])
    for command in refused("merge", out).splitlines()[1:]:
        assert "--batch-size 1 --processes 1 " in command
        assert "True" not in command
        assert "False" not in command


def change(out: Path, **changes: str) -> None:
    """Write other values into what the shards say of themselves."""
    for file in (out / "shards").glob("*/shard.json"):
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_shards_of_a_gpu_are_merged_on_a_gpu(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shards(words_of("warp", tiny, ["psnr"]), tmp_path / "run")
    change(tmp_path / "run", device="cuda")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    message = refused("merge", tmp_path / "run")
    assert message.endswith("torch finds none here: merge them on a machine with a GPU.")
    assert "--device" not in message


def test_the_merge_of_one_run_leaves_the_vectors_of_others(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, other = (words_of("warp", tiny, [protocol]) for protocol in ("fd-effnet-lite0", "psnr"))
    shards(words, tmp_path / "run")
    shards(other, tmp_path / "other")  # of the same model, with equal shards
    (tmp_path / "run").rename(tmp_path / "moved")
    shards(words, tmp_path / "moved", [2])  # finds its own work
    for name in ("other", "moved"):
        assert call("merge", tmp_path / name).exit_code == 0
    assert not list((cache_folder() / "shards").glob("*"))
    monkeypatch.setenv("FHPT_CACHE_DIR", str(tmp_path / "cache of one"))
    assert call(*words, "-o", tmp_path / "one").exit_code == 0
    assert work(tmp_path / "moved") == work(tmp_path / "one"), "nothing is computed twice"


def test_a_store_outside_of_the_cache_is_not_removed(tiny: Path, tmp_path: Path) -> None:
    shards(words_of("warp", tiny, ["psnr"]), tmp_path / "run")
    change(tmp_path / "run", store="../../data")
    assert "was not written by this version" in refused("merge", tmp_path / "run")
    assert tiny.exists()
