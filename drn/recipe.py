"""The training recipes of the Detail Replenishing Network: the network, its face module, its ablations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.patn.hyperparameters import Hyperparameters as PATNHyperparameters
from drn.hyperparameters import CPU, FACE_PAPER, FACE_SMALL, PAPER, SMALL, Hyperparameters, PBFixedHyperparameters
from fhpt_bench.training.checkpoint import read_checkpoint
from fhpt_bench.training.generator_recipe import GeneratorRecipe
from fhpt_bench.training.recipe import RecipeCard

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from drn.learner import AdversarialLearner
    from fhpt_bench.benchmark import Benchmark
    from fhpt_bench.training.generator_learner import Inputs
    from fhpt_bench.training.pairs import TrainingPairs
    from fhpt_bench.training.views import TrainableGenerator

_CITATION = (
    "Yang et al., Towards Fine-grained Human Pose Transfer with Detail Replenishing Network, Section IV, Algorithm 1"
)
_NEEDS = "training pairs with body keypoints"
_FROM_SCRATCH = {"small": SMALL, "paper": PAPER}


class DRNRecipe(GeneratorRecipe):
    """The full network without the face module: transfer branch and detail branch, trained with Algorithm 1."""

    card = RecipeCard("drn", "the Detail Replenishing Network", "G_P, G_T, D_A and D_S", _NEEDS, _CITATION)
    presets: ClassVar[Mapping[str, Hyperparameters]] = {**_FROM_SCRATCH, "cpu": CPU}
    multiple = 8  # images are halved three times
    detail: ClassVar[bool] = True
    alternate: ClassVar[bool] = True

    def generator(self, hparams: Any) -> TrainableGenerator:
        """Make the untrained generator."""
        from drn.network import DetailReplenishingNetwork
        from drn.views import DRNGenerator

        return DRNGenerator(DetailReplenishingNetwork(hparams, self.detail))

    def learner(self, hparams: Hyperparameters, inputs: Inputs) -> AdversarialLearner:
        """Make the generator, the discriminators and their learner."""
        from drn.learner import AdversarialLearner

        generator = self.generator(hparams)
        if hparams.continues:
            read_checkpoint("drn", Hyperparameters).fill(generator.network)
        return AdversarialLearner(generator, hparams, inputs, self.alternate)

    def bases(self, preset: str) -> tuple[str, ...]:
        """Name `drn` for a preset that continues it."""
        return ("drn",) if self.presets[preset].continues else super().bases(preset)


class PBOnlyRecipe(DRNRecipe):
    """The ablation "PB Only" (Table II)."""

    card = RecipeCard("drn-pb-only", "DRN's transfer branch alone", "G_P with L_2, D_A and D_S", _NEEDS, _CITATION)
    presets: ClassVar[Mapping[str, Hyperparameters]] = _FROM_SCRATCH
    detail = False
    alternate = False


class Texture64Recipe(DRNRecipe):
    """The ablation "Texture64dim" (Table II)."""

    card = RecipeCard("drn-tex64", "DRN with a style code of length 64", "G_P, G_T, D_A and D_S", _NEEDS, _CITATION)
    presets: ClassVar[Mapping[str, Hyperparameters]] = {
        name: replace(hparams, style=64) for name, hparams in _FROM_SCRATCH.items()
    }


class End2EndRecipe(DRNRecipe):
    """The ablation "End2end" (Table II)."""

    card = RecipeCard(
        "drn-end2end", "DRN without a coarse step", "G_P and G_T with L_2, D_A and D_S", _NEEDS, _CITATION
    )
    presets: ClassVar[Mapping[str, Hyperparameters]] = _FROM_SCRATCH
    alternate = False


class PBFixedRecipe(DRNRecipe):
    """The ablation "PB Fixed" (Table II): the detail branch on a trained PATN, which stays as it is."""

    card = RecipeCard(
        "drn-pb-fixed",
        "a trained PATN with DRN's detail branch",
        "G_T with L_2, D_A and D_S; PATN stays as it is",
        "training pairs with body keypoints, and a trained patn",
        _CITATION,
    )
    presets: ClassVar[Mapping[str, Hyperparameters]] = {
        "small": PBFixedHyperparameters(**vars(SMALL)),
        "paper": PBFixedHyperparameters(**vars(PAPER)),
    }
    builds_on = ("patn",)
    multiple = 4  # PATN halves images twice
    alternate = False

    def fitted(self, hparams: PBFixedHyperparameters, benchmark: Benchmark) -> PBFixedHyperparameters:
        """Set the hyperparameters of the trained PATN.

        Raises:
            WeightsMissing: if there is no trained PATN.
            UserError: if its file cannot be used.
        """
        return replace(hparams, patn=read_checkpoint("patn", PATNHyperparameters).hparams)

    def generator(self, hparams: PBFixedHyperparameters) -> TrainableGenerator:
        """Make the generator: a trained PATN, an untrained detail branch."""
        from drn.network import FixedBranch, PBFixedNetwork
        from drn.views import DRNGenerator

        network = PBFixedNetwork(hparams)
        if isinstance(network.transfer, FixedBranch):
            read_checkpoint("patn", PATNHyperparameters).fill(network.transfer.patn)
        return DRNGenerator(network, hparams.patn.pose_maps)


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

    def usable(self, hparams: Hyperparameters, pairs: TrainingPairs, index: NDArray[np.int64]) -> NDArray[np.int64]:
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
