"""VUNet's training: the first batches set its convolutions, an image is reconstructed from itself, the KL's weight."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from baselines.vunet.hyperparameters import PAPER, SMALL
from baselines.vunet.layers import NormalisedConv
from baselines.vunet.learner import VUNetLearner
from baselines.vunet.losses import divergence, divergence_weight, reconstruction_loss
from baselines.vunet.models import VUNet
from baselines.vunet.recipe import VUNetRecipe
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.errors import UserError
from fhpt_bench.model import PairBatch
from fhpt_bench.training.checkpoint import write_checkpoint
from fhpt_bench.training.distributed import make_accelerator
from fhpt_bench.training.generator_learner import Inputs

TINY = replace(
    SMALL, width=2, levels=5, initial_batches=3, batch_size=2, iterations=8, fixed_iterations=2, mixed_precision="no",
    dropout=0.0,
)  # fmt: skip
CARD = {"seed": 0, "benchmark": {"id": "studio", "version": "1.0"}}
pytestmark = pytest.mark.usefixtures("random_vgg", "keep_random_state")


def make(stream: Any, held_out: Any, **changes: Any) -> VUNetLearner:
    torch.manual_seed(1)
    return VUNetLearner(replace(TINY, **changes), Inputs(stream, held_out, make_accelerator("cpu"), 0))


def test_convolutions_are_initialised_from_the_first_batches(stream: Any, held_out: Any) -> None:
    learner = make(stream, held_out)
    assert stream.position == TINY.initial_batches
    stream.position = 0  # the same images again
    inputs = [learner.next_view(False).inputs[2:] for _ in range(TINY.initial_batches)]
    seen: list[Tensor] = []
    first = learner.generator.network.appearance.down.first
    assert isinstance(first, NormalisedConv)
    first.register_forward_hook(lambda module, given, output: seen.append(output))
    crops, figures = (torch.cat(parts) for parts in zip(*inputs, strict=True))
    with torch.no_grad():
        learner.generator.network(crops, figures)
    variance, mean = torch.var_mean(seen[0], (0, 2, 3), correction=0)
    torch.testing.assert_close(mean, torch.zeros_like(mean), atol=1e-4, rtol=0)
    torch.testing.assert_close(variance, torch.ones_like(variance), atol=1e-3, rtol=0)


def test_an_iteration_reconstructs_the_targets_from_themselves(stream: Any, held_out: Any) -> None:
    learner = make(stream, held_out)
    view = learner.next_view(False)
    source, crops, own_crops, figure = view.inputs
    torch.manual_seed(3)
    recon, div = learner._pass(torch.tensor(0.25), view.target, *view.inputs)
    found = [p.grad.clone() for p in learner.network.parameters() if p.grad is not None]
    torch.manual_seed(3)
    result = learner.generator.network(own_crops, figure)
    maps = [learner.perceptual(image) for image in (result.image, view.target)]
    expected = (
        reconstruction_loss(result.image, view.target, *maps, TINY.feature_scale),
        divergence(result.posterior, result.prior),
    )
    torch.testing.assert_close((recon, div), expected)
    learner.network.zero_grad()
    (5 * expected[0] + 0.25 * expected[1]).backward()
    trained = [p for p in learner.network.parameters() if p.grad is not None]
    for parameter, gradient in zip(trained, found, strict=True):
        torch.testing.assert_close(gradient, parameter.grad)
    # The image that is evaluated is painted from the source's crops.
    learner.network.eval()
    torch.testing.assert_close(learner.generator.generate(view), learner.generator.network.transfer(crops, figure))
    assert torch.equal(view.appearance, source)


def test_the_weight_of_the_divergence_follows_the_iteration(
    stream: Any, held_out: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = make(stream, held_out)
    original, weights = learner._step, []

    def watched(weight: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        weights.append(weight.item())
        return original(weight, *rest)

    monkeypatch.setattr(learner, "_step", watched)
    before = {name: tensor.clone() for name, tensor in learner.network.state_dict().items()}
    for number in range(1, 9):
        losses = learner.advance(number)
        assert set(losses) == {"reconstruction", "divergence"}
    assert weights == pytest.approx([divergence_weight(number, 8) for number in range(8)])
    assert weights[0] == pytest.approx(1e-6)
    assert weights[-1] == 1
    assert any(not torch.equal(before[name], tensor) for name, tensor in learner.network.state_dict().items())


def test_images_larger_than_the_canvas_are_refused(stream: Any, held_out: Any, tmp_path: Path) -> None:
    studio = load_benchmark("studio")
    assert VUNetRecipe().lacks(studio) is None
    large = replace(studio, image_size=(512, 352))
    assert "are 352 wide and 512 high, and vunet paints on a canvas of 256x256" in (VUNetRecipe().lacks(large) or "")
    file = tmp_path / "vunet.safetensors"
    write_checkpoint(file, "vunet", make(stream, held_out).network, TINY, CARD)
    pose = torch.full((1, 18, 2), 5.0)
    with pytest.raises(UserError, match="a canvas of 64x64, and these images are 48 wide and 80 high"):
        VUNet(file).generate(PairBatch(("0",), torch.zeros(1, 3, 80, 48), pose, pose))


def test_the_presets_have_the_published_values() -> None:
    assert (PAPER.width, PAPER.levels, PAPER.dropout, PAPER.batch_size) == (32, 7, 0.1, 8)
    assert (PAPER.learning_rate, PAPER.betas, PAPER.iterations) == (1e-3, (0.5, 0.9), 100_000)
    assert (PAPER.reconstruction_weight, PAPER.initial_batches, PAPER.perceptual_network) == (5, 4, "vgg19")
    assert (SMALL.levels, SMALL.recolour, SMALL.half_size_iterations) == (7, False, 0)
