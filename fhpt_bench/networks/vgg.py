"""VGG16's maps, through which LPIPS and perceptual losses compare two images, and their mean, to find images by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from fhpt_bench.feature import FeatureSpec, VectorFeature
from fhpt_bench.networks.convolutions import ConvolutionMaps

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class VGG16Maps(ConvolutionMaps):
    """The maps relu1_2, 2_2, 3_3, 4_3 and 5_3 of torchvision's VGG16, on LPIPS's scaled input (64 to 512 channels)."""

    spec = FeatureSpec("vgg16-maps", 1, ("vgg16",), "to [-1, 1], LPIPS scaling layer, own size")
    title = "VGG16"
    taps = (3, 8, 15, 22, 29)
    smallest = 16

    @staticmethod
    def layers() -> nn.Sequential:
        """VGG16's convolutions, without the last pooling."""
        stack: list[nn.Module] = []
        channels = 3
        for block, (count, wide) in enumerate([(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)]):
            if block:
                stack.append(nn.MaxPool2d(2))
            for _ in range(count):
                stack += [nn.Conv2d(channels, wide, 3, padding=1), nn.ReLU(inplace=True)]
                channels = wide
        return nn.Sequential(*stack)


class VGG16Pooled(VectorFeature):
    """What torchvision's VGG16 says of a whole image: the means of its five maps over the pixels, 1472 numbers.

    The early maps know colours and weaves, the last one garments: a head that is trained on top may want them all.

    Args:
        device: "cpu" or "cuda".

    Raises:
        WeightsMissing: where the weights can be had from no source.
    """

    spec = FeatureSpec("vgg16-pooled", 1, ("vgg16",), f"{VGG16Maps.spec.preprocessing}; mean over pixels of each map")

    def __init__(self, device: str) -> None:
        self._maps = VGG16Maps(device)

    def extract(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, H, W, 3) uint8 RGB -> (N, 1472) float32, 0 or more, from relu1_2 to relu5_3.

        Raises:
            ValueError: where the images are not that, or smaller than 16 pixels.
        """
        means = [maps.mean((2, 3)) for maps in self._maps.extract(images)]
        pooled: NDArray[np.float32] = torch.cat(means, 1).cpu().numpy()
        return pooled
