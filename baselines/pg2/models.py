"""PG2 as a model for `run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baselines.pg2.hyperparameters import Hyperparameters
from fhpt_bench.errors import UserError
from fhpt_bench.model import ModelCard, PairBatch
from fhpt_bench.training.checkpoint_model import CheckpointModel

if TYPE_CHECKING:
    from torch import Tensor

    from baselines.pg2.network import PG2Network

PAPER = "Ma et al., Pose Guided Person Image Generation, NIPS 2017, arXiv:1705.09368"


class PG2(CheckpointModel):
    """Pose guided person generation: a coarse image plus a difference map."""

    recipe = "pg2"
    hyperparameters = Hyperparameters
    hparams: Hyperparameters
    card = ModelCard(
        "pg2",
        "Pose Guided Person Generation (PG2)",
        PAPER,
        2017,
        trainable=True,
        size_rule="that of its training images",
    )

    def build(self, hparams: Hyperparameters) -> PG2Network:
        """Make the untrained network."""
        from baselines.pg2.network import PG2Network

        return PG2Network(hparams)

    def refuses(self, size: tuple[int, int]) -> str | None:
        """A reason for any size but that of the images that the network was trained on."""
        trained = self.hparams.image_size
        if size == trained:
            return None
        return (
            f"The checkpoint {self.checkpoints[0].path} was trained on images {trained[1]} wide and {trained[0]} high, "
            f"and these are {size[1]} wide and {size[0]} high: train it on this benchmark."
        )

    def generate(self, batch: PairBatch) -> Tensor:
        """Generate the sum of the coarse image and the difference map; the caller clips it.

        Raises:
            UserError: if the images do not have the size of those that the network was trained on.
        """
        import torch

        from baselines.pg2.masks import joint_discs

        if reason := self.refuses(batch.size):
            raise UserError(reason)
        maps = joint_discs(batch.target_pose, batch.size, self.hparams.joint_radius)
        return torch.cat([stages.image for stages in self.outputs(batch.source, maps)])
