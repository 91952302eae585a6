"""SPT as a model for `run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baselines.spt.hyperparameters import Hyperparameters
from fhpt_bench.model import ModelCard, PairBatch
from fhpt_bench.training.checkpoint_model import CheckpointModel

if TYPE_CHECKING:
    from torch import Tensor

    from baselines.spt.network import SemanticParsingTransformation

PAPER = (
    "Song et al., Unsupervised Person Image Generation with Semantic Parsing Transformation, CVPR 2019, "
    "arXiv:1904.03379"
)


class SPT(CheckpointModel):
    """Semantic parsing transformation: H_S predicts the target's parsing map from the source's, H_A paints it."""

    recipe = "spt"
    hyperparameters = Hyperparameters
    hparams: Hyperparameters
    card = ModelCard(
        "spt", "Semantic parsing transformation (SPT), given the source's parsing map", PAPER, 2019, trainable=True,
        conditioning=("pose", "source-parsing"),
    )  # fmt: skip

    def build(self, hparams: Hyperparameters) -> SemanticParsingTransformation:
        """Make the untrained networks."""
        from baselines.spt.network import make_network

        return make_network(hparams)

    def generate(self, batch: PairBatch) -> Tensor:
        """Predict the target's parsing map and paint it; tanh keeps the image in [-1, 1]."""
        import torch

        from baselines.dsc.parts import pose_inputs
        from baselines.spt.parsing import one_hot

        if batch.source_parsing is None:
            raise ValueError("spt needs the parsing map of the source")
        poses = pose_inputs(batch.source_pose, batch.target_pose, batch.size, self.hparams.completes_torso)
        painted = self.outputs(batch.source, one_hot(batch.source_parsing), *poses)
        return torch.cat([one.image for one in painted])
