"""SqueezeNet's feature maps, which LPIPS compares."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fhpt_bench.feature import FeatureSpec
from fhpt_bench.networks.convolutions import ConvolutionMaps


class _Fire(nn.Module):
    """Few channels, then many: half of them from a 1x1 convolution, half from a 3x3 one."""

    def __init__(self, channels: int, few: int, many: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, few, 1)
        self.expand1x1 = nn.Conv2d(few, many // 2, 1)
        self.expand3x3 = nn.Conv2d(few, many // 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze(x).relu_()
        return torch.cat([self.expand1x1(x), self.expand3x3(x)], 1).relu_()


class SqueezeNetMaps(ConvolutionMaps):
    """Seven maps of torchvision's SqueezeNet 1.1, on LPIPS's scaled input (64 to 512 channels).

    They follow its first ReLU, the last Fire block of the first two stages, and each Fire block of the third.
    """

    spec = FeatureSpec("squeezenet-maps", 1, ("squeezenet",), "to [-1, 1], LPIPS scaling layer, own size")
    title = "SqueezeNet"
    taps = (1, 4, 7, 9, 10, 11, 12)
    smallest = 17

    @staticmethod
    def layers() -> nn.Sequential:
        """SqueezeNet's first convolution, its poolings and its Fire blocks."""
        return nn.Sequential(
            nn.Conv2d(3, 64, 3, stride=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            _Fire(64, 16, 128),
            _Fire(128, 16, 128),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            _Fire(128, 32, 256),
            _Fire(256, 32, 256),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            _Fire(256, 48, 384),
            _Fire(384, 48, 384),
            _Fire(384, 64, 512),
            _Fire(512, 64, 512),
        )
