"""The training recipe of VUNet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from baselines.torso_recipe import TorsoRecipe
from baselines.vunet.hyperparameters import PAPER, SMALL, Hyperparameters, canvas_side
from fhpt_bench.training.recipe import RecipeCard

if TYPE_CHECKING:
    from baselines.vunet.learner import VUNetLearner
    from fhpt_bench.benchmark import Benchmark
    from fhpt_bench.training.generator_learner import Inputs


class VUNetRecipe(TorsoRecipe):
    """VUNet, which learns to reconstruct images from their own crops and figures."""

    card = RecipeCard(
        "vunet",
        "Variational U-Net (VUNet)",
        "the variational U-Net",
        "training pairs with body keypoints, of which it uses the targets",
        "Esser et al., A Variational U-Net for Conditional Appearance and Shape Generation, CVPR 2018",
    )
    presets: ClassVar[Mapping[str, Hyperparameters]] = {"small": SMALL, "paper": PAPER}

    def lacks(self, benchmark: Benchmark) -> str | None:
        """Check for training pairs, and that the images fit the canvas."""
        if reason := super().lacks(benchmark):
            return reason
        side = max(canvas_side(preset.levels) for preset in self.presets.values())
        if max(benchmark.image_size) > side:
            height, width = benchmark.image_size
            return (
                f"The images of {benchmark.id} are {width} wide and {height} high, and vunet paints on a canvas of "
                f"{side}x{side}: crop or scale them in its benchmark file."
            )
        return None

    def learner(self, hparams: Hyperparameters, inputs: Inputs) -> VUNetLearner:
        """Make the network and its learner."""
        from baselines.vunet.learner import VUNetLearner

        return VUNetLearner(hparams, inputs)
