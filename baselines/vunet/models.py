"""VUNet as a model for `run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baselines.vunet.hyperparameters import Hyperparameters, canvas_side
from fhpt_bench.errors import UserError
from fhpt_bench.model import ModelCard, PairBatch
from fhpt_bench.training.checkpoint_model import CheckpointModel

if TYPE_CHECKING:
    from torch import Tensor

    from baselines.vunet.network import VariationalUNet

PAPER = "Esser et al., A Variational U-Net for Conditional Appearance and Shape Generation, CVPR 2018, arXiv:1804.04694"


class VUNet(CheckpointModel):
    """Variational U-Net ("UV-Net" in DRN's paper): appearance from the source's crops, shape from the target pose."""

    recipe = "vunet"
    hyperparameters = Hyperparameters
    hparams: Hyperparameters
    network: VariationalUNet
    card = ModelCard(
        "vunet",
        "Variational U-Net (VUNet)",
        PAPER,
        2018,
        trainable=True,
        size_rule="up to the canvas of its checkpoint",
    )

    def build(self, hparams: Hyperparameters) -> VariationalUNet:
        """Make the untrained network."""
        from baselines.vunet.network import VariationalUNet

        return VariationalUNet(hparams.width, hparams.levels, hparams.dropout)

    def refuses(self, size: tuple[int, int]) -> str | None:
        """A reason if the images are larger than the network's canvas."""
        side = canvas_side(self.hparams.levels)
        if max(size) <= side:
            return None
        return (
            f"The checkpoint {self.checkpoints[0].path} paints on a canvas of {side}x{side}, and these images are "
            f"{size[1]} wide and {size[0]} high: train it on this benchmark."
        )

    def generate(self, batch: PairBatch) -> Tensor:
        """Generate the image from the means of the posterior; the caller clips it.

        Raises:
            UserError: if the images are larger than the network's canvas.
        """
        import torch

        from baselines.torso import with_torso
        from baselines.vunet.crops import part_crops
        from baselines.vunet.figure import stick_figure

        if reason := self.refuses(batch.size):
            raise UserError(reason)
        completes = self.hparams.completes_torso
        pose, target_pose = (with_torso(pose, completes) for pose in (batch.source_pose, batch.target_pose))
        crops = part_crops(batch.source, pose, self.network.crop)
        return torch.cat(self.outputs(crops, stick_figure(target_pose, batch.size), method=self.network.transfer))
