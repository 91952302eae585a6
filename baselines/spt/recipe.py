"""The training recipe of SPT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from baselines.spt.hyperparameters import PAPER, SMALL, Hyperparameters
from baselines.torso_recipe import TorsoRecipe
from fhpt_bench.training.recipe import RecipeCard

if TYPE_CHECKING:
    from baselines.spt.learner import SPTLearner
    from fhpt_bench.training.generator_learner import Inputs


class SPTRecipe(TorsoRecipe):
    """SPT: the pose detector, then H_S, then H_A against two discriminators."""

    card = RecipeCard(
        "spt",
        "Semantic parsing transformation (SPT)",
        "a pose detector, H_S, then H_A and two discriminators",
        "training pairs with body keypoints and parsing maps",
        "Song et al., Unsupervised Person Image Generation with Semantic Parsing Transformation, CVPR 2019",
    )
    presets: ClassVar[Mapping[str, Hyperparameters]] = {"small": SMALL, "paper": PAPER}
    multiple = 4  # the pose detector halves images twice
    needs_parsing = True

    def learner(self, hparams: Hyperparameters, inputs: Inputs) -> SPTLearner:
        """Make the networks, the pose detector, the discriminators and their learner."""
        from baselines.spt.learner import SPTLearner

        return SPTLearner(hparams, inputs)
