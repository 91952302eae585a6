"""PATN's generator: two encoders, pose-attention transfer blocks, a decoder of transposed convolutions."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from baselines.patn.blocks import InstanceNorm, PoseAttentionBlock, encoder, initialise, to_image

JOINTS = 18
STAGES = 2  # down-sampling layers
activation = partial(nn.ReLU, inplace=True)


class PATNetwork(nn.Module):
    """The generator of Zhu et al. 2019.

    The image and the concatenated pose maps are encoded by networks of the same shape. The blocks move the image code
    to the target pose, step by step; the image code after the last block is decoded.

    Args:
        width: channels at full resolution; 64 in the paper.
        blocks: number of transfer blocks; 9 in the paper.
        dropout: dropout probability in the blocks; 0.5 in the paper.

    Examples:
        >>> network = PATNetwork(width=2, blocks=1)
        >>> maps = torch.zeros(1, 18, 32, 24)
        >>> network(torch.zeros(1, 3, 32, 24), maps, maps).shape
        torch.Size([1, 3, 32, 24])
    """

    def __init__(self, width: int = 64, blocks: int = 9, dropout: float = 0.5) -> None:
        super().__init__()
        wide = width * 2**STAGES
        self.image_encoder = encoder(3, width, STAGES, activation)
        self.pose_encoder = encoder(2 * JOINTS, width, STAGES, activation)
        self.blocks = nn.ModuleList(
            PoseAttentionBlock(wide, first=number == 0, activation=activation, dropout=dropout)
            for number in range(blocks)
        )
        decoder: list[nn.Module] = []
        for stage in reversed(range(STAGES)):
            outputs = width * 2**stage
            enlarge = nn.ConvTranspose2d(2 * outputs, outputs, 3, 2, 1, output_padding=1, bias=False)
            decoder += [initialise(enlarge), InstanceNorm(), activation()]
        self.decoder = nn.Sequential(*decoder, to_image(width))

    def transferred(self, source: Tensor, source_maps: Tensor, target_maps: Tensor) -> Tensor:
        """Compute the image code after the last block.

        Args:
            source: (B, 3, H, W) in [-1, 1], H and W multiples of 4.
            source_maps: (B, 18, H, W), see `fhpt_bench.data.heat_maps`.
            target_maps: like source_maps.

        Returns:
            (B, 4 * width, H / 4, W / 4).
        """
        image: Tensor = self.image_encoder(source)
        pose = self.pose_encoder(torch.cat([source_maps, target_maps], 1))
        for block in self.blocks:
            image, pose = block(image, pose)
        return image

    def forward(self, source: Tensor, source_maps: Tensor, target_maps: Tensor) -> Tensor:
        """Generate the source person in the target pose.

        Args:
            source: (B, 3, H, W) in [-1, 1], H and W multiples of 4.
            source_maps: (B, 18, H, W), see `fhpt_bench.data.heat_maps`.
            target_maps: like source_maps.

        Returns:
            (B, 3, H, W) in [-1, 1].
        """
        generated: Tensor = self.decoder(self.transferred(source, source_maps, target_maps))
        return generated
