"""`--shard` and `merge`: the record of a run of one process, to the last digit, from jobs that each measure a part."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import fhpt_bench as fb
from fhpt_bench.evaluation.shards import Shard
from fhpt_bench.output_folder import FolderLock
from tests.shard_runs import PLUGINS, call, refused, shards, stable, words_of, work

ACME = Path(__file__).parents[2] / "third_party" / "acme_hpt.py"


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    file = tmp_path / "plugins.py"
    file.write_text(PLUGINS)
    return file


@pytest.mark.parametrize("model", ["warp", "copy-source", "Random", "Few"])
def test_merged_shards_equal_one_process(
    tiny: Path, tmp_path: Path, plugins: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = model if model.islower() else f"{plugins}:{model}"
    chosen = ["ssim", "lpips", f"{plugins}:Pooled", f"{ACME}:FrechetColourHere", "fd-effnet-lite0"]
    words = words_of(named, tiny, chosen)
    shards(words, tmp_path / "parts")
    assert not (tmp_path / "parts" / "record.json").exists()
    merged = call("merge", tmp_path / "parts")
    assert merged.exit_code == 0, (merged.output, merged.exception)
    monkeypatch.setenv("FHPT_CACHE_DIR", str(tmp_path / "cache of one"))  # nothing of the shards is used
    assert call(*words, "-o", tmp_path / "one").exit_code == 0
    assert stable(tmp_path / "parts") == stable(tmp_path / "one")
    assert {score.status for score in fb.read_record(tmp_path / "one").scores} == {"ok"}
    if model in ("warp", "Random"):  # of the others, several shards compute the vector of one image
        assert work(tmp_path / "parts") == work(tmp_path / "one"), "nothing is measured twice"
    for name in ("images", "figures"):
        sides = [tmp_path / side / name for side in ("parts", "one")]
        assert [p.name for p in sorted(sides[0].iterdir())] == [p.name for p in sorted(sides[1].iterdir())]
        assert all(file.read_bytes() == (sides[1] / file.name).read_bytes() for file in sides[0].iterdir())


def test_a_folder_of_images_is_measured_in_shards(tiny: Path, tmp_path: Path) -> None:
    fb.run("warp", str(tiny), "ssim", out=tmp_path / "made")
    words = ["evaluate", tmp_path / "made" / "images", "-n", "mine", "-b", tiny, "-p", "ssim,fd-effnet-lite0",
             "--batch-size", 4, "--processes", 1]  # fmt: skip
    shards(words, tmp_path / "parts")
    # Jobs without a common disk: the folder of one shard is brought from elsewhere.
    (tmp_path / "other" / "shards").mkdir(parents=True)
    shutil.move(tmp_path / "parts" / "shards" / "2-of-3", tmp_path / "other" / "shards" / "2-of-3")
    assert "lacks 1 of 3 shards (2/3)" in refused("merge", tmp_path / "parts")
    assert call("merge", tmp_path / "parts", tmp_path / "other").exit_code == 0
    assert call(*words, "-o", tmp_path / "one").exit_code == 0
    assert stable(tmp_path / "parts") == stable(tmp_path / "one")


def test_shards_of_a_job_array_run_at_once(tiny: Path, tmp_path: Path) -> None:
    words = list(map(str, words_of("warp", tiny, ["ssim"])))
    own = {**os.environ, "OMP_NUM_THREADS": "1"}
    jobs = [
        subprocess.Popen(
            [sys.executable, "-m", "fhpt_bench", *words, "-o", str(tmp_path / "run"), "--shard", f"{number}/3"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=own,
        )
        for number in (1, 2, 3)
    ]  # fmt: skip
    for job in jobs:
        _, errors = job.communicate(timeout=300)
        assert job.returncode == 0, errors
    assert call("merge", tmp_path / "run").exit_code == 0


def test_every_batch_is_in_one_shard_and_shards_are_balanced() -> None:
    for batches in (7, 16, 100):
        for count in range(1, 8):
            parts = [list(range(batches))[Shard(number, count).part] for number in range(1, count + 1)]
            assert sorted(number for part in parts for number in part) == list(range(batches))
            assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0/4", "--shard 0/4 is not one of 4 shards: give 1/4 to 4/4."),
        ("5/4", "--shard 5/4 is not one of 4 shards: give 1/4 to 4/4."),
        ("1/0", "--shard 1/0: give 1 to 10,000 shards."),
        ("a/b", "--shard 'a/b' is not two numbers such as 3/16: the third of 16 shards."),
        ("3", "--shard '3' is not two numbers such as 3/16: the third of 16 shards."),
        ("-1/4", "--shard '-1/4' is not two numbers such as 3/16: the third of 16 shards."),
        (
            "1/7",
            "--shard 1/7: the 24 pairs are 6 batches of 4: give at most as many shards, or a smaller --batch-size.",
        ),
    ],
)
def test_a_wrong_shard_is_one_sentence(tiny: Path, tmp_path: Path, text: str, message: str) -> None:
    assert refused(*words_of("warp", tiny, ["ssim"]), "-o", tmp_path / "run", "--shard", text) == message
    assert not (tmp_path / "run" / "shards").exists()


def test_wrong_uses_are_one_sentence(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words, out = words_of("warp", tiny, ["ssim"]), tmp_path / "run"
    assert "--shard is given with --limit" in refused(*words, "-o", out, "--shard", "1/3", "--limit", 4)
    with monkeypatch.context() as launched:
        launched.setenv("WORLD_SIZE", "2")
        assert "--shard is given under torchrun" in refused(*words, "-o", out, "--shard", "1/3")
        assert "in one process" in refused("merge", out)
    assert "holds no shards: give the folders" in refused("merge", tmp_path / "nothing")
    shards(words, out)
    assert f"holds shards: give `fhpt-bench merge {out}`" in refused(*words, "-o", out)
    assert "differ in --protocols (psnr and ssim)" in refused(
        *words_of("warp", tiny, ["psnr"]), "-o", out, "--shard", "1/3"
    )
    assert "differ in their number (2 and 3)" in refused(*words, "-o", out, "--shard", "1/2")
    other = words_of("copy-source", tiny, ["ssim"])
    assert "differ in --model (copy-source and warp)" in refused(*other, "-o", out, "--shard", "1/3")
    shards(other, tmp_path / "other", [2])
    shutil.rmtree(out / "shards" / "2-of-3")
    assert re.search(r"Shards 1/3 and 2/3 differ in --model \(warp and copy-source\): remove .*2-of-3",
                     refused("merge", out, tmp_path / "other"))  # fmt: skip
    shards(words, out, [2])
    shards(words, tmp_path / "twice", [1])
    assert "Shard 1/3 is there twice" in refused("merge", out, tmp_path / "twice")
    file = out / "shards" / "3-of-3" / "shard.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"version": "0.0.9"}))
    assert "differ in version (" in refused("merge", out)
    file.write_text(json.dumps(content | {"fingerprints": {"ssim:canonical": "0" * 64}}))
    assert "differ in the fingerprint of ssim:canonical (" in refused("merge", out)
    file.write_text(json.dumps(content | {"gpu": "NVIDIA H100"}))
    assert "differ in the GPU ( and NVIDIA H100)" in refused("merge", out)
    file.write_text(json.dumps(content | {"ended": {}}))
    lock = FolderLock(file.parent)
    assert re.search("Shard 3/3 in .* is still running", refused("merge", out))
    lock.release()
    file.write_text("{}")
    assert "was not written by this version" in refused("merge", out)
    file.write_text(json.dumps(content))
    monkeypatch.setenv("FHPT_CACHE_DIR", str(tmp_path / "another cache"))
    assert "measured with another cache folder" in refused("merge", out)
    assert "differ in the cache folder's key (" in refused(*words, "-o", out, "--shard", "1/3")


def test_a_killed_shard_resumes(tiny: Path, tmp_path: Path) -> None:
    words, out = words_of(f"{ACME}:Slow", tiny, ["ssim"]), tmp_path / "run"
    command = [sys.executable, "-m", "fhpt_bench", *map(str, words), "-o", str(out), "--shard", "2/3"]
    images = out / "shards" / "2-of-3" / "images"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as job:
        deadline = time.monotonic() + 240
        while len(list(images.glob("*.png"))) < 4:
            assert time.monotonic() < deadline
            assert job.poll() is None
            time.sleep(0.01)
        job.kill()
    assert "(1/3, 2/3, 3/3)" in refused("merge", out)
    shards(words, out)
    assert call("merge", out).exit_code == 0
    assert call(*words, "-o", tmp_path / "one").exit_code == 0
    assert stable(out) == stable(tmp_path / "one")


def test_batchwise_vectors_do_depend_on_the_batch(plugins: Path) -> None:
    """Otherwise the first test would not notice a vector that the wrong shard has computed."""
    from fhpt_bench.feature import features

    extract = features.load(f"{plugins}:Batchwise")("cpu").extract  # type: ignore[attr-defined]
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    assert not np.array_equal(extract(images)[:2], extract(images[:2]))
