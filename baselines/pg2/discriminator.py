"""PG2's discriminator: that of DCGAN, on pairs of an image and the source image."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from baselines.patn.blocks import convolution, initialise
from baselines.pg2.network import halved

SLOPE = 0.2  # negative slope of LeakyReLU
WIDES = (1, 2, 4, 8, 8)  # output channels of the convolutions, in widths


class Discriminator(nn.Module):
    """Five strided 5x5 convolutions with batch norm (except after the first) and LeakyReLU, then one linear layer.

    Args:
        width: output channels of the first convolution; 64 in the paper's code.
        size: (H, W) of the images.

    Examples:
        >>> discriminator = Discriminator(2, (32, 24))
        >>> discriminator(torch.zeros(2, 3, 32, 24), torch.zeros(2, 3, 32, 24)).shape
        torch.Size([2])
    """

    def __init__(self, width: int, size: tuple[int, int]) -> None:
        super().__init__()
        wides = [width * factor for factor in WIDES]
        layers: list[nn.Module] = [convolution(6, width, 5, 2), nn.LeakyReLU(SLOPE, inplace=True)]
        for inputs, outputs in pairwise(wides):
            layers += [
                convolution(inputs, outputs, 5, 2, bias=False),
                nn.BatchNorm2d(outputs),
                nn.LeakyReLU(SLOPE, inplace=True),
            ]
        height, length = halved(size, len(WIDES))
        last = initialise(nn.Linear(wides[-1] * height * length, 1))
        self.layers = nn.Sequential(*layers, nn.Flatten(), last)

    def forward(self, image: Tensor, source: Tensor) -> Tensor:
        """Score how real each pair is: the sigmoid of a score is the probability.

        Args:
            image: real or generated, (B, 3, H, W).
            source: (B, 3, H, W).

        Returns:
            (B,), before the sigmoid.
        """
        logits: Tensor = self.layers(torch.cat([image, source], 1))
        return logits[:, 0]
