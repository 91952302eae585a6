"""The variational U-Net: an appearance encoder, a shape encoder, and a decoder with an autoregressive prior.

Source: Esser et al., "A Variational U-Net for Conditional Appearance and Shape Generation" (CVPR 2018), and the
authors' code, which has the prior of four groups. Shapes are of `paper` (width 32, seven levels), whose canvas is
256x256.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from baselines.vunet.crops import PARTS
from baselines.vunet.hyperparameters import canvas_side
from baselines.vunet.layers import NormalisedConv, ResidualBlock, doubled, merge_groups, split_groups

LATENTS = 2  # the two coarsest levels have latents: 4x4 and 8x8
_WIDEST = 4  # times the width
_CROP_LEVELS = 2  # the crops are a quarter of the canvas: two levels fewer
_BLOCKS = 2  # residual blocks per level, on the way down and up


class Generated(NamedTuple):
    """The result of a training pass.

    Args:
        image: (B, 3, H, W); about [-1, 1], but not limited.
        posterior: means of the posterior at 4x4 and 8x8.
        prior: means of the prior, likewise, given the samples of the posterior.
    """

    image: Tensor
    posterior: tuple[Tensor, ...]
    prior: tuple[Tensor, ...]


def sample_around(mean: Tensor) -> Tensor:
    """Draw from the normal distribution with unit variance around a mean of any shape."""
    return mean + torch.randn_like(mean)


class DownPath(nn.Module):
    """A 1x1 convolution, then two residual blocks per level and a strided convolution between levels.

    Args:
        inputs: number of input channels.
        widths: channels of each level.
        dropout: dropout probability in the residual blocks.
    """

    def __init__(self, inputs: int, widths: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.first = NormalisedConv(inputs, widths[0], 1)
        self.blocks = nn.ModuleList(ResidualBlock(wide, dropout=dropout) for wide in widths for _ in range(_BLOCKS))
        self.strided = nn.ModuleList(NormalisedConv(fine, coarse, stride=2) for fine, coarse in pairwise(widths))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, inputs, H, W) -> the outputs of all residual blocks, the finest first."""
        x = self.first(x)
        maps = []
        for number, block in enumerate(self.blocks):
            if number and number % _BLOCKS == 0:
                x = self.strided[number // _BLOCKS - 1](x)
            x = block(x)
            maps.append(x)
        return maps


class AppearanceEncoder(nn.Module):
    """The posterior of the latents given the crops: means at 4x4 and 8x8.

    Args:
        width: channels at all levels: four times the width of the decoder.
        levels: number of levels, from the size of the crops to 4x4.
        dropout: dropout probability in the residual blocks.
    """

    def __init__(self, width: int, levels: int, dropout: float) -> None:
        super().__init__()
        self.down = DownPath(3 * len(PARTS), [width] * levels, dropout)
        self.first = NormalisedConv(width, width, 1)
        self.blocks = nn.ModuleList(ResidualBlock(width, width, dropout) for _ in range(LATENTS))
        self.means = nn.ModuleList(NormalisedConv(width, width) for _ in range(LATENTS))
        # What is known of the coarse latents enters the posterior of the fine ones.
        self.feedback = ResidualBlock(width, 2 * width, dropout)
        self.doubled = doubled(width, width)

    def forward(self, crops: Tensor, *, sampled: bool = True) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Encode the appearance.

        Args:
            crops: (B, 24, h, w) of `baselines.vunet.crops.part_crops`.
            sampled: whether the latents are drawn from the posterior; otherwise they are its means.

        Returns:
            The means, (B, width, 4, 4) and (B, width, 8, 8), and the latents.
        """
        maps = self.down(crops)
        x = self.first(maps[-1])
        means: list[Tensor] = []
        latents: list[Tensor] = []
        for level in range(LATENTS):
            x = self.blocks[level](x, maps.pop())
            means.append(self.means[level](x))
            latents.append(sample_around(means[-1]) if sampled else means[-1])
            if level + 1 < LATENTS:
                x = self.doubled(self.feedback(x, torch.cat([maps.pop(), latents[-1]], 1)))
        return tuple(means), tuple(latents)


class GroupPrior(nn.Module):
    """The prior of the latents of a level, given the shape: four groups, each given the groups before it.

    Args:
        channels: channels of the maps and of the latents.
        dropout: dropout probability in the residual blocks.
    """

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.first = ResidualBlock(channels, dropout=dropout)
        self.means = nn.ModuleList(NormalisedConv(4 * channels, channels) for _ in range(4))
        self.feedback = nn.ModuleList(ResidualBlock(4 * channels, channels, dropout) for _ in range(3))

    def forward(self, x: Tensor, latents: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Compute the prior.

        Args:
            x: (B, channels, h, w) maps of the shape, h and w even.
            latents: the latents that the groups are given, like x; None to draw each group from the prior.

        Returns:
            The means, like x, and the latents: those given, or those drawn.
        """
        features = torch.cat(split_groups(self.first(x)), 1)
        given = None if latents is None else split_groups(latents)
        means: list[Tensor] = []
        groups: list[Tensor] = []
        for number, layer in enumerate(self.means):
            means.append(layer(features))
            groups.append(sample_around(means[-1]) if given is None else given[number])
            if number < len(self.feedback):
                features = self.feedback[number](features, groups[-1])
        return merge_groups(means), merge_groups(groups)


class ShapeDecoder(nn.Module):
    """From the coarsest level to the image: per level two residual blocks with skips, the coarse ones with latents.

    Args:
        widths: channels of each level of the shape encoder, the finest first.
        dropout: dropout probability in the residual blocks.
    """

    def __init__(self, widths: Sequence[int], dropout: float) -> None:
        super().__init__()
        upwards = list(reversed(widths))
        self.first = NormalisedConv(upwards[0], upwards[0], 1)
        self.before = nn.ModuleList(ResidualBlock(wide, wide, dropout) for wide in upwards)
        self.after = nn.ModuleList(ResidualBlock(wide, wide, dropout) for wide in upwards)
        self.priors = nn.ModuleList(GroupPrior(wide, dropout) for wide in upwards[:LATENTS])
        self.joined = nn.ModuleList(NormalisedConv(2 * wide, wide, 1) for wide in upwards[:LATENTS])
        self.doubled = nn.ModuleList(doubled(coarse, fine) for coarse, fine in pairwise(upwards))
        self.last = NormalisedConv(upwards[-1], 3)

    def forward(self, maps: Sequence[Tensor], latents: Sequence[Tensor] | None = None) -> tuple[Tensor, list[Tensor]]:
        """Decode.

        Args:
            maps: the outputs of the residual blocks of the shape encoder, the finest first.
            latents: at 4x4 and 8x8; None to draw them from the prior.

        Returns:
            (B, 3, H, W), any real number, and the means of the prior at 4x4 and 8x8.
        """
        skips, means = list(maps), []
        x = self.first(skips[-1])
        for level, (before, after) in enumerate(zip(self.before, self.after, strict=True)):
            x = self.doubled[level - 1](x) if level else x
            x = before(x, skips.pop())
            if level < LATENTS:
                mean, drawn = self.priors[level](x, None if latents is None else latents[level])
                means.append(mean)
                x = self.joined[level](torch.cat([x, drawn], 1))
            x = after(x, skips.pop())
        return self.last(x), means


class VariationalUNet(nn.Module):
    """The variational U-Net.

    The latents are 4x4 and 8x8, so the canvas is a square of 4 * 2**(levels - 1) pixels. A smaller image is put into
    its middle: the figure is padded with background, and the result is cropped.

    Args:
        width: channels of the decoder at full resolution; at most four times as many at other levels.
        levels: number of levels; 7 for a canvas of 256x256.
        dropout: dropout probability in the residual blocks.

    Examples:
        >>> network = VariationalUNet(width=2, levels=4)
        >>> network.canvas, network.crop
        (32, 8)
        >>> network.transfer(torch.zeros(1, 24, 8, 8), torch.zeros(1, 3, 32, 22)).shape
        torch.Size([1, 3, 32, 22])
    """

    def __init__(self, width: int = 32, levels: int = 7, dropout: float = 0.1) -> None:
        super().__init__()
        widths = [width * min(2**level, _WIDEST) for level in range(levels)]
        self.canvas = canvas_side(levels)
        self.crop = self.canvas // 2**_CROP_LEVELS
        self.appearance = AppearanceEncoder(_WIDEST * width, levels - _CROP_LEVELS, dropout)
        self.shape = DownPath(3, widths, dropout)
        self.decoder = ShapeDecoder(widths, dropout)

    def forward(self, crops: Tensor, figure: Tensor) -> Generated:
        """Reconstruct an image from its own crops and figure, with latents drawn from the posterior.

        Args:
            crops: (B, 24, canvas / 4, canvas / 4) of `baselines.vunet.crops.part_crops`.
            figure: (B, 3, H, W) of `baselines.vunet.figure.stick_figure`, H and W at most the canvas.

        Returns:
            The image, and the means of posterior and prior for the loss.

        Raises:
            ValueError: if the figure is larger than the canvas.
        """
        posterior, latents = self.appearance(crops)
        image, prior = self._decoded(figure, latents)
        return Generated(image, posterior, tuple(prior))

    def transfer(self, crops: Tensor, figure: Tensor) -> Tensor:
        """Paint the person of the crops in the pose of a figure; the latents are the means of the posterior.

        Args:
            crops: (B, 24, canvas / 4, canvas / 4) of the source image.
            figure: (B, 3, H, W) of the target pose, H and W at most the canvas.

        Returns:
            (B, 3, H, W); about [-1, 1], but not limited.

        Raises:
            ValueError: if the figure is larger than the canvas.
        """
        _, latents = self.appearance(crops, sampled=False)
        return self._decoded(figure, latents)[0]

    def sample(self, figure: Tensor) -> Tensor:
        """Paint somebody in the pose of a figure; the latents are drawn from the prior, group by group.

        Args:
            figure: (B, 3, H, W), H and W at most the canvas.

        Returns:
            (B, 3, H, W); about [-1, 1], but not limited.

        Raises:
            ValueError: if the figure is larger than the canvas.
        """
        return self._decoded(figure, None)[0]

    def _decoded(self, figure: Tensor, latents: Sequence[Tensor] | None) -> tuple[Tensor, list[Tensor]]:
        height, width = figure.shape[2:]
        spare = self.canvas - height, self.canvas - width
        if min(spare) < 0:
            raise ValueError(f"the figure is {height}x{width}, larger than the canvas of {self.canvas}x{self.canvas}")
        top, left = (length // 2 for length in spare)
        padding = (left, spare[1] - left, top, spare[0] - top)
        image, prior = self.decoder(self.shape(functional.pad(figure, padding, value=-1.0)), latents)
        return image[..., top : top + height, left : left + width], prior
