"""A small convolutional autoencoder, and a mean image as a network without layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

PATCH = 8  # side of the square of pixels that one code describes


class AutoencoderNetwork(nn.Module):
    """A convolutional autoencoder with a few numbers for each 8x8 patch.

    The encoder has a strided 8x8 convolution and a 3x3 convolution, the decoder two 3x3 convolutions and a 1x1
    convolution to the pixels of a patch; all others have a ReLU.

    Args:
        width: channels of the hidden layers.
        code: numbers that are kept of a patch.
    """

    def __init__(self, width: int, code: int) -> None:
        super().__init__()
        pixels = 3 * PATCH**2
        self.encoder = nn.Sequential(
            nn.Conv2d(3, width, PATCH, PATCH), nn.ReLU(), nn.Conv2d(width, code, 3, padding=1)
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Conv2d(code, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, pixels, 1), nn.PixelShuffle(PATCH),
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        """Encode and decode images of any size; their last rows and columns are repeated up to a multiple of 8.

        Args:
            images: (B, 3, H, W) in [-1, 1].

        Returns:
            The same shape, not clipped.
        """
        height, width = images.shape[2:]
        padded = functional.pad(images, (0, -width % PATCH, 0, -height % PATCH), mode="replicate")
        decoded: Tensor = self.decoder(self.encoder(padded))
        return decoded[:, :, :height, :width]


class MeanImageNetwork(nn.Module):
    """A mean image.

    Args:
        size: its (height, width).
    """

    mean: Tensor

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(3, *size))
