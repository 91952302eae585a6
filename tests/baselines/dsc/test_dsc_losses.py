"""DSC's losses against plain formulas, and a step that lowers each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from baselines.dsc.discriminator import Discriminator
from baselines.dsc.losses import nearest_neighbour_loss
from baselines.dsc.network import DeformableGenerator
from fhpt_bench.training.losses import cross_entropy_discriminator, cross_entropy_generator


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def by_loops(generated: Tensor, target: Tensor, window: int) -> float:
    """L_NN location by location."""
    images, _, height, width = generated.shape
    reach, total = window // 2, 0.0
    for image in range(images):
        for row in range(height):
            for column in range(width):
                total += min(
                    (generated[image, :, row, column] - target[image, :, r, c]).abs().sum().item()
                    for r in range(max(row - reach, 0), min(row + reach + 1, height))
                    for c in range(max(column - reach, 0), min(column + reach + 1, width))
                )
    return total / (images * height * width)


@pytest.mark.parametrize("window", [1, 3, 5])
def test_the_nearest_neighbour_loss_equals_loops(window: int) -> None:
    generated, target = torch.randn(2, 3, 6, 7), torch.randn(2, 3, 6, 7)
    loss = nearest_neighbour_loss(generated, target, window)
    assert loss.item() == pytest.approx(by_loops(generated, target, window), rel=1e-5)


def test_its_gradient_is_that_of_the_minimum() -> None:
    generated, target = torch.randn(1, 2, 5, 4, dtype=torch.float32, requires_grad=True), torch.randn(1, 2, 5, 4)
    nearest_neighbour_loss(generated, target, 3).backward()
    ours = generated.grad
    generated.grad = None
    framed = nn.functional.pad(target, (1, 1, 1, 1), value=1e4)
    places = [framed[..., top : top + 5, left : left + 4] for top in range(3) for left in range(3)]
    torch.stack([(generated - place).abs().sum(1) for place in places]).amin(0).mean().backward()
    torch.testing.assert_close(ours, generated.grad)


def test_a_shift_within_the_window_costs_nothing_and_beyond_it_does() -> None:
    target = torch.zeros(1, 1, 12, 12)
    target[..., 5, 5] = 1.0
    assert nearest_neighbour_loss(target.roll((2, -2), (2, 3)), target, 5) == 0
    assert nearest_neighbour_loss(target.roll(3, 3), target, 5) == pytest.approx(1 / 144)


def test_an_even_window_is_an_error() -> None:
    with pytest.raises(ValueError, match="odd, not 4"):
        nearest_neighbour_loss(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2), 4)


def test_adversarial_losses_equal_binary_cross_entropy() -> None:
    real, fake = torch.randn(2, 1, 3, 2) * 3, torch.randn(2, 1, 3, 2) * 3
    chance = torch.sigmoid
    torch.testing.assert_close(cross_entropy_generator(fake), -chance(fake).log().mean())
    expected = (-chance(real).log().mean() - (1 - chance(fake)).log().mean()) / 2
    torch.testing.assert_close(cross_entropy_discriminator(real, fake), expected)


def losses() -> Iterator[tuple[str, nn.Module, Callable[[], Tensor]]]:
    """Name, network and loss of a fixed batch of one pair at 32x22."""
    generator, critic = DeformableGenerator(width=2, levels=4, dropout=0.0), Discriminator(width=2)
    source, source_maps, target_maps, target, masks = (torch.rand(1, n, 64, 44) for n in (3, 18, 18, 3, 10))
    poses = (source_maps, target_maps)
    inputs = (source, *poses, torch.eye(2, 3).expand(1, 10, 2, 3), masks.round())
    yield "nearest neighbour", generator, lambda: nearest_neighbour_loss(generator(*inputs), target)
    yield (
        "generator", generator,
        lambda: cross_entropy_generator(critic(source, source_maps, generator(*inputs), target_maps)),
    )  # fmt: skip
    fake = generator(*inputs).detach()
    yield (
        "discriminator", critic,
        lambda: cross_entropy_discriminator(
            critic(source, source_maps, target, target_maps), critic(source, source_maps, fake, target_maps)
        ),
    )  # fmt: skip


@pytest.mark.parametrize("which", range(3))
def test_a_tiny_step_lowers_each_loss(which: int) -> None:
    name, network, loss = list(losses())[which]
    before = loss()
    before.backward()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.grad is not None:
                parameter -= 1e-3 * parameter.grad
        assert loss() < before, name
