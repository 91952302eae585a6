"""PATN compared with the published layer list and its formulas, and its training step by step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from baselines.patn.discriminators import Discriminator
from baselines.patn.hyperparameters import PAPER, SMALL
from baselines.patn.learner import PATNLearner
from baselines.patn.losses import adversarial_loss, discriminator_loss
from baselines.patn.network import PATNetwork
from fhpt_bench.training.distributed import make_accelerator
from fhpt_bench.training.generator_learner import Inputs

TINY = replace(
    SMALL, width=2, blocks=2, discriminator_width=2, batch_size=2, iterations=10, fixed_iterations=5,
    half_size_iterations=0, mixed_precision="no",
)  # fmt: skip
pytestmark = pytest.mark.usefixtures("random_vgg", "keep_random_state")


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def kinds(layers: nn.Module) -> list[str]:
    return [type(layer).__name__ for layer in layers.children()]


def test_the_papers_size_has_as_many_parameters_as_computed_by_hand() -> None:
    # Channels at width 64: 64, 128, 256. A convolution before a norm has no bias, since the norm would remove it.
    down = 9 * (64 * 128 + 128 * 256)
    one = 9 * 256 * 256
    generator = (
        (49 * 3 * 64 + down)  # image encoder
        + (49 * 36 * 64 + down)  # pose encoder
        + 9 * 2 * one  # image paths
        + (one + one + 256)  # the first pose path
        + 8 * (9 * 512 * 512 + 9 * 512 * 256 + 256)  # the other pose paths
        + 9 * (256 * 128 + 128 * 64)  # transposed convolutions
        + (49 * 64 * 3 + 3)  # to the image
    )
    discriminator = down + 3 * 2 * one
    with torch.device("meta"):
        assert count(PATNetwork(PAPER.width, PAPER.blocks, PAPER.dropout)) == generator == 41_347_971
        for condition in (18, 3):
            assert count(Discriminator(condition)) == 49 * (3 + condition) * 64 + discriminator


def test_the_pose_path_has_512_channels_after_the_first_block() -> None:
    with torch.device("meta"):
        blocks = PATNetwork().blocks
    inputs = [[layer.weight.shape[:2] for layer in block.pose_path if isinstance(layer, nn.Conv2d)] for block in blocks]
    assert inputs[0] == [(256, 256), (256, 256)]
    assert inputs[1:] == [[(512, 512), (256, 512)]] * 8
    for block in blocks:
        assert [layer.weight.shape[:2] for layer in block.image_path if isinstance(layer, nn.Conv2d)] == [
            (256, 256)
        ] * 2


def test_the_layers_are_in_the_published_order() -> None:
    network = PATNetwork(2, 2, 0.5)
    norm = ["InstanceNorm", "ReLU"]
    for encoder in (network.image_encoder, network.pose_encoder):
        assert kinds(encoder) == ["Conv2d", *norm] * 3
        assert [layer.stride[0] for layer in encoder if isinstance(layer, nn.Conv2d)] == [1, 2, 2]
    assert kinds(network.decoder) == ["ConvTranspose2d", *norm] * 2 + ["Sequential"]
    assert kinds(network.decoder[-1]) == ["Conv2d", "Tanh"]
    for block in network.blocks:
        assert kinds(block.image_path) == ["Conv2d", *norm, "Dropout", "Conv2d", "InstanceNorm"]
        assert kinds(block.pose_path) == ["Conv2d", *norm, "Dropout", "Conv2d"]
    critic = Discriminator(3, 2)
    assert kinds(critic.layers) == ["Sequential"] + ["ResidualBlock"] * 3
    assert kinds(critic.layers[0]) == ["Conv2d", *norm] * 3


def test_shapes_and_ranges() -> None:
    source, maps = torch.rand(2, 3, 32, 24) * 2 - 1, torch.rand(2, 18, 32, 24)
    image = PATNetwork(3, 2)(source, maps, maps.flip(1))
    assert image.shape == source.shape
    assert image.abs().max() <= 1
    assert image.std() > 0.01
    for condition in (source, maps):
        logits = Discriminator(condition.shape[1], 3)(image, condition)
        assert logits.shape == (2, 12, 8, 6)
        assert logits.min() < 0  # before a sigmoid


def test_losses_of_two_discriminators_by_hand() -> None:
    def logit(probability: float) -> Tensor:
        return torch.tensor([math.log(probability / (1 - probability))])

    fake, real = [logit(0.2), logit(0.6)], [logit(0.9), logit(0.5)]
    assert adversarial_loss(fake).item() == pytest.approx(-(math.log(0.2) + math.log(0.6)) / 2, rel=1e-5)
    expected = -(math.log(0.9) + math.log(0.8)) / 2 - (math.log(0.5) + math.log(0.4)) / 2
    assert discriminator_loss(real, fake).item() == pytest.approx(expected, rel=1e-5)


def make(stream: Any, held_out: Any, **changes: Any) -> PATNLearner:
    options = {"adversarial": changes.pop("adversarial")} if "adversarial" in changes else {}
    torch.manual_seed(1)
    return PATNLearner(replace(TINY, **changes), Inputs(stream, held_out, make_accelerator("cpu"), 0), **options)


def parts(learner: PATNLearner) -> dict[str, Tensor]:
    state = learner.state
    return {f"{top}.{k}": v.clone() for top in ("network", "critics") for k, v in state[top].state_dict().items()}


def changed(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> set[str]:
    return {".".join(name.split(".")[:2]) for name in before if not torch.equal(before[name], after[name])}


GENERATOR = {"network.image_encoder", "network.pose_encoder", "network.blocks", "network.decoder"}


def test_an_iteration_changes_the_generator_and_both_discriminators_on_one_batch(stream: Any, held_out: Any) -> None:
    learner = make(stream, held_out)
    before, vgg = parts(learner), {k: v.clone() for k, v in learner.perceptual.state_dict().items()}
    losses = learner.advance(1)
    assert changed(before, parts(learner)) == GENERATOR | {"critics.pose", "critics.image"}
    assert set(losses) == {"reconstruction", "perceptual", "gan", "discriminators"}
    assert all(np.isfinite(float(value)) for value in losses.values())
    assert stream.position == 1
    assert all(torch.equal(vgg[k], v) for k, v in learner.perceptual.state_dict().items())


def test_discriminators_do_not_change_in_the_generators_step_nor_the_generator_in_theirs(
    stream: Any, held_out: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = make(stream, held_out)
    before, seen = parts(learner), []
    original = learner._discrimination

    def watched(fake: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        seen.append((fake.requires_grad, parts(learner), [p.grad for p in learner.critics.parameters()]))
        return original(fake, *rest)

    monkeypatch.setattr(learner, "_discrimination", watched)
    learner.advance(1)
    ((needs_gradient, middle, gradients),) = seen
    assert not needs_gradient
    assert gradients == [None] * len(gradients)
    assert changed(before, middle) == GENERATOR
    assert changed(middle, parts(learner)) == {"critics.pose", "critics.image"}


def test_the_generators_loss_is_the_weighted_sum(stream: Any, held_out: Any) -> None:
    learner = make(stream, held_out)
    view = learner.next_view(False)
    recon, per, gan = learner._generator_pass(view.target, *view.inputs)[1:]
    found = [p.grad.clone() for p in learner.network.parameters()]
    learner.critics.requires_grad_(False)
    image = learner.generator.generate(view)
    features = [learner.perceptual(part)[0] for part in (image, view.target)]
    terms = (
        (image - view.target).abs().mean(),
        (features[0] - features[1]).abs().mean(),
        adversarial_loss(learner._discriminate(image, view)),
    )
    for term, reported in zip(terms, (recon, per, gan), strict=True):
        torch.testing.assert_close(term, reported)
    learner.network.zero_grad()
    (terms[0] + terms[1] + 5 * terms[2]).backward()
    for expected, gradient in zip(learner.network.parameters(), found, strict=True):
        torch.testing.assert_close(gradient, expected.grad)


def test_without_discriminators_only_two_terms_are_left(stream: Any, held_out: Any) -> None:
    learner = make(stream, held_out, adversarial=False)
    before = parts(learner)
    assert set(learner.advance(1)) == {"reconstruction", "perceptual"}
    assert changed(before, parts(learner)) == GENERATOR


def test_pose_maps_are_single_pixels_or_gaussians(stream: Any, held_out: Any) -> None:
    sums = {
        kind: make(stream, held_out, pose_maps=kind).next_view(False).shape.sum((2, 3))
        for kind in ("delta", "gaussian")
    }
    assert set(sums["delta"].flatten().tolist()) <= {0.0, 1.0}
    assert sums["gaussian"].max() > 50
    assert PAPER.pose_maps == "delta"


def test_the_presets_have_the_published_values() -> None:
    loss = PAPER.loss
    assert (loss.gan, loss.reconstruction, loss.perceptual) == (5, 1, 1)
    assert (PAPER.width, PAPER.blocks, PAPER.dropout, PAPER.batch_size) == (64, 9, 0.5, 7)
    assert (PAPER.learning_rate, PAPER.betas, PAPER.perceptual_network) == (2e-4, (0.5, 0.999), "vgg19")
    assert round(PAPER.iterations * 7 / 4000, 2) == 700
    assert round(PAPER.fixed_iterations * 7 / 4000, 2) == 500
    assert not PAPER.flip
    assert (SMALL.blocks, SMALL.loss, SMALL.recolour) == (9, loss, False)
