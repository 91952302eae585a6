"""PATN as a model for `run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baselines.patn.hyperparameters import Hyperparameters
from fhpt_bench.data.heat_maps import heat_maps
from fhpt_bench.model import ModelCard, PairBatch
from fhpt_bench.training.checkpoint_model import CheckpointModel

if TYPE_CHECKING:
    from torch import Tensor

    from baselines.patn.network import PATNetwork

PAPER = "Zhu et al., Progressive Pose Attention Transfer for Person Image Generation, CVPR 2019, arXiv:1904.03349"


class PATN(CheckpointModel):
    """Progressive pose attention transfer."""

    recipe = "patn"
    hyperparameters = Hyperparameters
    hparams: Hyperparameters
    card = ModelCard("patn", "Progressive Pose Attention Transfer (PATN)", PAPER, 2019, trainable=True)

    def build(self, hparams: Hyperparameters) -> PATNetwork:
        """Make the untrained network."""
        from baselines.patn.network import PATNetwork

        return PATNetwork(hparams.width, hparams.blocks, hparams.dropout)

    def generate(self, batch: PairBatch) -> Tensor:
        """Generate the image; tanh keeps it in [-1, 1]."""
        import torch

        poses = (batch.source_pose, batch.target_pose)
        maps = [heat_maps(pose, batch.size, kind=self.hparams.pose_maps) for pose in poses]
        return torch.cat(self.outputs(batch.source, *maps))
