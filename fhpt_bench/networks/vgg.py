"""VGG16's maps, through which LPIPS and perceptual losses compare two images."""

from __future__ import annotations

from torch import nn

from fhpt_bench.feature import FeatureSpec
from fhpt_bench.networks.convolutions import ConvolutionMaps


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
