"""Scores during a training: those of `fb.run`, without a trace in the training."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import fhpt_bench as fb
from fhpt_bench.data.real_images import RealImages
from fhpt_bench.model import Generator, ModelCard
from fhpt_bench.networks.efficientnet import EfficientNetLite0


class Noisy(Generator):
    """The source with noise, so that random numbers matter."""

    card = ModelCard("noisy", "source with noise")

    def generate(self, batch):
        return (batch.source + 0.2 * torch.randn_like(batch.source)).clamp(-1, 1)


class Network(nn.Module):
    """A generator with everything that behaves differently in training."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.drop = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.Dropout(0.5)

    def forward(self, batch):
        random.random()
        np.random.rand()
        return self.drop(self.norm(self.first(batch.source))).tanh()


@pytest.mark.parametrize(
    "protocols",
    ["psnr,ssim,ssim:pidm,lpips,fd-effnet-lite0,is-effnet-lite0", "lpips:vgg-0.1,retrieval:unique-vgg16-imagenet"],
)
def test_the_scores_are_those_of_a_run(tiny: Path, tmp_path: Path, protocols: str) -> None:
    record = fb.run(Noisy(), str(tiny), protocols, out=tmp_path / "out", batch_size=5, device="cpu")
    evaluator = fb.Evaluator(str(tiny), protocols, batch_size=5, device="cpu")
    first, again = evaluator(Noisy()), evaluator(Noisy().generate)
    assert first == again
    expected = {score.key: score for score in record.scores}
    for score in evaluator.scores:
        given = expected[score.key]
        assert (score.value, score.interval, score.n, score.fingerprint, score.skipped) == (
            given.value, given.interval, given.n, given.fingerprint, given.skipped
        )  # fmt: skip
    assert len(evaluator.scores) == len(expected)
    low, high = record.scores[0].interval[:2]
    name = record.scores[0].protocol
    assert (first[name], first[f"{name}/low"], first[f"{name}/high"]) == (record.scores[0].value, low, high)
    assert all(isinstance(value, float) for value in first.values())
    if "pidm" in protocols:
        assert first["ssim:pidm"] == expected["ssim:pidm:ssim"].value
        assert first["is-effnet-lite0:one-split"] == expected["is-effnet-lite0:canonical:one-split"].value


def test_the_training_is_not_disturbed(tiny: Path) -> None:
    torch.manual_seed(1)
    evaluator = fb.Evaluator(str(tiny), "psnr,lpips", limit=6, device="cpu")
    after_making = torch.rand(1)
    torch.manual_seed(1)
    assert torch.rand(1) == after_making
    network = Network().train()
    network.drop.eval()  # a part that the user keeps in another mode
    before = {name: value.clone() for name, value in network.state_dict().items()}
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    values = evaluator(network)
    assert values == evaluator(lambda batch: network(batch), network)
    assert values == evaluator(network.forward)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert np.random.get_state()[1].tolist() == states[2]
    assert [part.training for part in (network, network.first, network.norm, network.drop)] == [True, True, True, False]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    with pytest.raises(fb.UserError):
        evaluator(lambda batch: network(batch)[:1], network)
    assert network.norm.training
    assert torch.is_grad_enabled()


def test_an_active_autocast_goes_on_as_before(tiny: Path) -> None:
    evaluator = fb.Evaluator(str(tiny), "psnr,lpips", limit=6, device="cpu")
    network, seen = Network(), []

    def generate(batch):
        seen.append(network.first(batch.source).dtype)
        return network(batch).float()

    with torch.autocast("cpu", torch.bfloat16):
        evaluator(generate, network)
        assert torch.is_autocast_enabled("cpu")
        assert torch.is_autocast_cache_enabled()
        # A copy of the weights made without gradients would stop this gradient.
        network.first(torch.rand(1, 3, 4, 4)).sum().backward()
    assert seen[0] == torch.bfloat16
    assert network.first.weight.grad is not None
    evaluator(generate, network)
    assert seen[-1] == torch.float32


def test_images_by_pair_id(tiny: Path) -> None:
    evaluator = fb.Evaluator(str(tiny), "psnr,ssim", device="cpu")
    folder, pairs = evaluator.benchmark.folder, evaluator.benchmark.pairs
    images = {pair.id: Image.open(folder / pair.source).convert("RGB") for pair in pairs}
    expected = evaluator(lambda batch: batch.source)
    assert evaluator(images) == expected
    arrays = {pair: np.array(image) for pair, image in images.items()}
    assert evaluator(arrays) == expected
    assert evaluator({k: torch.from_numpy(v).permute(2, 0, 1) / 127.5 - 1 for k, v in arrays.items()}) == expected
    for image in (arrays[pairs[0].id][:-1], arrays[pairs[0].id] / 255, images[pairs[0].id].convert("L"), "a.png"):
        with pytest.raises(fb.UserError, match=f"The image of {pairs[0].id} is .*: give a"):
            evaluator({**arrays, pairs[0].id: image})
    del arrays[pairs[0].id]
    with pytest.raises(fb.UserError, match=f"Images are missing for 1 pair .{pairs[0].id}"):
        evaluator(arrays)


def test_the_real_side_is_computed_once(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    extract = EfficientNetLite0.extract
    monkeypatch.setattr(
        EfficientNetLite0, "extract", lambda self, images: (seen.append(len(images)), extract(self, images))[1]
    )
    evaluator = fb.Evaluator(str(tiny), "fd-effnet-lite0,lpips", limit=6, device="cpu")
    real = sum(seen)
    assert real == len(evaluator.benchmark.images)
    for _ in range(2):
        seen.clear()
        evaluator(lambda batch: batch.source)
        assert sum(seen) == 6
    maps = evaluator._real.target_maps("alexnet-maps", [evaluator.benchmark.pairs[0].target])
    monkeypatch.setattr(RealImages, "stack", lambda *_: pytest.fail("an image was read"))
    again = evaluator._real.target_maps("alexnet-maps", [evaluator.benchmark.pairs[0].target])
    assert all(torch.equal(a, b) for a, b in zip(maps, again, strict=True))


def test_training_images_and_failing_protocols(tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from fhpt_bench.protocol import MetricCard, Protocol, Score\n"
        "class Train(Protocol):\n"
        "    id, title, citation, variants = 'train', 't', '', {'canonical': 'c'}\n"
        "    metrics = (MetricCard('train', 'TRAIN', True, per_pair=False),)\n"
        "    features, training_images = ('efficientnet-lite0',), True\n"
        "    def score(self, evidence):\n"
        "        rows = [evidence.vectors('efficientnet-lite0', role) for role in ('train', 'source', 'generated')]\n"
        "        assert (rows[1] == rows[2]).all()\n"
        "        return (Score('train', float(len(rows[0])), len(rows[2])),)\n"
        "class Bad(Train):\n"
        "    id, features, training_images = 'bad', (), False\n"
        "    def compare(self, images):\n"
        "        raise RuntimeError('no')\n"
    )
    evaluator = fb.Evaluator(str(tiny), [f"{plugin}:Train", f"{plugin}:Bad", "psnr"], limit=4, device="cpu")
    values = evaluator(lambda batch: batch.source)
    assert values["train"] == len(evaluator.benchmark.train_images) == 7
    assert set(values) == {"train", "psnr"}
    assert "RuntimeError: no" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"protocols": "ssmi"}, "did you mean ssim"),
        ({"device": "gpu"}, "--device 'gpu' is unknown"),
        ({"conditioning": ["face"]}, "Unknown conditioning 'face': did you mean face-landmarks"),
        ({"conditioning": ["parsing"]}, "needs the target's parsing, which tiny lacks"),
        ({"protocols": "kec"}, "kec:canonical cannot be measured here: leave it out"),
        ({"limit": 0}, "give a positive number"),
    ],
)
def test_wrong_arguments_are_one_sentence(tiny: Path, arguments: dict, message: str) -> None:
    with pytest.raises(fb.UserError, match=message):
        fb.Evaluator(str(tiny), **{"protocols": "psnr", **arguments})


def test_a_model_that_fails_is_one_sentence(tiny: Path, caplog: pytest.LogCaptureFixture) -> None:
    evaluator = fb.Evaluator(str(tiny), "psnr", limit=4, device="cpu")
    for model, message in (
        (Noisy, "The model is a class: give a Generator object"),
        ("noisy", "The model is str"),
        (lambda batch: batch.source[:1], r"returned \(1, 3, 64, 48\), not a tensor of shape \(4, 3, 64, 48\)"),
        (lambda batch: batch.source * torch.nan, "NaN or infinite"),
        (lambda batch: batch.nothing, "failed on the batch from .*AttributeError.*test_evaluator"),
    ):
        with pytest.raises(fb.UserError, match=message):
            evaluator(model)
    evaluator(lambda batch: (batch.source + 1) / 2)
    assert "[-1, 1] is expected" in caplog.text


TWO = """
import json, os, sys
import torch, torch.distributed as dist
import fhpt_bench as fb
torch.set_num_threads(1)
dist.init_process_group("gloo")
rank = dist.get_rank()
evaluator = fb.Evaluator(sys.argv[1], "psnr,lpips,fd-effnet-lite0", batch_size=5, device="cpu")
mine = []
def generate(batch):
    mine.append(len(batch.keys))
    return (batch.source + 0.2 * torch.randn_like(batch.source)).clamp(-1, 1)
found = [evaluator(generate), mine]
real = evaluator._real.images
half = evaluator.benchmark.pairs[rank::2]
found.append(evaluator({pair.id: real.stack([pair.source])[0] for pair in half}))
network = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1), torch.nn.BatchNorm2d(3))
wrapped = torch.nn.parallel.DistributedDataParallel(network)  # exchanges the buffers in each call
found.append(evaluator(lambda batch: wrapped(batch.source), wrapped))
try:
    evaluator(lambda batch: batch.source if rank == 0 else batch.nothing)
except fb.UserError as error:
    found.append(str(error))
print("RESULT", json.dumps(found))
dist.destroy_process_group()
"""


def test_two_processes_share_the_work(tiny: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    started = [
        subprocess.Popen([sys.executable, "-c", TWO, str(tiny)], env={**shared, "RANK": str(rank)},
                         stdout=subprocess.PIPE, text=True)
        for rank in range(2)
    ]  # fmt: skip
    outputs = [process.communicate(timeout=500)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    first, second = (json.loads(output.partition("RESULT ")[2]) for output in outputs)
    assert first[0] == second[0]
    assert (first[1], second[1]) == ([5, 5, 4], [5, 5, 4]), "the last batch of five twice"
    assert first[3] == second[3]
    assert "AttributeError" in first[4]
    assert first[4] == second[4]
    one = fb.Evaluator(str(tiny), "psnr,lpips,fd-effnet-lite0", batch_size=5, device="cpu")
    assert first[0] == pytest.approx(one(Noisy()), rel=1e-9)
    assert first[2] == pytest.approx(one(lambda batch: batch.source), rel=1e-9)
