"""The shared losses compared with their formulas, written as sums."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor

from fhpt_bench import weights as store
from fhpt_bench.training.losses import (
    PerceptualNetwork,
    cross_entropy_discriminator,
    cross_entropy_generator,
    gram,
    lsgan_discriminator,
    lsgan_generator,
    perceptual_loss,
    reconstruction_loss,
    tap_position,
)


@pytest.fixture(scope="module")
def some_weights() -> dict[str, Tensor]:
    """Small random weights of a VGG's convolutions up to conv4_1, which is not needed."""
    generator = torch.Generator().manual_seed(0)
    channels = {0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128), 10: (128, 256), 12: (256, 256), 14: (256, 256)}
    weights = {}
    for number, (inputs, outputs) in (channels | {17: (256, 512)}).items():
        deviation = (2 / (9 * inputs)) ** 0.5
        weights[f"features.{number}.weight"] = torch.randn(outputs, inputs, 3, 3, generator=generator) * deviation
        weights[f"features.{number}.bias"] = torch.randn(outputs, generator=generator) * 0.1
    return weights


def maps(seed: int, sizes: tuple[tuple[int, ...], ...] = ((2, 3, 4, 5), (2, 4, 2, 2))) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(size, generator=generator) for size in sizes]


def test_gram_matrix_is_that_of_eq_8_divided_by_chw() -> None:
    (features,) = maps(0, ((2, 3, 4, 5),))
    expected = torch.zeros(2, 3, 3)
    for b in range(2):
        for i in range(3):
            for j in range(3):
                expected[b, i, j] = sum(features[b, i, h, w] * features[b, j, h, w] for h in range(4) for w in range(5))
    torch.testing.assert_close(gram(features), expected / (3 * 4 * 5))
    assert gram(features.bfloat16()).dtype == torch.float32
    # Sums of the largest float16 numbers stay finite.
    assert torch.isfinite(gram(torch.full((1, 2, 64, 64), 6e4, dtype=torch.float16))).all()


def test_gram_stays_exact_under_autocast() -> None:
    (features,) = maps(0, ((2, 3, 4, 5),))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(gram(features), gram(features.clone()))
        inside = gram(features)
    assert torch.equal(inside, gram(features))


def test_perceptual_loss_divides_each_layer_by_its_chw() -> None:
    generated, target = maps(0), maps(1)
    expected = sum(
        (a[image] - b[image]).abs().sum() / a[image].numel() / 2
        for a, b in zip(generated, target, strict=True)
        for image in range(2)
    )
    torch.testing.assert_close(perceptual_loss(generated, target), torch.as_tensor(expected))
    with pytest.raises(ValueError, match="zip"):
        perceptual_loss(generated, target[:1])


def test_losses_of_bfloat16_are_float32_and_nearly_the_same() -> None:
    generated, target = maps(0), maps(1)
    halved = perceptual_loss([m.bfloat16() for m in generated], [m.bfloat16() for m in target])
    assert halved.dtype == torch.float32
    torch.testing.assert_close(halved, perceptual_loss(generated, target), rtol=0.02, atol=0)
    assert reconstruction_loss(generated[0].bfloat16(), target[0]).dtype == torch.float32


def test_lsgan_losses_are_zero_for_scores_of_one_and_zero() -> None:
    real, fake = torch.tensor([[0.5, 2.0]], dtype=torch.bfloat16), torch.tensor([[-1.0]])
    assert lsgan_discriminator(real, fake).item() == pytest.approx(((0.25 + 1) / 2 + 1) / 2)
    assert lsgan_generator(fake).item() == pytest.approx(4)
    assert lsgan_discriminator(torch.ones(3), torch.zeros(2)) == lsgan_generator(torch.ones(3)) == 0


def test_cross_entropy_losses_are_those_of_probabilities() -> None:
    real, fake = torch.tensor([[0.5, 2.0]], dtype=torch.bfloat16), torch.tensor([[-1.0]])
    p_real, p_fake = torch.sigmoid(real.double()), torch.sigmoid(fake.double())
    expected = -(p_real.log().mean() + (1 - p_fake).log().mean()) / 2
    assert cross_entropy_discriminator(real, fake).item() == pytest.approx(expected.item())
    assert cross_entropy_generator(fake).item() == pytest.approx(-p_fake.log().item())
    # A sigmoid of this logit is exactly 0 in float32, and its logarithm infinite.
    assert cross_entropy_generator(torch.tensor([-200.0])) == 200


@pytest.mark.parametrize(
    ("network", "block", "expected"),
    [("vgg16", 1, (1, 3)), ("vgg16", 4, (18, 20, 22)), ("vgg19", 3, (11, 13, 15, 17)), ("vgg19", 5, (29, 31, 33, 35))],
)
def test_taps_have_torchvisions_numbers(network: str, block: int, expected: tuple[int, ...]) -> None:
    import torchvision

    layers = getattr(torchvision.models, network)().features
    for number, position in enumerate(expected, 1):
        assert tap_position(network, f"relu{block}_{number}") == position
        assert isinstance(layers[position], torch.nn.ReLU)
        assert isinstance(layers[position - 1], torch.nn.Conv2d)
    with pytest.raises(ValueError, match="has no activation"):
        tap_position(network, f"relu{block}_{len(expected) + 1}")


@pytest.mark.parametrize("network", ["vgg16", "vgg19"])
def test_the_perceptual_network_is_vgg_on_imagenets_scale(network: str, some_weights: dict[str, Tensor]) -> None:
    images = torch.rand(2, 3, 12, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = ((images + 1) / 2 - mean[:, None, None]) / deviation[:, None, None]
    expected = []
    for block in ((0, 2), (5, 7), (10, 12, 14)):
        for number in block:
            weight, bias = (some_weights[f"features.{number}.{kind}"] for kind in ("weight", "bias"))
            x = functional.conv2d(x, weight, bias, padding=1).relu()
        expected.append(x)
        x = functional.max_pool2d(x, 2)

    found = PerceptualNetwork(network, some_weights)(images)

    assert [m.shape for m in found] == [(2, 64, 12, 8), (2, 128, 6, 4), (2, 256, 3, 2)]
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_the_perceptual_network_is_frozen_but_its_images_are_not(some_weights: dict[str, Tensor]) -> None:
    before = torch.get_rng_state()
    network = PerceptualNetwork(weights=some_weights)
    assert torch.equal(torch.get_rng_state(), before)  # no random number was drawn
    images = torch.zeros(1, 3, 8, 8, requires_grad=True)
    sum(m.mean() for m in network(images)).backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0
    assert all(not p.requires_grad and p.grad is None for p in network.parameters())
    assert len(network.features) == 16


def test_the_perceptual_networks_weights_are_the_pinned_ones(
    monkeypatch: pytest.MonkeyPatch, some_weights: dict[str, Tensor]
) -> None:
    loaded = []
    monkeypatch.setattr(store, "load", lambda name: (loaded.append(name), some_weights)[1])
    PerceptualNetwork("vgg19")
    PerceptualNetwork()
    assert loaded == ["vgg19", "vgg16"]
    assert set(loaded) <= set(store.specs())
    with pytest.raises(ValueError, match="vgg16, vgg19, not vgg11"):
        PerceptualNetwork("vgg11")
