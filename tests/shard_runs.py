"""Runs in shards: the commands, a few plugins, and what is compared of their records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

import fhpt_bench as fb
from fhpt_bench.cli import cli

COUNT = 3
PLUGINS = '''
import os
import numpy as np, torch
from fhpt_bench.feature import FeatureSpec, VectorFeature
from fhpt_bench.model import Generator, ModelCard
from fhpt_bench.protocol import MetricCard, PairValues, PairwiseProtocol, Protocol, Score

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

class Fails(PairwiseProtocol):
    """Fails in the process of the rank FAILS, and counts its calls in the file CALLS."""
    id, title, citation = "fails", "brightness", ""
    variants = {"canonical": ""}
    metrics = (MetricCard("fails", "F", False),)
    def compare(self, images):
        if os.environ.get("RANK", "0") == os.environ.get("FAILS"): raise RuntimeError("the GPU is broken")
        with open(os.environ["CALLS"], "a") as calls: calls.write("x")
        return {"fails": PairValues.of(images.generated.mean((1, 2, 3), dtype=np.float64))}
'''


def call(*words: object) -> Result:
    return CliRunner().invoke(cli, list(map(str, words)))


def refused(*words: object) -> str:
    """The message of a command that must end with one."""
    result = call(*words)
    assert isinstance(result.exception, fb.UserError), (result.output, result.exc_info)
    return str(result.exception)


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
