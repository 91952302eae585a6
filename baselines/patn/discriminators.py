"""PATN's discriminators: D_PB is given the target pose, D_PP the source image."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines.patn.blocks import Activation, ResidualBlock, encoder
from baselines.patn.network import activation

STAGES = 2  # down-sampling layers
BLOCKS = 3  # residual blocks


def discriminator_layers(channels: int, width: int, activation: Activation, dropout: float) -> list[nn.Module]:
    """Make the layers of a discriminator: a 7x7 convolution, two strided convolutions, three residual blocks.

    Args:
        channels: number of input channels.
        width: channels at full resolution.
        activation: activation after each norm.
        dropout: dropout probability in the residual blocks; 0 for none.

    Returns:
        Layers (B, channels, H, W) -> (B, 4 * width, H / 4, W / 4).
    """
    blocks = (ResidualBlock(width * 2**STAGES, activation, dropout) for _ in range(BLOCKS))
    return [encoder(channels, width, STAGES, activation), *blocks]


class Discriminator(nn.Module):
    """A conditional discriminator of Zhu et al. 2019, whose output is the map of its last residual block.

    Args:
        condition_channels: 18 for D_PB (the target's pose maps), 3 for D_PP (the source image).
        width: channels at full resolution; 64 in the paper.
        dropout: dropout probability in the residual blocks; 0.5 in the paper.

    Examples:
        >>> discriminator = Discriminator(18, width=2)
        >>> discriminator(torch.zeros(2, 3, 32, 24), torch.zeros(2, 18, 32, 24)).shape
        torch.Size([2, 8, 8, 6])
    """

    def __init__(self, condition_channels: int, width: int = 64, dropout: float = 0.5) -> None:
        super().__init__()
        self.layers = nn.Sequential(*discriminator_layers(3 + condition_channels, width, activation, dropout))

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        """Score how real each location is, in each channel: the sigmoid of a score is the probability.

        Args:
            image: real or generated, (B, 3, H, W) in [-1, 1].
            condition: (B, condition_channels, H, W).

        Returns:
            (B, 4 * width, H / 4, W / 4), before the sigmoid.
        """
        logits: Tensor = self.layers(torch.cat([image, condition], 1))
        return logits
