"""The training recipe of PG2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from baselines.pg2.hyperparameters import PAPER, SMALL, Hyperparameters
from fhpt_bench.training.generator_recipe import GeneratorRecipe
from fhpt_bench.training.recipe import RecipeCard

if TYPE_CHECKING:
    from baselines.pg2.learner import PG2Learner
    from fhpt_bench.benchmark import Benchmark
    from fhpt_bench.training.generator_learner import Inputs


class PG2Recipe(GeneratorRecipe):
    """PG2: first G1, then G2 against a discriminator."""

    card = RecipeCard(
        "pg2",
        "Pose Guided Person Generation (PG2)",
        "G1, then G2 and the discriminator",
        "training pairs with body keypoints",
        "Ma et al., Pose Guided Person Image Generation, NIPS 2017",
    )
    presets: ClassVar[Mapping[str, Hyperparameters]] = {"small": SMALL, "paper": PAPER}

    def fitted(self, hparams: Hyperparameters, benchmark: Benchmark) -> Hyperparameters:
        """Set the size of the images, which the fully connected layers fix."""
        return replace(hparams, image_size=benchmark.image_size)

    def learner(self, hparams: Hyperparameters, inputs: Inputs) -> PG2Learner:
        """Make the generators, the discriminator and their learner."""
        from baselines.pg2.learner import PG2Learner

        return PG2Learner(hparams, inputs)
