"""SPT's losses against cases made by hand, and a step that lowers each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from baselines.spt.discriminators import PatchDiscriminator
from baselines.spt.losses import (
    class_grams,
    content_loss,
    pose_loss,
    semantic_style_loss,
)
from baselines.spt.network import AppearanceGenerator
from baselines.spt.parsing import CLASSES, FACE, SemanticGenerator, one_hot, parsing_loss
from baselines.spt.pose_detector import PoseDetector
from fhpt_bench.training.losses import lsgan_discriminator, lsgan_generator

UPPER, LOWER = CLASSES.index("upper"), CLASSES.index("lower")


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def row(*labels: int) -> Tensor:
    """The parsing map of an image of one row."""
    return one_hot(torch.tensor([[list(labels)]]))


def features(*channels: list[float]) -> Tensor:
    """Maps of an image of one row."""
    return torch.tensor(channels)[None, :, None]


def test_the_style_loss_of_a_hand_case() -> None:
    one, other = features([1.0, 5.0], [2.0, 7.0]), features([3.0, 9.0], [0.0, 8.0])
    parsing = row(UPPER, FACE)
    # Gram matrices of the upper clothes over two locations: [[1, 2], [2, 4]] / 2 and [[9, 0], [0, 0]] / 2. Their
    # difference is [[-4, 1], [1, 2]]: 22 in squares, over 8 classes and 4 pairs of channels. The face does not count.
    assert semantic_style_loss(one, parsing, other, parsing).item() == pytest.approx(22 / 32)
    moved = features([1.0, -5.0], [2.0, 100.0])
    assert semantic_style_loss(moved, parsing, other, parsing).item() == pytest.approx(22 / 32)


def test_a_gram_matrix_for_each_class_but_the_face() -> None:
    maps = torch.randn(2, 3, 4, 6)
    labels = torch.randint(0, 9, (2, 4, 6))
    grams = class_grams(maps, one_hot(labels))
    assert grams.shape == (2, 8, 3, 3)
    classes = [number for number in range(9) if number != FACE]
    for image in range(2):
        for position, number in enumerate(classes):
            inside = maps[image][:, labels[image] == number]
            torch.testing.assert_close(grams[image, position], inside @ inside.T / 24)


def test_a_class_that_one_image_lacks_does_not_count() -> None:
    one, other = features([1.0, 5.0]), features([1.0, 2.0])
    assert semantic_style_loss(one, row(UPPER, LOWER), other, row(UPPER, UPPER)).item() == pytest.approx(
        ((1 - 5) / 2) ** 2 / 8
    )
    assert semantic_style_loss(one, row(UPPER, UPPER), other, row(LOWER, LOWER)) == 0


def test_the_order_of_places_within_a_class_does_not_matter() -> None:
    one = features([1.0, 5.0, 3.0], [2.0, 7.0, 0.0])
    parsing, permuted = row(UPPER, UPPER, LOWER), [1, 0, 2]
    assert semantic_style_loss(one, parsing, one[..., permuted], parsing).item() == pytest.approx(0)


def test_parsing_maps_are_reduced_to_the_size_of_the_features() -> None:
    labels = torch.zeros(1, 4, 4, dtype=torch.long)
    labels[0, :, :1] = UPPER  # half of the left locations
    grams = class_grams(torch.full((1, 1, 2, 2), 2.0), one_hot(labels))
    # Two of four locations with (0.5 * 2)^2 = 1.
    assert grams[0, UPPER, 0, 0].item() == pytest.approx(0.5)


def test_parsing_loss_is_the_cross_entropy() -> None:
    logits, labels = torch.randn(2, 9, 3, 4), torch.randint(0, 9, (2, 3, 4))
    chances = logits.exp() / logits.exp().sum(1, keepdim=True)
    expected = -chances.gather(1, labels[:, None]).log().mean()
    torch.testing.assert_close(parsing_loss(logits, labels), expected)


def test_content_and_pose_loss_are_mean_squares() -> None:
    one, other = torch.randn(2, 2, 18, 4, 3)
    for loss in (content_loss, pose_loss):
        torch.testing.assert_close(loss(one, other), ((one - other) ** 2).mean())


def test_only_counted_images_enter_an_adversarial_loss() -> None:
    real, fake = torch.randn(2, 3, 1, 2, 2)
    some = torch.tensor([True, False, True])
    expected = ((real[some] - 1) ** 2).mean() / 2 + (fake[~some] ** 2).mean() / 2
    torch.testing.assert_close(lsgan_discriminator(real, fake, some, ~some), expected)
    torch.testing.assert_close(lsgan_generator(fake, some), ((fake[some] - 1) ** 2).mean())
    assert lsgan_generator(fake, torch.zeros(3, dtype=torch.bool)) == 0


def losses() -> Iterator[tuple[str, nn.Module, Callable[[], Tensor]]]:
    """Name, network and loss of a fixed batch of one pair."""
    size = (32, 24)
    source, target = torch.rand(2, 1, 3, *size) * 2 - 1
    source_labels, target_labels = torch.randint(0, 9, (2, 1, *size))
    parsing, target_parsing = one_hot(source_labels), one_hot(target_labels)
    maps, target_maps = torch.rand(2, 1, 18, *size)
    poses = (maps, target_maps, torch.eye(2, 3).expand(1, 10, 2, 3), torch.ones(1, 10, *size))
    semantic, painter = SemanticGenerator(2, 4, 0.0), AppearanceGenerator(2, 4, 0.0)
    critic, detector = PatchDiscriminator(12, width=2), PoseDetector(width=2, blocks=1, dropout=0.0)
    fixed = nn.Conv2d(3, 4, 3, padding=1)  # in the place of VGG

    def painted() -> Tensor:
        image: Tensor = painter(source, parsing, target_parsing, *poses)
        return image

    yield "parsing", semantic, lambda: parsing_loss(semantic(parsing, *poses), target_labels)
    yield (
        "style", painter,
        lambda: semantic_style_loss(fixed(painted()), target_parsing, fixed(source), parsing),
    )  # fmt: skip
    yield "content", painter, lambda: content_loss(fixed(painted()), fixed(target))
    yield "pose", painter, lambda: pose_loss(detector(painted()), target_maps)
    yield "detector", detector, lambda: pose_loss(detector(target), target_maps)
    yield "generator", painter, lambda: lsgan_generator(critic(torch.cat([painted(), target_parsing], 1)))
    fake = painted().detach()
    yield (
        "discriminator", critic,
        lambda: lsgan_discriminator(
            critic(torch.cat([target, target_parsing], 1)), critic(torch.cat([fake, target_parsing], 1))
        ),
    )  # fmt: skip


@pytest.mark.parametrize("which", range(7))
def test_a_tiny_step_lowers_each_loss(which: int) -> None:
    name, network, loss = list(losses())[which]
    before = loss()
    before.backward()
    with torch.no_grad():
        norm = sum(p.grad.square().sum() for p in network.parameters() if p.grad is not None) ** 0.5
        for parameter in network.parameters():
            if parameter.grad is not None:
                parameter -= 1e-3 * parameter.grad / norm
        assert loss() < before, name
