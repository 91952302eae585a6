"""The building blocks of PATN, compared with formulas."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from baselines.patn.blocks import PoseAttentionBlock, ResidualBlock, encoder

CHANNELS = 3


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def normalised(x: Tensor) -> Tensor:
    mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), correction=0, keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt()


def convolved(x: Tensor, layer: nn.Module) -> Tensor:
    assert isinstance(layer, nn.Conv2d)
    return functional.conv2d(functional.pad(x, (1, 1, 1, 1), mode="reflect"), layer.weight, layer.bias)


@pytest.mark.parametrize("first", [True, False])
def test_a_transfer_block_equals_its_formula(first: bool) -> None:
    block = PoseAttentionBlock(CHANNELS, first=first, activation=nn.ReLU, dropout=0.5).double().eval()
    image = torch.randn(2, CHANNELS, 5, 4, dtype=torch.float64)
    pose = torch.randn(2, CHANNELS if first else 2 * CHANNELS, 5, 4, dtype=torch.float64)
    for layer in block.modules():
        if isinstance(layer, nn.Conv2d) and layer.bias is not None:
            nn.init.normal_(layer.bias)
    image_layers = [layer for layer in block.image_path if isinstance(layer, nn.Conv2d)]
    pose_layers = [layer for layer in block.pose_path if isinstance(layer, nn.Conv2d)]
    f1 = normalised(convolved(normalised(convolved(image, image_layers[0])).relu(), image_layers[1]))
    f2 = convolved(normalised(convolved(pose, pose_layers[0])).relu(), pose_layers[1])
    out = image + f1 / (1 + torch.exp(-f2))

    moved, code = block(image, pose)

    torch.testing.assert_close(moved, out)
    torch.testing.assert_close(code, torch.cat([f2, out], 1))
    assert pose_layers[0].weight.shape[:2] == (pose.shape[1],) * 2  # the first convolution keeps the number of channels


def test_dropout_is_between_the_convolutions_of_both_paths_and_nowhere_else() -> None:
    block = PoseAttentionBlock(CHANNELS, first=True, activation=nn.ReLU, dropout=0.5)
    kinds = [[type(layer).__name__ for layer in path] for path in (block.image_path, block.pose_path)]
    assert kinds[0] == ["Conv2d", "InstanceNorm", "ReLU", "Dropout", "Conv2d", "InstanceNorm"]
    assert kinds[1] == kinds[0][:-1]
    without = PoseAttentionBlock(CHANNELS, first=True, activation=nn.ReLU)
    assert not any(isinstance(layer, nn.Dropout) for layer in without.modules())


def test_a_residual_block_adds_its_path_to_its_input() -> None:
    block = ResidualBlock(CHANNELS, nn.ReLU).double()
    x = torch.randn(2, CHANNELS, 5, 4, dtype=torch.float64)
    layers = [layer for layer in block.path if isinstance(layer, nn.Conv2d)]
    f = normalised(convolved(normalised(convolved(x, layers[0])).relu(), layers[1]))
    torch.testing.assert_close(block(x), x + f)


def test_initial_weights_are_those_of_pix2pix() -> None:
    layers = [layer for layer in encoder(3, 16, 3, nn.ReLU, normalised=False) if isinstance(layer, nn.Conv2d)]
    weights = torch.cat([layer.weight.flatten() for layer in layers])
    assert weights.std().item() == pytest.approx(0.02, rel=0.02)
    assert abs(weights.mean().item()) < 1e-3
    assert all(layer.bias is not None and (layer.bias == 0).all() for layer in layers)
