"""The whole Detail Replenishing Network: transfer branch and detail branch, with all intermediate results.

And that of the ablation "PB Fixed", whose transfer branch is a trained PATN.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from baselines.patn.hyperparameters import Hyperparameters as PATNHyperparameters
from baselines.patn.network import STAGES as PATN_STAGES
from baselines.patn.network import PATNetwork
from drn.hyperparameters import Hyperparameters, PBFixedHyperparameters
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
        self.transfer: TransferBranch | FixedBranch = TransferBranch(hparams.width, hparams.transfer_blocks)
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


class FixedBranch(nn.Module):
    """PATN as a transfer branch that is not trained: no gradients, and never in training mode.

    Args:
        hparams: PATN's hyperparameters, for its sizes.

    Examples:
        >>> branch = FixedBranch(PATNHyperparameters(width=2, blocks=1)).train()
        >>> maps = torch.zeros(1, 18, 32, 24)
        >>> coarse, guidance = branch(torch.zeros(1, 3, 32, 24), maps, maps)
        >>> coarse.shape, guidance.shape, branch.training
        (torch.Size([1, 3, 32, 24]), torch.Size([1, 8, 8, 6]), False)
    """

    def __init__(self, hparams: PATNHyperparameters) -> None:
        super().__init__()
        self.guidance_channels = hparams.width * 2**PATN_STAGES
        self.patn = PATNetwork(hparams.width, hparams.blocks, hparams.dropout).requires_grad_(False)

    def train(self, mode: bool = True) -> FixedBranch:
        """Stay in evaluation mode, whatever the mode of the network around it."""
        return super().train(False)

    def forward(self, source: Tensor, source_maps: Tensor, target_maps: Tensor) -> tuple[Tensor, Tensor]:
        """Compute PATN's image, and the image code that it is decoded from as the guidance map.

        Args:
            source: I_s, (B, 3, H, W) in [-1, 1], H and W multiples of 4.
            source_maps: P_s, (B, 18, H, W), of the kind that PATN was trained on.
            target_maps: P_t, like source_maps.

        Returns:
            I_c (B, 3, H, W) in [-1, 1] and F_t (B, 4 * width of PATN, H / 4, W / 4).
        """
        with torch.no_grad():
            guidance = self.patn.transferred(source, source_maps, target_maps)
            return self.patn.decoder(guidance), guidance


class PBFixedNetwork(DetailReplenishingNetwork):
    """A trained PATN that stays as it is, and a detail branch ("PB Fixed" in Table II).

    PATN halves the image twice, DRN three times: this detail branch has two up-sampling stages.

    Args:
        hparams: hyperparameters, for the sizes.
    """

    def __init__(self, hparams: PBFixedHyperparameters) -> None:
        nn.Module.__init__(self)
        self.transfer = FixedBranch(hparams.patn)
        self.detail = DetailReplenishment(
            self.transfer.guidance_channels, hparams.width, hparams.style, hparams.hidden, hparams.detail_blocks,
            PATN_STAGES,
        )  # fmt: skip
