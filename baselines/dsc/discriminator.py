"""DSC's discriminator of quadruples (I_s, P_s, I, P_t)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines.dsc.layers import down_block, glorot


class Discriminator(nn.Module):
    """Five 4x4 convolutions with stride 2 (Siarohin et al. 2018).

    The first one has no padding, as in the authors' code.

    Args:
        width: output channels of the first convolution; 64 in the paper.

    Examples:
        >>> discriminator = Discriminator(width=2)
        >>> shapes = [(1, channels, 256, 176) for channels in (3, 18, 3, 18)]
        >>> discriminator(*(torch.zeros(shape) for shape in shapes)).shape
        torch.Size([1, 1, 7, 5])
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            glorot(nn.Conv2d(3 + 18 + 3 + 18, width, 4, 2)),
            down_block(width, 2 * width),
            down_block(2 * width, 4 * width),
            down_block(4 * width, 8 * width),
            down_block(8 * width, 1, normalised=False),
        )

    def forward(self, source: Tensor, source_maps: Tensor, image: Tensor, target_maps: Tensor) -> Tensor:
        """Score how real each region of an image is.

        Args:
            source: (B, 3, H, W) in [-1, 1].
            source_maps: (B, 18, H, W) heat maps.
            image: the image to score, real or generated, (B, 3, H, W) in [-1, 1].
            target_maps: (B, 18, H, W) heat maps.

        Returns:
            (B, 1, h, w) log-odds of "real", before the sigmoid.
        """
        scores: Tensor = self.layers(torch.cat([source, source_maps, image, target_maps], 1))
        return scores
