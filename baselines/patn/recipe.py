"""The training recipe of PATN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from baselines.patn.hyperparameters import CPU, PAPER, SMALL, Hyperparameters
from fhpt_bench.training.generator_recipe import GeneratorRecipe
from fhpt_bench.training.recipe import RecipeCard

if TYPE_CHECKING:
    from baselines.patn.learner import PATNLearner
    from fhpt_bench.training.generator_learner import Inputs


class PATNRecipe(GeneratorRecipe):
    """PATN, trained against two discriminators."""

    card = RecipeCard(
        "patn",
        "Progressive Pose Attention Transfer (PATN)",
        "the generator, D_PB and D_PP",
        "training pairs with body keypoints",
        "Zhu et al., Progressive Pose Attention Transfer for Person Image Generation, CVPR 2019",
    )
    presets: ClassVar[Mapping[str, Hyperparameters]] = {"small": SMALL, "cpu": CPU, "paper": PAPER}
    multiple = 4  # images are halved twice

    def learner(self, hparams: Hyperparameters, inputs: Inputs) -> PATNLearner:
        """Make the generator, the discriminators and their learner."""
        from baselines.patn.learner import PATNLearner

        return PATNLearner(hparams, inputs)
