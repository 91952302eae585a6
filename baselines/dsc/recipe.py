"""The training recipe of DSC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from baselines.dsc.hyperparameters import CPU, PAPER, SMALL, Hyperparameters
from baselines.torso_recipe import TorsoRecipe
from fhpt_bench.training.recipe import RecipeCard

if TYPE_CHECKING:
    from baselines.dsc.learner import DSCLearner
    from fhpt_bench.training.generator_learner import Inputs


class DSCRecipe(TorsoRecipe):
    """DSC, trained against a discriminator of quadruples."""

    card = RecipeCard(
        "dsc",
        "Deformable skip connections (DSC)",
        "the generator and its discriminator",
        "training pairs with body keypoints",
        "Siarohin et al., Deformable GANs for Pose-based Human Image Generation, CVPR 2018",
    )
    presets: ClassVar[Mapping[str, Hyperparameters]] = {"small": SMALL, "cpu": CPU, "paper": PAPER}

    def learner(self, hparams: Hyperparameters, inputs: Inputs) -> DSCLearner:
        """Make the generator, the discriminator and their learner."""
        from baselines.dsc.learner import DSCLearner

        return DSCLearner(hparams, inputs)
