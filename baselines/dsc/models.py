"""DSC as a model for `run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baselines.dsc.hyperparameters import Hyperparameters
from fhpt_bench.model import ModelCard, PairBatch
from fhpt_bench.training.checkpoint_model import CheckpointModel

if TYPE_CHECKING:
    from torch import Tensor

    from baselines.dsc.network import DeformableGenerator

PAPER = "Siarohin et al., Deformable GANs for Pose-based Human Image Generation, CVPR 2018, arXiv:1801.00055"


class DSC(CheckpointModel):
    """Deformable skip connections. If a pair lacks hips or shoulders, no part is moved in its image."""

    recipe = "dsc"
    hyperparameters = Hyperparameters
    hparams: Hyperparameters
    card = ModelCard("dsc", "Deformable skip connections (DSC)", PAPER, 2018, trainable=True)

    def build(self, hparams: Hyperparameters) -> DeformableGenerator:
        """Make the untrained network."""
        from baselines.dsc.network import DeformableGenerator

        return DeformableGenerator(hparams.width, hparams.levels, hparams.dropout)

    def generate(self, batch: PairBatch) -> Tensor:
        """Generate the image; tanh keeps it in [-1, 1]."""
        import torch

        from baselines.dsc.parts import pose_inputs

        poses = pose_inputs(batch.source_pose, batch.target_pose, batch.size, self.hparams.completes_torso)
        return torch.cat(self.outputs(batch.source, *poses))
