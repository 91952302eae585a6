"""The results of the images that are in a run's folder count, not those of images that were there before."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

import fhpt_bench as fb
from fhpt_bench.cli import cli
from fhpt_bench.files import local_signature

SHADE = '''
import os
from fhpt_bench.model import Generator, ModelCard

class Shade(Generator):
    """Stands for a model whose pixels depend on the device: SHADE is the device."""
    card = ModelCard("shade", "")
    def generate(self, batch): return batch.source * float(os.environ["SHADE"])
'''
Measure = Callable[..., fb.Record]


def call(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(cli, list(map(str, words)))
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


@pytest.fixture
def measure(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Measure:
    """Runs the model in a folder with a factor for its pixels, as one process or in shards."""
    model = tmp_path / "shade.py"
    model.write_text(SHADE)

    def run(folder: str, shade: float, shards: int = 0) -> fb.Record:
        monkeypatch.setenv("SHADE", str(shade))
        words = ["run", "-m", f"{model}:Shade", "-b", tiny, "-p", "psnr", "-o", tmp_path / folder, "--batch-size", 4,
                 "--processes", 1, "--device", "cpu"]  # fmt: skip
        for number in range(1, shards + 1):
            call(*words, "--shard", f"{number}/{shards}")
        call(*(["merge", tmp_path / folder] if shards else words))
        return fb.read_record(tmp_path / folder)

    return run


def equal(a: fb.Record, b: fb.Record) -> bool:
    return (a["psnr"].value, a.pairs.images_sha256, a.model.output_range) == (
        b["psnr"].value, b.pairs.images_sha256, b.model.output_range
    )  # fmt: skip


def as_other_process(folder: Path) -> None:
    """The finished work of the first process as if the second of two had measured it."""
    (folder / "progress" / "rank-0.jsonl").rename(folder / "progress" / "rank-1.jsonl")


def test_fewer_processes_after_the_images_were_removed(measure: Measure, tmp_path: Path) -> None:
    old = measure("run", 3)
    assert old.model.output_range is not None
    as_other_process(tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "images")
    new = measure("run", 0.5)
    assert equal(new, measure("fresh", 0.5))
    assert not equal(new, old)
    call("validate", tmp_path / "run")
    assert equal(measure("run", 0.25), new), "kept images are not made again"


def test_other_images_after_a_merge(measure: Measure, tmp_path: Path) -> None:
    measure("run", 1, shards=3)
    shutil.rmtree(tmp_path / "run" / "images")
    assert equal(measure("run", 0.5), measure("fresh", 0.5))
    call("validate", tmp_path / "run")


def test_shards_in_the_folder_of_an_interrupted_run(measure: Measure, tmp_path: Path) -> None:
    measure("run", 1)
    as_other_process(tmp_path / "run")
    (tmp_path / "run" / "record.json").unlink()
    merged = measure("run", 0.5, shards=3)
    assert equal(merged, measure("fresh", 0.5))
    assert {stage.name: stage.images for stage in merged.stages}["generate"] == 48, "merge generates nothing"
    call("validate", tmp_path / "run")


def test_finished_work_of_an_earlier_version(measure: Measure, tmp_path: Path) -> None:
    """Its lines do not say when they were saved: an image that does not fit them is made again."""
    measure("run", 1)
    as_other_process(tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "images")
    measure("run", 0.5)
    run_id = json.loads((tmp_path / "run" / "run.json").read_text())["run_id"].encode()
    for file in (tmp_path / "run" / "progress").iterdir():
        lines = [json.loads(line.split(b" ", 1)[1]) for line in file.read_bytes().splitlines() if line]
        old = [json.dumps({name: part for name, part in line.items() if name != "saved"}).encode() for line in lines]
        file.write_bytes(b"\n".join(local_signature(run_id + line) + b" " + line for line in old) + b"\n")
    assert equal(measure("run", 0.5), measure("fresh", 0.5))
    call("validate", tmp_path / "run")
