"""The training recipes of the Detail Replenishing Network: the network, its face module, its ablations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from drn.hyperparameters import FACE_PAPER, FACE_SMALL, PAPER, SMALL, Hyperparameters
from fhpt_bench.training.generator_recipe import GeneratorRecipe
from fhpt_bench.training.pairs import PairStream, TrainingPairs
from fhpt_bench.training.recipe import RecipeCard

if TYPE_CHECKING:
    import numpy as np
    from accelerate import Accelerator
    from numpy.typing import NDArray

    from drn.learner import AdversarialLearner
    from fhpt_bench.benchmark import Benchmark
    from fhpt_bench.training.pairs import TrainingBatch
    from fhpt_bench.training.views import TrainableGenerator

_CITATION = (
    "Yang et al., Towards Fine-grained Human Pose Transfer with Detail Replenishing Network, Section IV, Algorithm 1"
)
_NEEDS = "training pairs with body keypoints"


class DRNRecipe(GeneratorRecipe):
    """The full network without the face module: transfer branch and detail branch, trained with Algorithm 1."""

    card = RecipeCard("drn", "the Detail Replenishing Network", "G_P, G_T, D_A and D_S", _NEEDS, _CITATION)
    presets: ClassVar[Mapping[str, Hyperparameters]] = {"small": SMALL, "paper": PAPER}
    multiple = 8  # images are halved three times
    detail: ClassVar[bool] = True
    alternate: ClassVar[bool] = True

    def generator(self, hparams: Hyperparameters) -> TrainableGenerator:
        """Make the untrained generator."""
        from drn.network import DetailReplenishingNetwork
        from drn.views import DRNGenerator

        return DRNGenerator(DetailReplenishingNetwork(hparams, self.detail))

    def learner(
        self, hparams: Hyperparameters, stream: PairStream, held_out: TrainingBatch, accelerator: Accelerator, seed: int
    ) -> AdversarialLearner:
        """Make the generator, the discriminators and their learner."""
        from drn.learner import AdversarialLearner

        return AdversarialLearner(
            self.generator(hparams), hparams, stream, held_out, accelerator, seed, self.alternate
        )  # fmt: skip


class PBOnlyRecipe(DRNRecipe):
    """The ablation "PB Only" (Table II)."""

    card = RecipeCard("drn-pb-only", "DRN's transfer branch alone", "G_P with L_2, D_A and D_S", _NEEDS, _CITATION)
    detail = False
    alternate = False


class Texture64Recipe(DRNRecipe):
    """The ablation "Texture64dim" (Table II)."""

    card = RecipeCard("drn-tex64", "DRN with a style code of length 64", "G_P, G_T, D_A and D_S", _NEEDS, _CITATION)
    presets: ClassVar[Mapping[str, Hyperparameters]] = {
        name: replace(hparams, style=64) for name, hparams in DRNRecipe.presets.items()
    }


class End2EndRecipe(DRNRecipe):
    """The ablation "End2end" (Table II)."""

    card = RecipeCard(
        "drn-end2end", "DRN without a coarse step", "G_P and G_T with L_2, D_A and D_S", _NEEDS, _CITATION
    )
    alternate = False


class FaceRecipe(DRNRecipe):
    """The face module, trained on face crops of pairs in which both images show a frontal face."""

    card = RecipeCard(
        "drn-face",
        "DRN's face module",
        "the regional DRM, D_A and D_S",
        "training pairs with face landmarks",
        _CITATION,
    )
    presets: ClassVar[Mapping[str, Hyperparameters]] = {"small": FACE_SMALL, "paper": FACE_PAPER}
    alternate = False

    def generator(self, hparams: Hyperparameters) -> TrainableGenerator:
        """Make the untrained generator."""
        from drn.face import FaceModule
        from drn.views import FaceGenerator

        return FaceGenerator(FaceModule(hparams.width, hparams.style, hparams.hidden))

    def usable(self, pairs: TrainingPairs, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Select the pairs whose source and target both show a frontal face."""
        import torch

        from drn.face import face_boxes

        frontal = face_boxes(torch.from_numpy(pairs.face))[1].numpy()
        chosen: NDArray[np.int64] = index[frontal[pairs.source[index]] & frontal[pairs.target[index]]]
        return chosen

    def lacks(self, benchmark: Benchmark) -> str | None:
        """Check for training pairs and face landmarks."""
        if reason := super().lacks(benchmark):
            return reason
        if "truth" not in benchmark.training_files:
            return f"The benchmark {benchmark.id} has no face landmarks of its training images: " + (
                "run `fhpt-bench data landmarks`."
                if "train" in benchmark.landmark_files
                else "name their table in its benchmark file as train_truth or train_landmarks."
            )
        return None
