"""The whole Detail Replenishing Network: transfer branch and detail branch, with all intermediate results."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from drn.hyperparameters import Hyperparameters
from drn.replenish import DetailReplenishment
from drn.transfer import TransferBranch


class Stages(NamedTuple):
    """The intermediate results of the network, not clipped.

    Args:
        coarse: (B, 3, H, W), I_c of eq. 1.
        guidance: (B, C, H/8, W/8), F_t.
        residual: (B, 3, H, W), R_t of eq. 3; None if there is no detail branch.
        image: (B, 3, H, W), I_c + R_t; the coarse image if there is no detail branch.
    """

    coarse: Tensor
    guidance: Tensor
    residual: Tensor | None
    image: Tensor


class DetailReplenishingNetwork(nn.Module):
    """G_P and G_T of Yang et al., Section IV-A.

    Args:
        hparams: hyperparameters, for its sizes.
        detail: whether it has the detail branch; without it, it is the ablation "PB Only".
    """

    def __init__(self, hparams: Hyperparameters, detail: bool = True) -> None:
        super().__init__()
        self.transfer = TransferBranch(hparams.width, hparams.transfer_blocks)
        self.detail = (
            DetailReplenishment(
                self.transfer.guidance_channels,
                hparams.width,
                hparams.style,
                hparams.hidden,
                hparams.detail_blocks,
            )
            if detail
            else None
        )

    def forward(self, source: Tensor, source_maps: Tensor, target_maps: Tensor) -> Stages:
        """Generate the images of B pairs, with all intermediate results.

        Args:
            source: (B, 3, H, W) in [-1, 1], H and W divisible by 8.
            source_maps: (B, 18, H, W), heat maps of the source pose.
            target_maps: heat maps of the target pose, like source_maps.
        """
        coarse, guidance = self.transfer(source, source_maps, target_maps)
        if self.detail is None:
            return Stages(coarse, guidance, None, coarse)
        residual = self.detail(source, guidance)
        return Stages(coarse, guidance, residual, coarse + residual)
