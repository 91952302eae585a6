"""DSC's norm, deformable skips, networks and parameter counts."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from baselines.dsc.discriminator import Discriminator
from baselines.dsc.hyperparameters import PAPER, SMALL
from baselines.dsc.layers import WholeNorm
from baselines.dsc.network import DeformableGenerator, DeformableUNet, deformable_skips, level_widths
from baselines.dsc.warping import warp_parts
from fhpt_bench.training.losses import cross_entropy_generator


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def pictures(*channels: int, size: tuple[int, int] = (32, 22), pairs: int = 1) -> list[torch.Tensor]:
    return [torch.randn(pairs, number, *size) for number in channels]


def test_the_norm_equals_its_formula_over_height_width_and_channels() -> None:
    norm, x = WholeNorm().double(), torch.randn(2, 3, 5, 4, dtype=torch.float64) * 3 + 1
    nn.init.constant_(norm.gain, 1.7)
    nn.init.constant_(norm.bias, -0.3)
    expected = torch.empty_like(x)
    for number, image in enumerate(x):
        deviation = ((image - image.mean()) ** 2).mean().sqrt()
        expected[number] = 1.7 * (image - image.mean()) / deviation - 0.3
    torch.testing.assert_close(norm(x), expected, atol=1e-6, rtol=1e-6)
    assert [parameter.shape for parameter in norm.parameters()] == [(), ()]


def test_the_norm_keeps_the_proportions_of_channels() -> None:
    x = torch.tensor([1.0, 2.0, 4.0]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    means = WholeNorm()(x).mean((2, 3))[0]
    assert ((means[2] - means[0]) / (means[1] - means[0])).item() == pytest.approx(3.0, rel=1e-4)


def test_a_warp_moves_a_masked_part_at_every_stride() -> None:
    # The target's right half is taken from 8 pixels further left in the source; the rest is hidden.
    transforms = torch.tensor([[[[1.0, 0, -8], [0, 1, 0]]]])
    masks = torch.zeros(1, 1, 16, 16)
    masks[..., 8:] = 1
    for stride in (1, 2, 4):
        side = 16 // stride
        features = torch.arange(float(side)).expand(1, 2, side, side) + 1
        expected = torch.zeros_like(features)
        expected[..., side // 2 :] = features[..., : side // 2]
        torch.testing.assert_close(warp_parts(features, transforms, masks, stride), expected)


def test_parts_are_combined_by_their_maximum() -> None:
    identity = torch.eye(2, 3).expand(1, 2, 2, 3)
    shift = torch.tensor([[1.0, 0, 0], [0, 1, -1]]).expand(1, 1, 2, 3)
    features = torch.tensor([[[[3.0], [-2.0], [5.0]]]])
    both = torch.cat([identity[:, :1], shift], 1)
    moved = warp_parts(features, both, torch.ones(1, 2, 3, 1))
    torch.testing.assert_close(moved, torch.tensor([[[[3.0], [3.0], [5.0]]]]))
    # Outside its mask a part is 0, also where the features are negative.
    assert warp_parts(features, identity, torch.zeros(1, 2, 3, 1)).abs().max() == 0


def test_features_in_bfloat16_are_moved_to_exact_places() -> None:
    features = torch.arange(200.0).view(1, 1, 1, 200)
    transforms = torch.tensor([[[[1.0, 0, -7], [0, 1, 0]]]])
    moved = warp_parts(features.bfloat16(), transforms, torch.ones(1, 1, 1, 200))
    assert moved.dtype == torch.bfloat16
    torch.testing.assert_close(moved[0, 0, 0, 7:].float(), features[0, 0, 0, :-7].bfloat16().float())


def test_the_first_four_skips_are_deformable_and_the_others_are_not() -> None:
    maps = [torch.randn(1, 2, 32 // 2**level, 32 // 2**level) for level in range(6)]
    skips = deformable_skips(maps, maps, torch.zeros(1, 10, 2, 3), torch.zeros(1, 10, 32, 32))
    assert [skip[:, :2].abs().max().item() == 0 for skip in skips] == [True] * 4 + [False] * 2
    assert all(torch.equal(skip[:, 2:], ours) for skip, ours in zip(skips, maps, strict=True))


@pytest.mark.parametrize("size", [(32, 22), (16, 8), (9, 23)])
def test_any_size_comes_back(size: tuple[int, int]) -> None:
    generator = DeformableGenerator(width=2, levels=4)
    source, source_maps, target_maps, masks = pictures(3, 18, 18, 10, size=size)
    image = generator(source, source_maps, target_maps, torch.eye(2, 3).expand(1, 10, 2, 3), masks.sign())
    assert image.shape == source.shape
    assert image.abs().max() <= 1


def test_padding_does_not_move_the_image() -> None:
    # With the identity as transform, the padded columns are on the right only: a shift would show at the left edge.
    network = DeformableUNet(1, 1, 1, width=2, levels=3, dropout=0.0).eval()
    source, target = pictures(1, 1, size=(16, 13))
    source[..., 9:], target[..., 9:] = source[..., 9:10], target[..., 9:10]
    identity = torch.eye(2, 3).expand(1, 10, 2, 3)
    whole = network(source, target, identity, torch.ones(1, 10, 16, 13))
    wider = [torch.cat([maps, maps[..., -1:].expand(-1, -1, -1, 3)], 3) for maps in (source, target)]
    torch.testing.assert_close(whole, network(*wider, identity, torch.ones(1, 10, 16, 16))[..., :13])


def test_every_input_reaches_the_generated_image() -> None:
    generator = DeformableGenerator(width=2, levels=4)
    inputs = [maps.requires_grad_() for maps in pictures(3, 18, 18)]
    masks = torch.ones(1, 10, 32, 22)
    generator(*inputs, torch.eye(2, 3).expand(1, 10, 2, 3), masks).square().mean().backward()
    assert all(maps.grad is not None and maps.grad.abs().max() > 0 for maps in inputs)
    assert all(parameter.grad is not None for parameter in generator.parameters())


def test_networks_run_in_bfloat16() -> None:
    generator, critic = DeformableGenerator(width=2, levels=4, dropout=0.0), Discriminator(width=2)
    source, source_maps, target_maps = pictures(3, 18, 18, size=(64, 44))
    inputs = (source, source_maps, target_maps, torch.eye(2, 3).expand(1, 10, 2, 3), torch.ones(1, 10, 64, 44))
    exact = generator(*inputs)
    with torch.autocast("cpu", torch.bfloat16):
        image = generator(*inputs)
        loss = cross_entropy_generator(critic(source, source_maps, image, target_maps))
    assert loss.dtype == torch.float32
    assert (image.float() - exact).abs().mean() < 0.05 * exact.abs().mean()
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in generator.parameters())


def test_dropout_is_in_the_first_three_blocks_of_the_decoder() -> None:
    blocks = DeformableGenerator(width=2, levels=7).layers.decoder.blocks
    dropped = [any(isinstance(layer, nn.Dropout) for layer in block.modules()) for block in blocks]
    assert dropped == [True] * 3 + [False] * 3


def test_parameters_at_paper_width_are_those_of_the_published_layers() -> None:
    assert level_widths(64, 7) == (64, 128, 256, 512, 512, 512, 512)
    # An encoder: 3x3 convolution with bias; six 4x4 convolutions without, a norm of two numbers after all but the last.
    down = 16 * (64 * 128 + 128 * 256 + 256 * 512 + 3 * 512 * 512) + 5 * 2
    encoders = (9 * 21 * 64 + 64 + down) + (9 * 18 * 64 + 64 + down)
    # The decoder: each transposed 4x4 convolution sees its predecessor's output and two skips.
    up = 1024 * 512 + 3 * (512 + 1024) * 512 + (512 + 512) * 256 + (256 + 256) * 128
    decoder = 16 * up + 6 * 2
    last = 9 * (128 + 128) * 3 + 3
    assert parameters(DeformableGenerator(PAPER.width, PAPER.levels)) == encoders + decoder + last == 82_080_611
    # (I_s, P_s, I, P_t) are 42 channels.
    critic = 16 * 42 * 64 + 64 + 16 * (64 * 128 + 128 * 256 + 256 * 512 + 512 * 1) + 3 * 2
    assert parameters(Discriminator(PAPER.discriminator_width)) == critic == 2_803_782


def test_small_has_a_few_million_parameters() -> None:
    assert 4e6 < parameters(DeformableGenerator(SMALL.width, SMALL.levels)) < 6e6


def test_the_discriminator_sees_all_four_of_its_inputs() -> None:
    discriminator = Discriminator(width=2)
    inputs = [maps.requires_grad_() for maps in pictures(3, 18, 3, 18, size=(64, 64))]
    discriminator(*inputs).square().mean().backward()
    assert all(maps.grad is not None and maps.grad.abs().max() > 0 for maps in inputs)
