"""`--shard` and `merge`: the record of a run of one process, to the last digit, from jobs that each measure a part."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import fhpt_bench as fb
from fhpt_bench.cli import cli
from fhpt_bench.evaluation.shards import Shard
from fhpt_bench.files import cache_folder
from fhpt_bench.output_folder import FolderLock

ACME = Path(__file__).parents[2] / "third_party" / "acme_hpt.py"
COUNT = 3
PLUGINS = '''
import numpy as np, torch
from fhpt_bench.feature import FeatureSpec, VectorFeature
from fhpt_bench.model import Generator, ModelCard
from fhpt_bench.protocol import MetricCard, Protocol, Score

class Random(Generator):
    card = ModelCard("random", "")
    def generate(self, batch): return torch.rand_like(batch.source)

class Grey(Generator):
    card = ModelCard("grey", "the same image for every pair")
    def generate(self, batch): return torch.zeros_like(batch.source)

class Few(Generator):
    card = ModelCard("few", "three images, each for pairs of many batches", conditioning=("pose",))
    def generate(self, batch):
        grey = batch.target_pose.nansum((1, 2)).round() % 3 / 2 - 0.5
        return grey[:, None, None, None] + torch.zeros_like(batch.source)

class Batchwise(VectorFeature):
    """Depends on the other images of its batch, as the last digits of a network's values can."""
    spec = FeatureSpec("batchwise", 1, (), "none")
    def __init__(self, device): pass
    def extract(self, images):
        own = images.reshape(len(images), -1).mean(1, dtype=np.float64)
        return np.stack([own, own + own.sum() * 1e-3 + np.arange(len(own))], 1).astype(np.float32)

class Pooled(Protocol):
    id, title, citation = "pooled", "all vectors", ""
    variants = {"canonical": ""}
    metrics = (MetricCard("pooled", "P", False, per_pair=False),)
    features = (__file__ + ":Batchwise",)
    training_images = True
    def score(self, evidence):
        roles = ("generated", "target", "train")
        sums = [evidence.vectors(self.features[0], role).astype(np.float64) for role in roles]
        value = sum(float((part * np.arange(1, len(part) + 1)[:, None]).sum()) for part in sums)
        return (Score("pooled", value, len(sums[0])),)
'''


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    file = tmp_path / "plugins.py"
    file.write_text(PLUGINS)
    return file


def call(*words: object) -> Result:
    return CliRunner().invoke(cli, list(map(str, words)))


def refused(*words: object) -> str:
    """The message of a command that must end with one."""
    result = call(*words)
    assert isinstance(result.exception, fb.UserError), (result.output, result.exc_info)
    return str(result.exception)


Words = Callable[[object, Path], list[object]]


def shards(words: Sequence[object], out: Path, numbers: Sequence[int] = (2, 3, 1)) -> None:
    for number in numbers:
        done = call(*words, "-o", out, "--shard", f"{number}/{COUNT}")
        assert done.exit_code == 0, (done.output, done.exception)
        assert f"shard {number}/{COUNT}: " in done.output


def stable(folder: Path) -> tuple[dict[str, Any], str]:
    """A record without what may differ, and its table of pairs."""
    record = json.loads((folder / "record.json").read_text())
    del record["provenance"]["created"], record["provenance"]["shards"], record["stages"]
    return record, (folder / "pairs.csv").read_text()


def work(folder: Path) -> dict[str, tuple[int, int]]:
    """Images and forwards of each network."""
    return {stage.name: (stage.images, stage.forwards) for stage in fb.read_record(folder).stages if stage.forwards}


def words_of(model: object, benchmark: Path, chosen: Sequence[object]) -> list[object]:
    return ["run", "-m", model, "-b", benchmark, "-p", ",".join(map(str, chosen)), "--batch-size", 4,
            "--processes", 1, "--device", "cpu"]  # fmt: skip


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


def test_a_merged_run_is_like_any_other(tiny: Path, tmp_path: Path) -> None:
    words = words_of("warp", tiny, ["ssim", "fd-effnet-lite0"])
    out = tmp_path / "run"
    shards(words, out)
    assert call("merge", out).exit_code == 0
    assert not (out / "shards").exists()
    assert not list((cache_folder() / "shards").glob("*/*")), "the shards' vectors are in the cache"
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


def test_what_changed_since_the_shards_is_named(tiny: Path, tmp_path: Path, plugins: Path) -> None:
    words, out = words_of(f"{plugins}:Grey", tiny, ["ssim"]), tmp_path / "run"
    shards(words, out)
    plugins.write_text(PLUGINS + "\n# changed\n")
    assert "What is installed here and the shards differ in the model.code (" in refused("merge", out)
    assert not (out / "record.json").exists()


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
