"""VUNet's weight-normalised convolutions, their initialisation from data, and its blocks."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from baselines.vunet.layers import NormalisedConv, ResidualBlock, doubled, initialise_from_data, split_groups
from baselines.vunet.network import VariationalUNet


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (1, 1)])
def test_a_convolution_equals_its_formula(kernel: int, stride: int) -> None:
    layer = NormalisedConv(3, 4, kernel, stride).double()
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    x, v = torch.randn(2, 3, 6, 8, dtype=torch.float64), layer.direction
    weights = torch.stack([layer.gain[n] * v[n] / v[n].square().sum().sqrt() for n in range(4)])
    torch.testing.assert_close(layer(x), functional.conv2d(x, weights, layer.bias, stride, kernel // 2))


def test_the_length_of_a_direction_does_not_matter() -> None:
    layer, x = NormalisedConv(3, 4), torch.randn(1, 3, 6, 8)
    before = layer(x)
    layer.direction.data *= 7
    torch.testing.assert_close(layer(x), before)


def test_initial_outputs_of_every_convolution_have_mean_0_and_variance_1() -> None:
    network = VariationalUNet(width=4, levels=4)
    crops, figure = torch.randn(16, 24, 8, 8) * 3 + 1, torch.rand(16, 3, 32, 22) * 2 - 1
    outputs: dict[str, Tensor] = {}
    hooks = [
        layer.register_forward_hook(lambda _, __, output, name=name: outputs.update({name: output}))
        for name, layer in network.named_modules()
        if isinstance(layer, NormalisedConv)
    ]
    initialise_from_data(network, crops, figure)
    for hook in hooks:
        hook.remove()
    assert len(outputs) == sum(isinstance(layer, NormalisedConv) for layer in network.modules())
    for name, output in outputs.items():
        variance, mean = torch.var_mean(output, (0, 2, 3), correction=0)
        torch.testing.assert_close(mean, torch.zeros_like(mean), atol=1e-4, rtol=0, msg=name)
        torch.testing.assert_close(variance, torch.ones_like(variance), atol=1e-3, rtol=0, msg=name)


def test_after_the_initialisation_a_layer_no_longer_follows_its_input() -> None:
    layer, x = NormalisedConv(3, 4), torch.randn(8, 3, 6, 8)
    initialise_from_data(layer, x)
    first = layer(x)
    torch.testing.assert_close(layer(2 * x) - layer(torch.zeros_like(x)), 2 * (first - layer(torch.zeros_like(x))))
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in layer.parameters())


def test_a_failed_initialisation_leaves_no_layer_initialising() -> None:
    layer = NormalisedConv(3, 4)
    with pytest.raises(RuntimeError):
        initialise_from_data(layer, torch.zeros(1, 2, 4, 4))
    assert not layer.initialising


def test_residual_blocks_equal_their_formulas() -> None:
    x, skip = torch.randn(2, 4, 5, 6), torch.randn(2, 6, 5, 6)
    plain = ResidualBlock(4)
    torch.testing.assert_close(plain(x), x + plain.convolution(functional.elu(x)))
    block = ResidualBlock(4, skip=6)
    assert block.skip is not None
    reduced = block.skip(functional.elu(skip))
    torch.testing.assert_close(block(x, skip), x + block.convolution(functional.elu(torch.cat([x, reduced], 1))))


def test_a_sub_pixel_convolution_puts_channels_next_to_each_other() -> None:
    up = doubled(3, 2)
    x = torch.randn(1, 3, 4, 5)
    raw = up[0](x).view(1, 2, 4, 4, 5)
    for number, group in enumerate(split_groups(up(x))):
        torch.testing.assert_close(group, raw[:, :, number])
