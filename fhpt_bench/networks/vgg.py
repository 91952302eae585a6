"""VGG16's feature maps, which LPIPS and perceptual losses compare, and their means, used for retrieval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from fhpt_bench.feature import FeatureSpec, MapSummary
from fhpt_bench.networks.convolutions import ConvolutionMaps, separate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


VGG_BLOCKS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}  # convolutions of each block
_CHANNELS = 1472  # of the five maps together


def vgg_layers(network: str) -> nn.Sequential:
    """Make the convolutions of VGG16 or VGG19, without the last pooling, with torchvision's numbering.

    Args:
        network: "vgg16" or "vgg19".
    """
    stack: list[nn.Module] = []
    channels = 3
    for block, (count, wide) in enumerate(zip(VGG_BLOCKS[network], (64, 128, 256, 512, 512), strict=True)):
        if block:
            stack.append(nn.MaxPool2d(2))
        for _ in range(count):
            stack += [nn.Conv2d(channels, wide, 3, padding=1), nn.ReLU(inplace=True)]
            channels = wide
    return nn.Sequential(*stack)


class VGG16Maps(ConvolutionMaps):
    """The maps relu1_2, 2_2, 3_3, 4_3 and 5_3 of torchvision's VGG16, on LPIPS's scaled input (64 to 512 channels)."""

    spec = FeatureSpec("vgg16-maps", 2, ("vgg16",), "to [-1, 1], LPIPS scaling layer, own size")
    title = "VGG16"
    taps = (3, 8, 15, 22, 29)
    smallest = 16
    layout = torch.channels_last

    @staticmethod
    def layers() -> nn.Sequential:
        """VGG16's convolutions, without the last pooling."""
        return vgg_layers("vgg16")


class VGG16MapsUnit(VGG16Maps):
    """The same maps of pixels in [0, 1], which scripts give to LPIPS if they forget its range of [-1, 1]."""

    spec = FeatureSpec("vgg16-maps-unit", 1, ("vgg16",), "to [0, 1], LPIPS scaling layer, own size")
    black = 0


class VGG16Pooled(MapSummary):
    """The means of the five maps of torchvision's VGG16 over the pixels, 1472 numbers.

    The early maps contain colours and textures, the last one garments: a head that is trained on top can use them all.

    Args:
        device: "cpu" or "cuda".

    Raises:
        WeightsMissing: if the weights are available from no source.
    """

    spec = FeatureSpec("vgg16-pooled", 2, ("vgg16",), f"{VGG16Maps.spec.preprocessing}; mean over pixels of each map")
    maps = VGG16Maps

    @staticmethod
    def summary(maps: tuple[Tensor, ...]) -> NDArray[np.float32]:
        """Five maps of N images -> (N, 1472) float32, 0 or more, from relu1_2 to relu5_3."""
        parts = separate(len(maps[0]), maps[0].device)
        rows = [torch.cat([one[part].mean((-2, -1)) for one in maps], -1).reshape(-1, _CHANNELS) for part in parts]
        pooled: NDArray[np.float32] = torch.cat(rows).cpu().numpy()
        return pooled
