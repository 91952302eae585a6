"""H_A, SPT's painter, and the two stages together.

Source: Song et al., "Unsupervised Person Image Generation with Semantic Parsing Transformation" (CVPR 2019), and the
authors' demonstration of H_A. Shapes are of `paper` (width 64, six levels) at 256x176, which is padded to 256x192.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from baselines.dsc.layers import down_block, glorot, up_block
from baselines.dsc.network import (
    Decoder,
    Encoder,
    deformable_skips,
    level_widths,
    pad_to_multiple,
    to_picture,
)
from baselines.dsc.warping import warp_parts
from baselines.spt.hyperparameters import Hyperparameters
from baselines.spt.parsing import CLASSES, SemanticGenerator

_SOURCE = 3 + len(CLASSES) + 18  # image, parsing map, heat maps
_TARGET = len(CLASSES) + 18


class Painted(NamedTuple):
    """The result of both stages.

    Args:
        image: (B, 3, H, W) in [-1, 1].
        logits: (B, 9, H, W) of the target's parsing map.
    """

    image: Tensor
    logits: Tensor


class FineEncoder(nn.Module):
    """The first two layers at full resolution, with half of the channels at the first one.

    Args:
        inputs: number of input channels.
        width: output channels at half resolution.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.first = glorot(nn.Conv2d(inputs, width // 2, 3, padding=1))
        self.down = down_block(width // 2, width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, inputs, H, W) -> (B, width / 2, H, W) and (B, width, H / 2, W / 2)."""
        fine = self.first(x)
        return fine, self.down(fine)


class AppearanceGenerator(nn.Module):
    """H_A: a generator at half resolution inside a shallow one at full resolution, both with deformable skips.

    It is trained from coarse to fine: at `fade_in` 0 the image is that of the inner generator, enlarged, which sees the
    reduced inputs; at 1 the inner generator sees features of the outer encoders instead, and the outer decoder paints.

    Args:
        width: channels of the inner generator at half resolution; 64 in the paper.
        levels: number of levels of the inner generator.
        dropout: dropout probability in the first three blocks of its decoder.
    """

    def __init__(self, width: int = 64, levels: int = 6, dropout: float = 0.5) -> None:
        super().__init__()
        widths = level_widths(width, levels)
        joined = 2 * widths[0] + widths[1]
        self.source, self.target = Encoder(_SOURCE, widths), Encoder(_TARGET, widths)
        self.decoder = Decoder(widths, dropout)
        self.to_coarse = to_picture(joined, 3)
        self.fine_source, self.fine_target = FineEncoder(_SOURCE, width), FineEncoder(_TARGET, width)
        self.fine_decoder = up_block(joined, width)
        self.to_fine = to_picture(2 * width, 3)
        self.multiple = 2**levels

    def forward(
        self,
        source: Tensor,
        source_parsing: Tensor,
        target_parsing: Tensor,
        source_maps: Tensor,
        target_maps: Tensor,
        transforms: Tensor,
        masks: Tensor,
        fade_in: float | Tensor = 1.0,
    ) -> Tensor:
        """Paint the person of the source into the target's parsing map.

        Args:
            source: (B, 3, H, W) in [-1, 1].
            source_parsing: (B, 9, H, W) of `baselines.spt.parsing.one_hot`.
            target_parsing: (B, 9, H, W): the same of the target, or the probabilities that H_S predicts.
            source_maps: (B, 18, H, W) of `baselines.dsc.parts.PoseInputs`, and so are the next three.
            target_maps: (B, 18, H, W).
            transforms: (B, 10, 2, 3).
            masks: (B, 10, H, W).
            fade_in: share of the fine image, 0 to 1.

        Returns:
            (B, 3, H, W) in [-1, 1].
        """
        height, width = source.shape[2:]
        ours = pad_to_multiple(torch.cat([source, source_parsing, source_maps], 1), self.multiple)
        theirs = pad_to_multiple(torch.cat([target_parsing, target_maps], 1), self.multiple)
        masks = pad_to_multiple(masks, self.multiple)
        finest, fine_ours = self.fine_source(ours)
        fine_target, fine_theirs = self.fine_target(theirs)
        coarse_ours, coarse_theirs = (
            encoder.from_first(fade_in * fine + (1 - fade_in) * encoder.first(functional.avg_pool2d(inputs, 2)))
            for encoder, inputs, fine in ((self.source, ours, fine_ours), (self.target, theirs, fine_theirs))
        )
        decoded = self.decoder(deformable_skips(coarse_ours, coarse_theirs, transforms, masks, stride=2))
        coarse = torch.tanh(self.to_coarse(functional.interpolate(decoded, scale_factor=2.0)))
        skip = torch.cat([warp_parts(finest, transforms, masks), fine_target], 1)
        fine = torch.tanh(self.to_fine(torch.cat([self.fine_decoder(decoded), skip], 1)))
        image: Tensor = fade_in * fine + (1 - fade_in) * coarse
        return image[..., :height, :width]


class SemanticParsingTransformation(nn.Module):
    """H_S, then H_A on what it predicts (Song et al. 2019).

    Args:
        semantic: H_S.
        appearance: H_A.

    Examples:
        >>> both = SemanticParsingTransformation(SemanticGenerator(2, 4), AppearanceGenerator(2, 4))
        >>> inputs = [torch.zeros(1, channels, 16, 11) for channels in (3, 9, 18, 18)]
        >>> both(*inputs, torch.zeros(1, 10, 2, 3), torch.zeros(1, 10, 16, 11)).image.shape
        torch.Size([1, 3, 16, 11])
    """

    def __init__(self, semantic: SemanticGenerator, appearance: AppearanceGenerator) -> None:
        super().__init__()
        self.semantic, self.appearance = semantic, appearance

    def forward(
        self,
        source: Tensor,
        source_parsing: Tensor,
        source_maps: Tensor,
        target_maps: Tensor,
        transforms: Tensor,
        masks: Tensor,
        fade_in: float | Tensor = 1.0,
    ) -> Painted:
        """Predict the target's parsing map and paint it. Gradients of the image reach H_S.

        Args:
            source: (B, 3, H, W) in [-1, 1].
            source_parsing: (B, 9, H, W) of `baselines.spt.parsing.one_hot`.
            source_maps: (B, 18, H, W) of `baselines.dsc.parts.PoseInputs`, and so are the next three.
            target_maps: (B, 18, H, W).
            transforms: (B, 10, 2, 3).
            masks: (B, 10, H, W).
            fade_in: share of the fine image, 0 to 1.

        Returns:
            The image and the logits of the parsing map.
        """
        poses = (source_maps, target_maps, transforms, masks)
        logits = self.semantic(source_parsing, *poses)
        image = self.appearance(source, source_parsing, logits.softmax(1), *poses, fade_in)
        return Painted(image, logits)


def make_network(hparams: Hyperparameters) -> SemanticParsingTransformation:
    """Make both networks.

    Args:
        hparams: hyperparameters, for the sizes.
    """
    h = hparams
    semantic = SemanticGenerator(h.semantic_width, h.semantic_levels, h.dropout)
    return SemanticParsingTransformation(semantic, AppearanceGenerator(h.width, h.levels, h.dropout))
