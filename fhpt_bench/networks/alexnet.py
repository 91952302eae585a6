"""AlexNet's feature maps, which LPIPS compares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from fhpt_bench.feature import FeatureSpec
from fhpt_bench.networks.convolutions import ConvolutionMaps, check_network_input, resize_images

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


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


class AlexNetMapsUnit(AlexNetMaps):
    """The same maps of pixels in [0, 1], which scripts give to LPIPS if they forget its range of [-1, 1]."""

    spec = FeatureSpec("alexnet-maps-unit", 1, ("alexnet",), "to [0, 1], LPIPS scaling layer, own size")
    black = 0


class AlexNetMaps128(AlexNetMaps):
    """The same maps of images that are resized to 128x128, whatever their shape is."""

    spec = FeatureSpec(
        "alexnet-maps-128", 1, ("alexnet",), "Pillow bilinear to 128x128, to [-1, 1], LPIPS scaling layer"
    )

    def extract(self, images: NDArray[np.uint8]) -> tuple[Tensor, ...]:
        """(N, H, W, 3) uint8 RGB of any size -> five maps of (N, C, h, w) float32 on the device.

        Raises:
            ValueError: if the images have another shape or dtype.
        """
        check_network_input(images, self.title)
        return super().extract(resize_images(images, (128, 128)))
