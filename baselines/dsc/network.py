"""DSC's generator: an encoder of the source, an encoder of the target pose, a decoder with deformable skips.

Source: Siarohin et al., "Deformable GANs for Pose-based Human Image Generation" (CVPR 2018), and the authors' code for
the list of layers. Shapes are of `paper` (width 64, seven levels) at 256x176, which is padded to 256x192.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from baselines.dsc.layers import down_block, glorot, up_block
from baselines.dsc.warping import warp_parts

WARPED = 4  # the first four skips of the source are deformable
DROPPED = 3  # the first three blocks of the decoder have dropout
_WIDEST = 8  # times the width


def level_widths(width: int, levels: int) -> tuple[int, ...]:
    """The number of channels at each level of an encoder.

    Args:
        width: channels at full resolution.
        levels: number of levels; each halves the size of the one before.

    Examples:
        >>> level_widths(64, 7)
        (64, 128, 256, 512, 512, 512, 512)
    """
    return tuple(width * min(2**level, _WIDEST) for level in range(levels))


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Pad maps at the bottom and on the right, so that an encoder can halve their size without a remainder.

    The edge is repeated. Coordinates stay as they are, since nothing is added on the left or at the top.

    Args:
        x: (B, C, H, W).
        multiple: what height and width shall be a multiple of.

    Returns:
        (B, C, H', W').

    Examples:
        >>> pad_to_multiple(torch.zeros(1, 3, 256, 176), 64).shape
        torch.Size([1, 3, 256, 192])
    """
    bottom, right = (-length % multiple for length in x.shape[2:])
    return functional.pad(x, (0, right, 0, bottom), mode="replicate") if bottom or right else x


class Encoder(nn.Module):
    """A 3x3 convolution, then blocks that halve the size; the last one has no norm.

    Args:
        inputs: number of input channels.
        widths: channels of each level.
    """

    def __init__(self, inputs: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.first = glorot(nn.Conv2d(inputs, widths[0], 3, padding=1))
        self.blocks = nn.ModuleList(
            down_block(widths[level - 1], wide, normalised=level < len(widths) - 1)
            for level, wide in enumerate(widths)
            if level
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Encode maps.

        Args:
            x: (B, inputs, H, W), H and W multiples of 2**(levels - 1).

        Returns:
            One map per level: 64x256x192, 128x128x96, 256x64x48, 512x32x24, 512x16x12, 512x8x6, 512x4x3.
        """
        return self.from_first(self.first(x))

    def from_first(self, x: Tensor) -> list[Tensor]:
        """Like `forward`, from the output of the first convolution."""
        maps = [x]
        for block in self.blocks:
            maps.append(block(maps[-1]))
        return maps


def deformable_skips(
    source: Sequence[Tensor], target: Sequence[Tensor], transforms: Tensor, masks: Tensor, stride: int = 1
) -> list[Tensor]:
    """Join the maps of both encoders level by level; the first four maps of the source are moved to the target pose.

    Args:
        source: maps (B, C, h, w) of the encoder of the source.
        target: the same of the encoder of the target pose.
        transforms: (B, 10, 2, 3) of `baselines.dsc.parts.PoseInputs`.
        masks: (B, 10, H, W) of the padded image.
        stride: pixels of the image per location of the first map.

    Returns:
        Maps (B, 2 * C, h, w).
    """
    skips = []
    for level, (ours, theirs) in enumerate(zip(source, target, strict=True)):
        moved = warp_parts(ours, transforms, masks, stride * 2**level) if level < WARPED else ours
        skips.append(torch.cat([moved, theirs], 1))
    return skips


class Decoder(nn.Module):
    """Blocks that double the size, each after the first on its predecessor's output and the skip of its level.

    Args:
        widths: channels of each level of the encoders.
        dropout: dropout probability in the first three blocks.
    """

    def __init__(self, widths: Sequence[int], dropout: float) -> None:
        super().__init__()
        blocks, inputs = [], 0
        for number, wide in enumerate(reversed(widths[1:])):
            blocks.append(up_block(inputs + 2 * wide, wide, dropout if number < DROPPED else 0.0))
            inputs = wide
        self.blocks = nn.ModuleList(blocks)

    def forward(self, skips: Sequence[Tensor]) -> Tensor:
        """Decode.

        Args:
            skips: maps (B, 2 * C, h, w) per level, the finest first.

        Returns:
            (B, 3 * C, H, W): the last block's output (twice the width) and the finest skip.
        """
        x = skips[-1][:, :0]  # no channels: the first block has no predecessor
        for block, skip in zip(self.blocks, reversed(skips), strict=False):
            x = block(torch.cat([x, skip], 1))
        return torch.cat([x, skips[0]], 1)


def to_picture(inputs: int, outputs: int) -> nn.Sequential:
    """Make the output layers: ReLU and a 3x3 convolution.

    Args:
        inputs: number of input channels.
        outputs: number of output channels.
    """
    return nn.Sequential(nn.ReLU(), glorot(nn.Conv2d(inputs, outputs, 3, padding=1)))


class DeformableUNet(nn.Module):
    """Two encoders and a decoder with deformable skips, for any kind of picture.

    Args:
        source_channels: channels of the source's encoder: the picture and the maps of its pose.
        target_channels: channels of the target's encoder: the maps of its pose.
        outputs: output channels.
        width: channels at full resolution.
        levels: number of levels.
        dropout: dropout probability in the first three blocks of the decoder.

    Examples:
        >>> network = DeformableUNet(21, 18, 3, width=2, levels=4, dropout=0.5)
        >>> sizes = (21, 18), torch.zeros(1, 10, 2, 3), torch.zeros(1, 10, 16, 11)
        >>> network(*(torch.zeros(1, channels, 16, 11) for channels in sizes[0]), *sizes[1:]).shape
        torch.Size([1, 3, 16, 11])
    """

    def __init__(
        self, source_channels: int, target_channels: int, outputs: int, width: int, levels: int, dropout: float
    ) -> None:
        super().__init__()
        widths = level_widths(width, levels)
        self.source, self.target = Encoder(source_channels, widths), Encoder(target_channels, widths)
        self.decoder = Decoder(widths, dropout)
        self.to_picture = to_picture(2 * widths[0] + widths[1], outputs)
        self.multiple = 2 ** (levels - 1)

    def forward(self, source: Tensor, target: Tensor, transforms: Tensor, masks: Tensor) -> Tensor:
        """Move and repaint.

        Args:
            source: (B, source_channels, H, W), any size.
            target: (B, target_channels, H, W).
            transforms: (B, 10, 2, 3) of `baselines.dsc.parts.PoseInputs`.
            masks: (B, 10, H, W), likewise.

        Returns:
            (B, outputs, H, W), any real number.
        """
        height, width = source.shape[2:]
        source, target, masks = (pad_to_multiple(maps, self.multiple) for maps in (source, target, masks))
        skips = deformable_skips(self.source(source), self.target(target), transforms, masks)
        picture: Tensor = self.to_picture(self.decoder(skips))
        return picture[..., :height, :width]


class DeformableGenerator(nn.Module):
    """DSC's generator.

    Args:
        width: channels at full resolution; 64 in the paper.
        levels: number of levels; 7 in the paper for images of 256x256.
        dropout: dropout probability in the first three blocks of the decoder.
    """

    def __init__(self, width: int = 64, levels: int = 7, dropout: float = 0.5) -> None:
        super().__init__()
        self.layers = DeformableUNet(3 + 18, 18, 3, width, levels, dropout)

    def forward(
        self, source: Tensor, source_maps: Tensor, target_maps: Tensor, transforms: Tensor, masks: Tensor
    ) -> Tensor:
        """Generate images; call it as `generator(source, *pose_inputs(source_pose, target_pose, size))`.

        Args:
            source: (B, 3, H, W) in [-1, 1].
            source_maps: (B, 18, H, W) of `baselines.dsc.parts.PoseInputs`, and so are the others.
            target_maps: (B, 18, H, W).
            transforms: (B, 10, 2, 3).
            masks: (B, 10, H, W).

        Returns:
            (B, 3, H, W) in [-1, 1].
        """
        return torch.tanh(self.layers(torch.cat([source, source_maps], 1), target_maps, transforms, masks))
