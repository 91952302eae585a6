"""The pass over the pairs: batch size, order and processes do not matter, and finished work is never lost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import fhpt_bench as fb
from fhpt_bench.benchmark import Pair, load_benchmark
from fhpt_bench.evaluation.batches import target_batches
from fhpt_bench.records.schema import Record

ACME = Path(__file__).parents[2] / "third_party" / "acme_hpt.py"
SET_LEVEL = f"{ACME}:FrechetColourHere"
PROTOCOLS = ["ssim", "psnr", "lpips", SET_LEVEL]


def values(record: Record) -> dict[str, Any]:
    return {score.key: (score.value, score.interval, score.n, score.fingerprint) for score in record.scores}


def contents(folder: Path) -> tuple[dict[str, Any], str]:
    """The parts of a record that must be equal in two runs: everything except times and machine."""
    record = json.loads((folder / "record.json").read_text())
    del record["provenance"]["created"], record["stages"]
    return record, (folder / "pairs.csv").read_text()


def test_real_images_get_the_best_scores(tiny: Path, tmp_path: Path) -> None:
    record = fb.run("real", str(tiny), PROTOCOLS, out=tmp_path / "run")
    assert record["ssim"].value == pytest.approx(1, abs=1e-12)
    assert record["lpips"].value == 0
    assert record["colour-here"].value == 0
    assert record["psnr"].status == "skipped"
    assert record["psnr"].skipped == {"identical": 24}
    assert record.model.oracle


def test_copy_source_scores_what_the_functions_say(tiny: Path, tmp_path: Path) -> None:
    from protocols.perceptual import lpips, ssim

    record = fb.run("copy-source", str(tiny), ["ssim", "lpips"], out=tmp_path / "run")
    benchmark = load_benchmark(str(tiny))
    source = np.stack([np.asarray(Image.open(benchmark.folder / pair.source)) for pair in benchmark.pairs])
    target = np.stack([np.asarray(Image.open(benchmark.folder / pair.target)) for pair in benchmark.pairs])
    ids = [pair.id for pair in benchmark.pairs]
    np.testing.assert_allclose(record["ssim"].per_pair[ids], ssim(source, target), atol=1e-12)
    np.testing.assert_allclose(record["lpips"].per_pair[ids], lpips(source, target), atol=1e-6)
    assert record["ssim"].n == 24
    interval = record["ssim"].interval
    assert interval is not None
    assert interval[0] < ssim(source, target).mean() < interval[1]


def test_batch_size_does_not_matter(tiny: Path, tmp_path: Path) -> None:
    one, all_ = (fb.run("warp", str(tiny), PROTOCOLS, out=tmp_path / str(size), batch_size=size) for size in (1, 100))
    for score in one.scores:
        assert score.value == pytest.approx(all_[score.key].value, abs=1e-6)
        assert score.fingerprint == all_[score.key].fingerprint


def test_order_of_the_pair_list_does_not_matter(tiny: Path, tmp_path: Path) -> None:
    first = fb.run("warp", str(tiny), PROTOCOLS, out=tmp_path / "a")
    pairs = (tiny.parent / "pairs.csv").read_text().splitlines()
    (tiny.parent / "pairs.csv").write_text("\r\n".join([pairs[0], *reversed(pairs[1:])]))
    assert values(fb.run("warp", str(tiny), PROTOCOLS, out=tmp_path / "b")) == values(first)


def test_networks_see_each_image_once(tiny: Path, tmp_path: Path) -> None:
    record = fb.run("copy-source", str(tiny), ["lpips:alex-0.1", SET_LEVEL], out=tmp_path / "a", batch_size=5)
    forwards = {stage.name: stage.forwards for stage in record.stages if stage.forwards}
    batches = target_batches(load_benchmark(str(tiny)).pairs, 5)
    # The targets, and the sources that are no target of the same batch.
    expected = sum(len({pair.target for pair in batch} | {pair.source for pair in batch}) for batch in batches)
    assert forwards["alexnet-maps"] == expected < 24 + 24
    # The copied sources are the real images that were embedded before them.
    assert forwards[f"{ACME}:MeanColour"] == 24
    again = fb.run("warp", str(tiny), [SET_LEVEL], out=tmp_path / "b")
    assert {s.name: s.forwards for s in again.stages if s.forwards} == {f"{ACME}:MeanColour": 24}


def test_a_second_protocol_reuses_the_images(tiny: Path, tmp_path: Path) -> None:
    fb.run("warp", str(tiny), "ssim", out=tmp_path / "run")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "images").iterdir()}
    record = fb.run("warp", str(tiny), "ssim,psnr", out=tmp_path / "run")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "images").iterdir()} == before
    assert len(record.scores) == 2


def test_evaluating_the_images_of_a_run_gives_its_scores(tiny: Path, tmp_path: Path) -> None:
    run = fb.run("warp", str(tiny), PROTOCOLS, out=tmp_path / "run")
    evaluated = fb.evaluate(tmp_path / "run" / "images", "mine", str(tiny), PROTOCOLS, out=tmp_path / "evaluated")
    assert values(evaluated) == values(run)
    assert evaluated.model.name == "mine"


@pytest.mark.parametrize("images_at_kill", [4, 12, 24])
def test_killed_run_goes_on_to_the_same_record(tiny: Path, tmp_path: Path, images_at_kill: int) -> None:
    words = ["run", "-m", f"{ACME}:Slow", "-b", str(tiny), "-p", ",".join(PROTOCOLS), "--batch-size", "4", "-o"]
    command = [sys.executable, "-c", "from fhpt_bench.cli import main; main()", *words]
    killed = tmp_path / "killed"
    with subprocess.Popen([*command, killed], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while len(list((killed / "images").glob("*.png"))) < images_at_kill:
            assert time.monotonic() < deadline
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert not (killed / "record.json").exists()
    for folder in (killed, tmp_path / "whole"):
        fb.run(f"{ACME}:Slow", str(tiny), PROTOCOLS, out=folder, batch_size=4)
    assert contents(killed) == contents(tmp_path / "whole")


def test_torn_progress_line_is_measured_again(tiny: Path, tmp_path: Path) -> None:
    first = fb.run("warp", str(tiny), "ssim", out=tmp_path / "run", batch_size=4)
    [progress] = (tmp_path / "run" / "progress").iterdir()
    progress.write_bytes(progress.read_bytes()[:-40])
    assert values(fb.run("warp", str(tiny), "ssim", out=tmp_path / "run", batch_size=4)) == values(first)


def test_folder_of_another_run_is_not_touched(tiny: Path, tmp_path: Path) -> None:
    fb.run("warp", str(tiny), "ssim", out=tmp_path / "run")
    before = (tmp_path / "run" / "record.json").read_text()
    with pytest.raises(fb.UserError, match="--overwrite"):
        fb.run("copy-source", str(tiny), "ssim", out=tmp_path / "run")
    assert (tmp_path / "run" / "record.json").read_text() == before
    (tmp_path / "run" / "notes.txt").write_text("mine")
    assert fb.run("copy-source", str(tiny), "ssim", out=tmp_path / "run", overwrite=True).model.name == "copy-source"
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"


PLUGINS = '''
import numpy as np, torch
from fhpt_bench.feature import FeatureSpec, MapFeature
from fhpt_bench.model import Generator, ModelCard
from fhpt_bench.protocol import MetricCard, PairValues, PairwiseProtocol

class Bad(PairwiseProtocol):
    id, title, citation = "bad", "breaks", ""
    variants = {"canonical": ""}
    metrics = (MetricCard("bad", "BAD", True),)
    def compare(self, images):
        raise ZeroDivisionError("on purpose")

class Nan(Bad):
    id = "nan"
    metrics = (MetricCard("nan", "NAN", True),)
    def compare(self, images):
        return {"nan": PairValues.of(np.full(len(images.target), np.nan))}

class Hungry(MapFeature):
    spec = FeatureSpec("hungry", 1, (), "none")
    def __init__(self, device): pass
    def extract(self, images): raise MemoryError("too large")

class Starved(Bad):
    id = "starved"
    metrics = (MetricCard("starved", "S", True),)
    features = (__file__ + ":Hungry",)

class Model(Generator):
    card = ModelCard("model", "")
    def generate(self, batch): return batch.source

class Wrong(Model):
    def generate(self, batch): return batch.source[:, :, ::2]

class NotFinite(Model):
    def generate(self, batch): return batch.source * float("nan")

class Raises(Model):
    def generate(self, batch): raise IndexError("deep inside")

class Curious(Model):
    def generate(self, batch):
        assert batch.target_face_landmarks is None and batch.target_parsing is None
        assert not any("MEN" in key or "id0" in key for key in batch.keys)
        assert batch.source.shape == (len(batch.keys), 3, 64, 48) and batch.source.min() >= -1
        assert batch.target_pose.shape == (len(batch.keys), 18, 2)
        return batch.source * 3

class Told(Model):
    card = ModelCard("given", "", conditioning=("pose", "face-landmarks"))

class Random(Model):
    def generate(self, batch): return torch.rand_like(batch.source)
'''  # fmt: skip


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    file = tmp_path / "plugins.py"
    file.write_text(PLUGINS)
    return file


def test_failing_protocols_leave_the_others_alone(tiny: Path, tmp_path: Path, plugins: Path) -> None:
    chosen = ["ssim", *(f"{plugins}:{name}" for name in ("Bad", "Nan", "Starved")), "psnr"]
    record = fb.run("warp", str(tiny), chosen, out=tmp_path / "run")
    assert {score.protocol: score.status for score in record.scores} == {
        "ssim": "ok", "bad": "failed", "nan": "failed", "starved": "failed", "psnr": "ok",
    }  # fmt: skip
    assert record["bad"].reason.startswith("ZeroDivisionError: on purpose (")
    assert "not finite" in str(record["nan"].reason)
    assert record["starved"].reason.startswith("MemoryError: too large (")
    assert len(record.failed) == 3


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Wrong", r"returned \(16, 3, 32, 48\), not a tensor of shape \(16, 3, 64, 48\)"),
        ("NotFinite", "NaN or infinite"),
        ("Raises", r"IndexError: deep inside \(.*plugins.py:\d+\)"),
        ("Told", "needs the target's face-landmarks, which tiny lacks"),
    ],
)
def test_a_models_mistake_is_one_sentence(tiny: Path, tmp_path: Path, plugins: Path, name: str, message: str) -> None:
    with pytest.raises(fb.UserError, match=message):
        fb.run(f"{plugins}:{name}", str(tiny), "ssim", out=tmp_path / "run")


def test_a_model_is_given_only_what_its_card_names(tiny: Path, tmp_path: Path, plugins: Path) -> None:
    record = fb.run(f"{plugins}:Curious", str(tiny), "ssim", out=tmp_path / "run")
    assert record["ssim"].status == "ok"


def test_a_random_model_repeats_itself(tiny: Path, tmp_path: Path, plugins: Path) -> None:
    a, b = (fb.run(f"{plugins}:Random", str(tiny), "ssim", out=tmp_path / name) for name in "ab")
    assert values(a) == values(b)
    assert len(set(a["ssim"].per_pair)) == 24


def test_the_command_shares_its_work_by_itself(tiny: Path, tmp_path: Path) -> None:
    words = ["run", "-m", "warp", "-b", str(tiny), "-p", "ssim,psnr", "-o"]
    command = [sys.executable, "-m", "fhpt_bench", *words, str(tmp_path / "two"), "--processes", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("record  ") == 1, "one of the processes prints"
    assert sorted(path.name for path in (tmp_path / "two" / "progress").iterdir()) == ["rank-0.jsonl", "rank-1.jsonl"]
    one, two = fb.run("warp", str(tiny), "ssim,psnr", out=tmp_path / "one"), fb.read_record(tmp_path / "two")
    assert two.provenance.processes == 2
    assert [score.value for score in two.scores] == [score.value for score in one.scores]
    assert [score.fingerprint for score in two.scores] == [score.fingerprint for score in one.scores]
    (tiny.parent / "pairs.csv").unlink()
    wrong = subprocess.run([*command, "--overwrite"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert wrong.stderr.count("\n") == 1, "only the first process finds fault"


def test_a_program_of_somebody_elses_is_not_started_again(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(fb.UserError, match="torchrun"):
        fb.run("warp", str(tiny), "psnr", out=tmp_path / "run", processes=2)


def test_two_processes_give_the_scores_of_one(tiny: Path, tmp_path: Path) -> None:
    one = fb.run("warp", str(tiny), PROTOCOLS, out=tmp_path / "one", batch_size=4)
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "fhpt_bench",
    ]
    words = ["run", "-m", "warp", "-b", str(tiny), "-p", ",".join(PROTOCOLS), "-o", str(tmp_path / "two")]
    done = subprocess.run([*launch, *words, "--batch-size", "4"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    two = fb.read_record(tmp_path / "two")
    assert two.provenance.processes == 2
    # With two processes each has one thread, which changes the last bits of convolutions of such small images.
    assert [score.key for score in two.scores] == [score.key for score in one.scores]
    for score in one.scores:
        assert two[score.key].value == pytest.approx(score.value, rel=1e-5)
        assert two[score.key].fingerprint == score.fingerprint
    again = subprocess.run([*launch, *words, "--overwrite"], capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert fb.read_record(tmp_path / "two")["ssim"].value == pytest.approx(one["ssim"].value, abs=1e-9)


def test_target_batches_keep_targets_together() -> None:
    pairs = [Pair(f"{i}.jpg", f"{i // 3}.jpg", "ann") for i in range(12)]
    for size in (1, 2, 3, 7, 12, 50):
        batches = target_batches(pairs, size)
        assert [pair for batch in batches for pair in batch] == pairs
        assert max(map(len, batches)) <= size
        if size >= 3:
            homes = [number for number, batch in enumerate(batches) for _ in {pair.target for pair in batch}]
            assert len(homes) == 4
