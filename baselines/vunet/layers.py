"""The layers of VUNet: weight-normalised convolutions that are initialised from data, and residual blocks of ELU.

Source: Esser et al., "A Variational U-Net for Conditional Appearance and Shape Generation" (CVPR 2018); Salimans and
Kingma, "Weight Normalization" (NeurIPS 2016), eq. 2 and Section 3; details from the authors' code.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

_DEVIATION = 0.05  # of the initial directions
_SMALLEST = 1e-8  # added to the variance of the initial outputs


class NormalisedConv(nn.Module):
    """A convolution with weights gain * direction / |direction| and a bias; zero padding keeps the size at stride 1.

    Args:
        inputs: number of input channels.
        outputs: number of output channels.
        kernel: side of the kernel, an odd number.
        stride: 1, or 2 to halve the size.

    Examples:
        >>> NormalisedConv(3, 5, stride=2)(torch.zeros(1, 3, 8, 6)).shape
        torch.Size([1, 5, 4, 3])
    """

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.direction = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel) * _DEVIATION)
        self.gain, self.bias = nn.Parameter(torch.ones(outputs)), nn.Parameter(torch.zeros(outputs))
        self.stride, self.padding = stride, kernel // 2
        self.initialising = False

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H, W), or half the size."""
        unit = self.direction / self.direction.flatten(1).norm(dim=1)[:, None, None, None]
        if self.initialising:
            with torch.no_grad():
                raw = functional.conv2d(x, unit, None, self.stride, self.padding)
                variance, mean = torch.var_mean(raw, (0, 2, 3), correction=0)
                self.gain.copy_((variance + _SMALLEST).rsqrt())
                self.bias.copy_(-mean * self.gain)
        return functional.conv2d(x, unit * self.gain[:, None, None, None], self.bias, self.stride, self.padding)


def initialise_from_data(network: nn.Module, *batch: Tensor) -> None:
    """Set gains and biases so that the outputs of every convolution have mean 0 and variance 1 on a batch.

    Salimans and Kingma, Section 3. The network runs once, in its current mode; each convolution is set when it is
    reached, so the ones after it see its final output.

    Args:
        network: its `NormalisedConv` layers are changed in place.
        batch: what the network is called with.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, NormalisedConv)]
    for layer in layers:
        layer.initialising = True
    try:
        with torch.no_grad():
            network(*batch)
    finally:
        for layer in layers:
            layer.initialising = False


class ResidualBlock(nn.Module):
    """x + conv(dropout(elu(x))); a skip is reduced to the channels of x and concatenated before the ELU.

    Args:
        channels: channels of x.
        skip: channels of the skip; 0 if there is none.
        dropout: dropout probability.

    Examples:
        >>> ResidualBlock(4, skip=6, dropout=0.1)(torch.zeros(1, 4, 8, 8), torch.zeros(1, 6, 8, 8)).shape
        torch.Size([1, 4, 8, 8])
    """

    def __init__(self, channels: int, skip: int = 0, dropout: float = 0.0) -> None:
        super().__init__()
        self.skip = NormalisedConv(skip, channels, 1) if skip else None
        self.dropout = nn.Dropout(dropout)
        self.convolution = NormalisedConv(2 * channels if skip else channels, channels)

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """(B, channels, H, W), and the skip if the block has one -> (B, channels, H, W)."""
        path = x
        if self.skip is not None and skip is not None:
            path = torch.cat([x, self.skip(functional.elu(skip))], 1)
        residual: Tensor = self.convolution(self.dropout(functional.elu(path)))
        return x + residual


def doubled(inputs: int, outputs: int) -> nn.Sequential:
    """Make a sub-pixel convolution, which doubles the size.

    Args:
        inputs: number of input channels.
        outputs: number of output channels.

    Examples:
        >>> doubled(3, 5)(torch.zeros(1, 3, 4, 4)).shape
        torch.Size([1, 5, 8, 8])
    """
    return nn.Sequential(NormalisedConv(inputs, 4 * outputs), nn.PixelShuffle(2))


def split_groups(x: Tensor) -> list[Tensor]:
    """Split maps into four groups: top left, top right, bottom left and bottom right of each square of 2x2 locations.

    Args:
        x: (B, C, H, W), H and W even.

    Returns:
        Four of (B, C, H / 2, W / 2).

    Examples:
        >>> [group.item() for group in split_groups(torch.tensor([[[[1, 2], [3, 4]]]]))]
        [1, 2, 3, 4]
    """
    return [x[..., row::2, column::2] for row in range(2) for column in range(2)]


def merge_groups(groups: list[Tensor]) -> Tensor:
    """The inverse of `split_groups`.

    Args:
        groups: four of (B, C, h, w).

    Returns:
        (B, C, 2 * h, 2 * w).

    Examples:
        >>> x = torch.rand(1, 3, 4, 6)
        >>> torch.equal(merge_groups(split_groups(x)), x)
        True
    """
    return functional.pixel_shuffle(torch.stack(groups, 2).flatten(1, 2), 2)
