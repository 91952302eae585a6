"""PG2's two generators: G1 integrates the pose, G2 predicts what is added to its image."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.pg2.hyperparameters import Hyperparameters

JOINTS = 18


def convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, *, active: bool = True) -> nn.Sequential:
    """Make a convolution with Glorot's uniform initialisation, as in the released code, and ReLU.

    Args:
        inputs: number of input channels.
        outputs: number of output channels.
        kernel: side of the kernel, an odd number.
        stride: 1, or 2 to halve the size, rounded up.
        active: whether ReLU follows.
    """
    layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)
    return nn.Sequential(_initialised(layer), *([nn.ReLU(inplace=True)] if active else []))


def _initialised(layer: nn.Conv2d | nn.Linear) -> nn.Module:
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def halved(size: tuple[int, int], times: int) -> tuple[int, int]:
    """Compute the size of an image after strided convolutions, each of which rounds up.

    Args:
        size: (H, W).
        times: number of strided convolutions.

    Examples:
        >>> halved((256, 176), 5)
        (8, 6)
    """
    return -(-size[0] // 2**times), -(-size[1] // 2**times)


class Residual(nn.Module):
    """x + ReLU(conv(ReLU(conv(x)))), without norm.

    Args:
        channels: number of channels of x.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.path = nn.Sequential(convolution(channels, channels), convolution(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) -> the same."""
        result: Tensor = x + self.path(x)
        return result


class CoarseGenerator(nn.Module):
    """G1: a U-Net of residual blocks with fully connected layers in the middle.

    Block i of the encoder has i * width channels; a strided convolution follows each but the last. The fully connected
    layers see the whole image and give it `bottleneck` numbers. Each block of the decoder is given the code of the
    encoder's block at its size as well.

    Args:
        width: channels of the first block.
        blocks: N, number of blocks of the encoder and of the decoder.
        bottleneck: number of values between the fully connected layers.
        size: (H, W) of the images.
    """

    def __init__(self, width: int, blocks: int, bottleneck: int, size: tuple[int, int]) -> None:
        super().__init__()
        wides = [width * (block + 1) for block in range(blocks)]
        self.enter = convolution(3 + JOINTS, width)
        self.encoder = nn.ModuleList(Residual(wide) for wide in wides)
        self.down = nn.ModuleList(convolution(a, b, stride=2) for a, b in pairwise(wides))
        self._smallest = halved(size, blocks - 1)
        area = self._smallest[0] * self._smallest[1]
        self.compress = _initialised(nn.Linear(wides[-1] * area, bottleneck))
        self.expand = _initialised(nn.Linear(bottleneck, width * area))
        joined = [width + wides[-1], *(2 * wide for wide in reversed(wides[:-1]))]
        self.decoder = nn.ModuleList(Residual(channels) for channels in joined)
        self.narrow = nn.ModuleList(
            convolution(channels, wide, 1) for channels, wide in zip(joined, reversed(wides[:-1]), strict=False)
        )
        self.leave = convolution(joined[-1], 3, active=False)

    def forward(self, source: Tensor, target_maps: Tensor) -> Tensor:
        """Generate the coarse image.

        Args:
            source: (B, 3, H, W) in [-1, 1].
            target_maps: (B, 18, H, W), see `joint_discs`.

        Returns:
            (B, 3, H, W), not limited to [-1, 1].
        """
        x = self.enter(torch.cat([source, target_maps], 1))
        skips: list[Tensor] = []
        for number, block in enumerate(self.encoder):
            x = block(x)
            skips.append(x)
            if number < len(self.down):
                x = self.down[number](x)
        x = self.expand(self.compress(x.flatten(1)))
        x = x.reshape(len(x), -1, *self._smallest)
        for number, block in enumerate(self.decoder):
            x = block(torch.cat([x, skips.pop()], 1))
            if number < len(self.narrow):
                # To the size of the next code: sides that were odd do not double.
                x = self.narrow[number](functional.interpolate(x, skips[-1].shape[2:], mode="nearest"))
        image: Tensor = self.leave(x)
        return image


class DifferenceGenerator(nn.Module):
    """G2: a fully convolutional U-Net that predicts a difference map. Its last layer starts with 0.

    Args:
        width: channels of the first block, and of all blocks of the decoder.
        blocks: N - 2, number of blocks of the encoder and of the decoder.
    """

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        wides = [width * (block + 1) for block in range(blocks)]
        self.enter = convolution(6, width)
        self.encoder = nn.ModuleList(
            nn.Sequential(convolution(inputs, wide), convolution(wide, wide))
            for inputs, wide in zip([width, *wides], wides, strict=False)
        )
        self.down = nn.ModuleList(convolution(wide, wide, stride=2) for wide in wides[:-1])
        joined = [2 * wides[-1], *(width + wide for wide in reversed(wides[:-1]))]
        self.decoder = nn.ModuleList(
            nn.Sequential(convolution(channels, width), convolution(width, width)) for channels in joined
        )
        self.leave = convolution(width, 3, active=False)
        # At the start the refined image is the coarse one.
        for parameter in self.leave.parameters():
            nn.init.zeros_(parameter)

    def forward(self, coarse: Tensor, source: Tensor) -> Tensor:
        """Predict the difference map.

        Args:
            coarse: G1's image, (B, 3, H, W).
            source: (B, 3, H, W) in [-1, 1].

        Returns:
            (B, 3, H, W).
        """
        x = self.enter(torch.cat([coarse, source], 1))
        skips: list[Tensor] = []
        for number, block in enumerate(self.encoder):
            x = block(x)
            skips.append(x)
            if number < len(self.down):
                x = self.down[number](x)
        for block in self.decoder:
            x = block(torch.cat([x, skips.pop()], 1))
            if skips:
                x = functional.interpolate(x, skips[-1].shape[2:], mode="nearest")
        difference: Tensor = self.leave(x)
        return difference


class Stages(NamedTuple):
    """The results of both generators, not clipped.

    Args:
        coarse: G1's image, (B, 3, H, W).
        difference: G2's difference map, (B, 3, H, W).
        image: their sum, (B, 3, H, W).
    """

    coarse: Tensor
    difference: Tensor
    image: Tensor


class PG2Network(nn.Module):
    """Both generators of Ma et al. 2017, Fig. 2a.

    Args:
        hparams: hyperparameters, for its sizes.

    Examples:
        >>> network = PG2Network(Hyperparameters(width=2, blocks=3, bottleneck=4, image_size=(16, 12)))
        >>> network(torch.zeros(1, 3, 16, 12), torch.zeros(1, 18, 16, 12)).image.shape
        torch.Size([1, 3, 16, 12])
    """

    def __init__(self, hparams: Hyperparameters) -> None:
        super().__init__()
        self.coarse = CoarseGenerator(hparams.width, hparams.blocks, hparams.bottleneck, hparams.image_size)
        self.refine = DifferenceGenerator(hparams.width, hparams.blocks - 2)

    def forward(self, source: Tensor, target_maps: Tensor) -> Stages:
        """Generate the source person in the target pose.

        Args:
            source: (B, 3, H, W) in [-1, 1], of the size in the hyperparameters.
            target_maps: (B, 18, H, W), see `joint_discs`.
        """
        coarse = self.coarse(source, target_maps)
        difference = self.refine(coarse, source)
        return Stages(coarse, difference, coarse.float() + difference.float())
