"""The training recipes of the Detail Replenishing Network: the network, its face module, its ablations."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from drn.checkpoint import write_checkpoint
from drn.hyperparameters import FACE_PAPER, FACE_SMALL, PAPER, SMALL, Hyperparameters
from fhpt_bench.evaluation.provenance import package_versions
from fhpt_bench.files import sha256_json
from fhpt_bench.training.estimate import estimate_cost
from fhpt_bench.training.loop import Schedule, fit
from fhpt_bench.training.pairs import PairStream, TrainingPairs, lacks_pairs
from fhpt_bench.training.recipe import Recipe, RecipeCard, Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from drn.learner import AdversarialLearner
    from drn.views import TrainableGenerator
    from fhpt_bench.benchmark import Benchmark

_CITATION = (
    "Yang et al., Towards Fine-grained Human Pose Transfer with Detail Replenishing Network, Section IV, Algorithm 1"
)
_NEEDS = "training pairs with body keypoints"
_FACE_NEEDS = "training pairs with face landmarks"
_FOLDS = 16  # number of folds of the training people, of which one is held out
_STAGES = 8  # the sides of images must be multiples of it
_REPORTS = 20  # number of evaluations on held-out people and of checkpoints
_ROWS = 400  # number of rows in the log


class DRNRecipe(Recipe):
    """The full network without the face module: transfer branch and detail branch, trained with Algorithm 1."""

    card = RecipeCard("drn", "the Detail Replenishing Network", "G_P, G_T, D_A and D_S", _NEEDS, _CITATION)
    presets: ClassVar[Mapping[str, Hyperparameters]] = {"small": SMALL, "paper": PAPER}
    detail: ClassVar[bool] = True
    alternate: ClassVar[bool] = True
    judged: ClassVar[int] = 64  # number of held-out pairs for evaluation

    def generator(self, hparams: Hyperparameters) -> TrainableGenerator:
        """Make the untrained generator."""
        from drn.network import DetailReplenishingNetwork
        from drn.views import WholeImageGenerator

        return WholeImageGenerator(DetailReplenishingNetwork(hparams, self.detail))

    def usable(self, pairs: TrainingPairs, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Select the pairs that can be used for training and evaluation."""
        return index

    def lacks(self, benchmark: Benchmark) -> str | None:
        """Check for training pairs, and that the images can be halved three times."""
        if reason := super().lacks(benchmark) or lacks_pairs(benchmark):
            return reason
        if any(side % _STAGES for side in benchmark.image_size):
            height, width = benchmark.image_size
            return (
                f"The images of {benchmark.id} are {width} wide and {height} high, and DRN needs multiples of "
                f"{_STAGES}: crop them in its benchmark file."
            )
        return None

    def _prepare(self, task: Task) -> tuple[AdversarialLearner, Schedule]:
        import torch

        from drn.learner import AdversarialLearner
        from fhpt_bench.training.distributed import make_accelerator

        hparams, seed = self.presets[task.preset], task.seed
        pairs = TrainingPairs(task, _FOLDS)
        accelerator = make_accelerator(task.device, task.mixed_precision)
        training, held = self.usable(pairs, pairs.training), self.usable(pairs, pairs.held_out)
        place = (accelerator.process_index, accelerator.num_processes)
        stream = PairStream(pairs, hparams.batch_size, seed, *place, training)
        held_out = pairs.batch(held[:: max(1, len(held) // self.judged)][: self.judged])
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            learner = AdversarialLearner(
                self.generator(hparams), hparams, stream, held_out, accelerator, seed, self.alternate
            )
        interval = max(1, hparams.iterations // _REPORTS)
        schedule = Schedule(
            hparams.iterations, max(1, hparams.iterations // _ROWS), judge_every=interval, checkpoint_every=interval,
            sample_every=2 * interval,
        )  # fmt: skip
        return learner, schedule

    def estimate(self, task: Task) -> Mapping[str, str]:
        """Estimate parameters, memory and time, measured on real iterations."""
        learner, schedule = self._prepare(task)
        return estimate_cost(learner, schedule, task)

    def train(self, task: Task) -> Mapping[str, str]:
        """Train or resume, and write `<recipe>.safetensors` for `run --checkpoint`."""
        learner, schedule = self._prepare(task)
        rows = fit(learner, schedule, task)
        name, benchmark = self.card.name, task.benchmark
        judged = [row for row in rows if any(key.startswith("held_out") for key in row)][-1]
        spent = task.folder.spent()
        done = int(spent["done"]) if spent else schedule.units
        held_out = {key: value for key, value in judged.items() if key.startswith("held_out")}
        card = {
            "recipe": name, "preset": task.preset, "seed": task.seed, "iterations": done,
            "device": task.device, "mixed_precision": task.mixed_precision,
            "benchmark": {
                "id": benchmark.id, "version": benchmark.version,
                "train_sha256": sha256_json(list(task.images.digests.items())),
            },
            "held_out": held_out,
            "versions": {"python": platform.python_version(), **package_versions(("fhpt-bench", "torch"))},
        }  # fmt: skip
        file = task.folder.path / f"{name}.safetensors"
        if learner.main:
            write_checkpoint(file, name, learner.network, self.presets[task.preset], card)
        losses = {key: f"{value:.4f}" for key, value in held_out.items()}
        return {"iterations": f"{done} of {schedule.units}", **losses, "checkpoint": str(file)}


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
            return (
                f"The benchmark {benchmark.id} has no face landmarks of its training images: name their table in its "
                "benchmark file as train_truth."
            )
        return None
