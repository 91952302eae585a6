"""The layers of DSC: a norm over height, width and channels, and the blocks of encoder and decoder.

Source: Siarohin et al., "Deformable GANs for Pose-based Human Image Generation" (CVPR 2018), and the authors' code.
"""

from __future__ import annotations

from typing import TypeVar

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

SLOPE = 0.2  # negative slope of LeakyReLU
# The authors' code adds 1e-3 to the standard deviation; its square added to the variance has the same effect at 0.
_EPSILON = 1e-6

Layer = TypeVar("Layer", nn.Conv2d, nn.ConvTranspose2d)


class WholeNorm(nn.Module):
    """Instance norm over height, width and channels together, with a scalar gain and a scalar bias.

    Siarohin et al. 2018; it is the default of the library that the authors used. The norm keeps the proportions of
    channels, unlike the usual instance norm.

    Examples:
        >>> WholeNorm()(torch.tensor([[[[1.0]], [[3.0]]]])).flatten()
        tensor([-1.0000,  1.0000], grad_fn=<ViewBackward0>)
    """

    def __init__(self) -> None:
        super().__init__()
        self.gain, self.bias = nn.Parameter(torch.ones(())), nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same."""
        return functional.layer_norm(x, x.shape[1:], eps=_EPSILON) * self.gain + self.bias


def glorot(layer: Layer) -> Layer:
    """Initialise weights by Glorot's uniform rule and the bias with 0, the default of the authors' library.

    Args:
        layer: changed in place.

    Returns:
        The same layer.
    """
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def down_block(inputs: int, outputs: int, *, normalised: bool = True) -> nn.Sequential:
    """Make a block that halves the size: LeakyReLU, 4x4 convolution with stride 2, norm.

    Args:
        inputs: number of input channels.
        outputs: number of output channels.
        normalised: whether the norm is there; not in the last block.

    Returns:
        (B, inputs, H, W) -> (B, outputs, H // 2, W // 2).

    Examples:
        >>> down_block(3, 5)(torch.zeros(1, 3, 8, 6)).shape
        torch.Size([1, 5, 4, 3])
    """
    # Not in place: the input of the block is also the input of a skip.
    layers = [nn.LeakyReLU(SLOPE), glorot(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False))]
    return nn.Sequential(*layers, *([WholeNorm()] if normalised else []))


def up_block(inputs: int, outputs: int, dropout: float = 0.0) -> nn.Sequential:
    """Make a block that doubles the size: ReLU, transposed 4x4 convolution with stride 2, norm, dropout.

    Args:
        inputs: number of input channels.
        outputs: number of output channels.
        dropout: dropout probability; 0 for none.

    Returns:
        (B, inputs, H, W) -> (B, outputs, 2 * H, 2 * W).

    Examples:
        >>> up_block(3, 5)(torch.zeros(1, 3, 4, 3)).shape
        torch.Size([1, 5, 8, 6])
    """
    layers = [nn.ReLU(), glorot(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)), WholeNorm()]
    return nn.Sequential(*layers, *([nn.Dropout(dropout)] if dropout else []))
