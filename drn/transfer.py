"""The pose transfer branch G_P: coarse image and guidance map F_t (Section IV-A)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines.patn.blocks import InstanceNorm, PoseAttentionBlock, convolution, encoder, to_image
from drn.layers import STAGES, activation

JOINTS = 18


class TransferBranch(nn.Module):
    """G_P of eq. 1: two encoders (image; pose pair), pose-attention transfer blocks, a decoder.

    The image code after the last block is the guidance map F_t. The decoder has three stages (bilinear x2, 3x3
    convolution, instance norm, LeakyReLU), then a 7x7 convolution and tanh.

    Args:
        width: channels at full resolution; 64 in the paper.
        blocks: number of transfer blocks; 9 in the paper.

    Examples:
        >>> branch = TransferBranch(width=2, blocks=1)
        >>> maps = torch.zeros(1, 18, 32, 24)
        >>> [output.shape for output in branch(torch.zeros(1, 3, 32, 24), maps, maps)]
        [torch.Size([1, 3, 32, 24]), torch.Size([1, 16, 4, 3])]
    """

    def __init__(self, width: int = 64, blocks: int = 9) -> None:
        super().__init__()
        self.guidance_channels = width * 2**STAGES
        self.image_encoder = encoder(3, width, STAGES, activation)
        self.pose_encoder = encoder(2 * JOINTS, width, STAGES, activation)
        self.blocks = nn.ModuleList(
            PoseAttentionBlock(self.guidance_channels, first=number == 0, activation=activation)
            for number in range(blocks)
        )
        decoder: list[nn.Module] = []
        for stage in reversed(range(STAGES)):
            wide = width * 2**stage
            decoder += [
                nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
                convolution(2 * wide, wide, 3, bias=False),
                InstanceNorm(),
                activation(),
            ]
        self.decoder = nn.Sequential(*decoder, to_image(width))

    def forward(self, source: Tensor, source_maps: Tensor, target_maps: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the coarse image and the guidance map that it is decoded from, eq. 1.

        Args:
            source: I_s, (B, 3, H, W) in [-1, 1].
            source_maps: P_s, (B, 18, H, W), see `fhpt_bench.data.heat_maps`.
            target_maps: P_t, like source_maps.

        Returns:
            I_c (B, 3, H, W) in [-1, 1] and F_t (B, 8 * width, H / 8, W / 8).

        Raises:
            ValueError: if a side is not a multiple of 8, or less than 16.
        """
        height, width = source.shape[2:]
        if height % 2**STAGES or width % 2**STAGES or min(height, width) < 2 * 2**STAGES:
            raise ValueError(f"DRN needs sides that are multiples of 8, at least 16, not {height}x{width}")
        guidance = self.image_encoder(source)
        pose = self.pose_encoder(torch.cat([source_maps, target_maps], 1))
        for block in self.blocks:
            guidance, pose = block(guidance, pose)
        return self.decoder(guidance), guidance
