"""The recipe interface: what `fhpt-bench train` can train, and the task that a recipe is given."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from fhpt_bench.registry import Registry
from fhpt_bench.training.distributed import Precision

if TYPE_CHECKING:
    from fhpt_bench.benchmark import Benchmark
    from fhpt_bench.data.real_images import RealImages
    from fhpt_bench.training.folder import TrainingFolder


@dataclass(frozen=True)
class RecipeCard:
    """What a recipe trains.

    Args:
        name: the name under which it is registered.
        title: the result of the training, in a phrase.
        trains: what is trained, and what stays unchanged.
        needs: the training data that the benchmark must have.
        citation: the source of the method.
    """

    name: str
    title: str
    trains: str
    needs: str
    citation: str


@dataclass(frozen=True)
class Task:
    """One training.

    Args:
        benchmark: the benchmark whose training split is used.
        images: its training images.
        seed: seed of all random numbers.
        folder: the folder for all files of the training.
        device: "cpu" or "cuda".
        progress: whether to show bars.
        preset: name of the chosen preset of the recipe.
        mixed_precision: "no" or "bf16", for the accelerator.
        budget_s: seconds after which the loop saves a checkpoint and stops; None for no limit.
    """

    benchmark: Benchmark
    images: RealImages
    seed: int
    folder: TrainingFolder
    device: str
    progress: bool
    preset: str = ""
    mixed_precision: Precision = "no"
    budget_s: float | None = None


class Recipe(abc.ABC):
    """A training method; its class is instantiated without arguments."""

    card: ClassVar[RecipeCard]
    # Name -> hyperparameters: a dataclass, or any JSON value. The first preset is the default. A field
    # `mixed_precision` sets the precision. The hyperparameters are part of the identity of a training.
    presets: ClassVar[Mapping[str, Any]] = {"": None}
    # Names of trained weights that the training begins with; their digests are part of its identity as well.
    builds_on: ClassVar[tuple[str, ...]] = ()

    def lacks(self, benchmark: Benchmark) -> str | None:
        """Check whether a benchmark has what this recipe needs, before any image or network is loaded.

        Args:
            benchmark: the benchmark to check.

        Returns:
            What is missing and how to add it, in one sentence; None if nothing is missing.
        """
        if not benchmark.train_images:
            return (
                f"The benchmark {benchmark.id} names no training images, or their folder is missing: name them in its "
                "benchmark file as train_images and train_list, and give the folder of the data with --data-root."
            )
        return None

    def bases(self, preset: str) -> tuple[str, ...]:
        """Names of trained weights that the training with a preset begins with; default: `builds_on`.

        Args:
            preset: its name.
        """
        return self.builds_on

    @abc.abstractmethod
    def train(self, task: Task) -> Mapping[str, str]:
        """Train, and write the result into the task's folder.

        Args:
            task: the training to run.

        Returns:
            Facts to show to the user: name -> value.
        """

    def estimate(self, task: Task) -> Mapping[str, str]:
        """Estimate the cost of `train`, for `--dry-run`. Nothing may be written.

        A recipe that uses the training loop can call `fhpt_bench.training.estimate.estimate_cost`.

        Args:
            task: the task that `train` would get.

        Returns:
            Name -> value.
        """
        return {"trains": self.card.trains, "parameters, memory, time": "not estimated by this recipe"}


recipes: Registry[type[Recipe]] = Registry("recipe", "fhpt_bench.recipes", "fhpt_bench.training.recipe:Recipe")
