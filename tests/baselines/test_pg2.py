"""PG2 compared with the published layer list and small cases, and its two stages of training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from baselines.pg2.discriminator import Discriminator
from baselines.pg2.hyperparameters import PAPER, SMALL
from baselines.pg2.learner import PG2Learner
from baselines.pg2.losses import masked_l1
from baselines.pg2.masks import LIMBS, body_mask, joint_discs
from baselines.pg2.network import CoarseGenerator, DifferenceGenerator, PG2Network
from fhpt_bench.training.distributed import make_accelerator
from fhpt_bench.training.generator_learner import Inputs

TINY = replace(
    SMALL, width=2, blocks=3, bottleneck=4, discriminator_width=2, image_size=(64, 48), batch_size=2, iterations=4,
    coarse_iterations=2, mixed_precision="no",
)  # fmt: skip
pytestmark = pytest.mark.usefixtures("keep_random_state")


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def conv(inputs: int, outputs: int, kernel: int = 3) -> int:
    return kernel * kernel * inputs * outputs + outputs


def test_the_papers_size_has_as_many_parameters_as_computed_by_hand() -> None:
    # 256x176 is halved five times, rounded up: 8x6.
    coarse = (
        conv(21, 128)
        + sum(2 * conv(128 * i, 128 * i) for i in range(1, 7))  # encoder
        + sum(conv(128 * i, 128 * (i + 1)) for i in range(1, 6))  # strided
        + (8 * 6 * 768 * 64 + 64)  # fully connected
        + (64 * 8 * 6 * 128 + 8 * 6 * 128)
        + sum(2 * conv(c, c) for c in (128 + 768, 2 * 640, 2 * 512, 2 * 384, 2 * 256, 2 * 128))  # decoder
        + sum(conv(a, b, 1) for a, b in ((896, 640), (1280, 512), (1024, 384), (768, 256), (512, 128)))
        + conv(256, 3)
    )
    refine = (
        conv(6, 128)
        + (2 * conv(128, 128) + conv(128, 256) + conv(256, 256))  # encoder
        + (conv(256, 384) + conv(384, 384) + conv(384, 512) + conv(512, 512))
        + (conv(128, 128) + conv(256, 256) + conv(384, 384))  # strided
        + sum(conv(c, 128) + conv(128, 128) for c in (1024, 512, 384, 256))  # decoder
        + conv(128, 3)
    )
    norms = 2 * (128 + 256 + 512 + 512)
    critic = 25 * (6 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512 * 512) + 64 + norms + (512 * 8 * 6 + 1)
    with torch.device("meta"):
        assert count(CoarseGenerator(128, 6, 64, (256, 176))) == coarse
        assert count(DifferenceGenerator(128, 4)) == refine
        assert count(PG2Network(PAPER)) == coarse + refine == 133_879_750
        assert count(Discriminator(64, (256, 176))) == critic


@pytest.mark.parametrize("size", [(64, 48), (32, 22), (17, 33)])
def test_the_image_is_the_coarse_one_plus_the_difference(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = PG2Network(replace(TINY, image_size=size))
    source, maps = torch.rand(2, 3, *size) * 2 - 1, torch.rand(2, 18, *size)
    stages = network(source, maps)
    assert stages.image.shape == source.shape
    assert torch.equal(stages.image, stages.coarse)  # the difference map starts with 0
    assert stages.coarse.std() > 0.01
    nn.init.normal_(network.refine.leave[0].weight)
    stages = network(source, maps)
    assert stages.difference.abs().max() > 0
    torch.testing.assert_close(stages.image, stages.coarse + stages.difference)


def test_only_the_fully_connected_layers_see_the_whole_image() -> None:
    """A changed pixel in a corner changes the opposite corner of G1's image, but not of the difference map."""
    torch.manual_seed(0)
    network = PG2Network(replace(TINY, image_size=(64, 48)))
    nn.init.normal_(network.refine.leave[0].weight)
    source, maps = torch.rand(1, 3, 64, 48), torch.rand(1, 18, 64, 48)
    other = source.clone()
    other[:, :, 0, 0] += 1
    far = (slice(None), slice(None), slice(48, None), slice(36, None))
    coarse = network.coarse(source, maps)
    assert not torch.equal(network.coarse(other, maps)[far], coarse[far])
    assert torch.equal(network.refine(coarse, other)[far], network.refine(coarse, source)[far])


def test_masked_l1_by_hand() -> None:
    generated = torch.tensor([[[[1.0, 0.0]], [[0.5, 0.0]], [[0.0, 2.0]]]])
    mask = torch.tensor([[[[1.0, 0.0]]]])
    # Twice the differences of the first pixel, once those of the second, over six values.
    assert masked_l1(generated, torch.zeros(1, 3, 1, 2), mask).item() == pytest.approx((2 * 1.5 + 2.0) / 6)
    assert masked_l1(generated.bfloat16(), generated, mask).dtype == torch.float32


def test_a_disc_is_a_disc_and_a_missing_joint_is_nothing() -> None:
    poses = torch.full((1, 18, 2), float("nan"))
    poses[0, 4] = torch.tensor([10.5, 20.5])
    discs = joint_discs(poses, (40, 30), 4.0)
    y, x = np.mgrid[:40, :30]
    assert (discs[0, 4].numpy() == ((x - 10) ** 2 + (y - 20) ** 2 <= 16)).all()
    assert discs.sum() == discs[0, 4].sum()


def test_the_mask_is_the_closing_of_the_limbs() -> None:
    from skimage.morphology import closing

    poses = torch.rand(1, 18, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([30.0, 40.0])
    poses[0, 3] = float("nan")
    limbs = np.zeros((40, 30), bool)
    y, x = np.mgrid[:40, :30] + 0.5
    for a, b in LIMBS:
        # Points along the limb, closer than a fifth of a pixel.
        for share in np.linspace(0, 1, 300):
            px, py = (poses[0, a] * (1 - share) + poses[0, b] * share).tolist()
            limbs |= (x - px) ** 2 + (y - py) ** 2 <= 1.0
    plain = body_mask(poses, (40, 30), 1.0, closing=1)[0, 0].numpy() > 0
    assert (plain ^ limbs).mean() < 0.01
    closed = body_mask(poses, (40, 30), 1.0, closing=5)[0, 0].numpy() > 0
    assert (closed == (closing(plain, np.ones((5, 5))) > 0)).all()
    assert closed.sum() > plain.sum()
    assert not body_mask(torch.full((1, 18, 2), float("nan")), (40, 30), 1.0, 5).any()


def make(stream: Any, held_out: Any, adversarial: bool = True, **changes: Any) -> PG2Learner:
    torch.manual_seed(1)
    return PG2Learner(replace(TINY, **changes), Inputs(stream, held_out, make_accelerator("cpu"), 0), adversarial)


def parts(learner: PG2Learner) -> dict[str, Tensor]:
    state = learner.state
    return {f"{top}.{k}": v.clone() for top in ("network", "critics") for k, v in state[top].state_dict().items()}


def changed(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> set[str]:
    return {".".join(name.split(".")[:2]) for name in before if not torch.equal(before[name], after[name])}


def test_the_first_stage_trains_g1_and_the_second_g2_and_the_discriminator(stream: Any, held_out: Any) -> None:
    learner = make(stream, held_out)
    seen = [parts(learner)]
    losses = []
    for number in range(1, TINY.iterations + 1):
        losses.append(set(learner.advance(number)))
        seen.append(parts(learner))
    both = {"network.refine", "critics.pair"}
    assert [changed(a, b) for a, b in pairwise(seen)] == [{"network.coarse"}] * 2 + [both] * 2
    assert losses == [{"coarse_reconstruction"}] * 2 + [{"reconstruction", "gan", "discriminator"}] * 2
    assert stream.position == 2 + 2 * 2  # the discriminator takes batches of its own
    assert learner.phases == (1, 3)
    assert learner.critic_optimiser is not None
    assert learner.critic_optimiser.param_groups[0]["lr"] == TINY.learning_rate


def test_g2s_loss_is_the_weighted_sum(stream: Any, held_out: Any) -> None:
    learner = make(stream, held_out)
    nn.init.normal_(learner.generator.network.refine.leave[0].weight, std=0.1)
    view = learner.next_view(False)
    source, _, mask = view.inputs
    recon, gan = learner._refine_pass(view.target, *view.inputs)
    found = [p.grad.clone() for p in learner.generator.network.refine.parameters() if p.grad is not None]
    assert all(p.grad is None for p in [*learner.generator.network.coarse.parameters(), *learner.critics.parameters()])
    image = learner.generator.generate(view)
    logits = learner.critics["pair"](torch.cat([view.target, image]), torch.cat([source, source]))
    expected = (masked_l1(image, view.target, mask), -nn.functional.logsigmoid(logits[2:]).mean())
    torch.testing.assert_close((recon, gan), expected)
    learner.network.zero_grad()
    (50 * expected[0] + expected[1]).backward()
    for parameter, gradient in zip(learner.generator.network.refine.parameters(), found, strict=True):
        torch.testing.assert_close(gradient, parameter.grad)


def test_without_a_discriminator_only_the_masked_l1_is_left(stream: Any, held_out: Any) -> None:
    learner = make(stream, held_out, adversarial=False, coarse_iterations=0)
    before = parts(learner)
    assert set(learner.advance(1)) == {"reconstruction"}
    assert changed(before, parts(learner)) == {"network.refine"}


def test_the_evaluation_has_the_coarse_and_the_final_image(stream: Any, held_out: Any) -> None:
    learner = make(stream, held_out)
    values = learner.judge()
    assert set(values) == {"held_out_coarse_reconstruction", "held_out_final_reconstruction"}
    assert values["held_out_coarse_reconstruction"] == values["held_out_final_reconstruction"]
    assert learner.samples().shape[2] == 3


def test_the_presets_have_the_published_values() -> None:
    assert (PAPER.width, PAPER.blocks, PAPER.bottleneck, PAPER.batch_size) == (128, 6, 64, 8)
    assert (PAPER.coarse_iterations, PAPER.iterations - PAPER.coarse_iterations) == (30_000, 20_000)
    assert (PAPER.learning_rate, PAPER.betas, PAPER.loss.reconstruction) == (2e-5, (0.5, 0.999), 50)
    assert PAPER.fixed_iterations == PAPER.iterations
    assert (SMALL.blocks, SMALL.bottleneck, SMALL.loss, SMALL.recolour) == (6, 64, PAPER.loss, False)
