"""The conditional discriminators D_A (appearance) and D_S (shape), and those of the face module (Section IV-B)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines.patn.blocks import convolution
from baselines.patn.discriminators import discriminator_layers
from drn.layers import activation


class Discriminator(nn.Module):
    """PATN's discriminator (Zhu et al. 2019) with a last 3x3 convolution that gives one score per location.

    A 7x7 convolution, two strided convolutions, three residual blocks with dropout; instance norm; LeakyReLU as in all
    of DRN.

    Args:
        condition_channels: 3 for D_A (the source image), 18 for D_S (the target's heat maps), 1 for a sketch H_F.
        width: channels at full resolution; 64 in the paper.
        dropout: dropout probability in the residual blocks.

    Examples:
        >>> discriminator = Discriminator(18, width=2)
        >>> discriminator(torch.zeros(2, 3, 32, 24), torch.zeros(2, 18, 32, 24)).shape
        torch.Size([2, 1, 8, 6])
    """

    def __init__(self, condition_channels: int, width: int = 64, dropout: float = 0.5) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *discriminator_layers(3 + condition_channels, width, activation, dropout), convolution(4 * width, 1, 3)
        )

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        """Score how real each location is: 1 is real, 0 is fake (LSGAN).

        Args:
            image: I_t, real or generated, (B, 3, H, W) in [-1, 1].
            condition: (B, condition_channels, H, W).

        Returns:
            (B, 1, H / 4, W / 4).
        """
        scores: Tensor = self.layers(torch.cat([image, condition], 1))
        return scores
