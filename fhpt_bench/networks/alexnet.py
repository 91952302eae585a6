"""AlexNet's feature maps, which LPIPS compares."""

from __future__ import annotations

from torch import nn

from fhpt_bench.feature import FeatureSpec
from fhpt_bench.networks.convolutions import ConvolutionMaps


class AlexNetMaps(ConvolutionMaps):
    """The five ReLU maps of torchvision's AlexNet, on LPIPS's scaled input (64, 192, 384, 256, 256 channels)."""

    spec = FeatureSpec("alexnet-maps", 2, ("alexnet",), "to [-1, 1], LPIPS scaling layer, own size")
    title = "AlexNet"
    taps = (1, 4, 7, 9, 11)
    smallest = 31

    @staticmethod
    def layers() -> nn.Sequential:
        """AlexNet's convolutions, without the last pooling."""
        return nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(inplace=True),
        )


class AlexNetMapsUnscaled(AlexNetMaps):
    """The same maps without the scaling layer, which LPIPS v0.0 omitted by mistake."""

    spec = FeatureSpec("alexnet-maps-unscaled", 2, ("alexnet",), "to [-1, 1], own size")
    scaled = False
