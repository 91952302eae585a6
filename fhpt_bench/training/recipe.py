"""The recipe interface: what `fhpt-bench train` can train, and what a recipe is given."""

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
        title: what comes out, in a phrase.
        trains: what is learnt, and what stays as it is.
        needs: what of a benchmark it learns from.
        citation: where the method comes from.
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
        benchmark: whose training split is learnt from.
        images: its training images.
        seed: of all that is drawn.
        folder: where everything is written.
        device: "cpu" or "cuda".
        progress: whether to show bars.
        preset: the name of the recipe's preset that was chosen.
        mixed_precision: "no", or "bf16": what an accelerator is made with.
        budget_s: seconds after which the loop keeps its state and stops; None for no limit.
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
    """Something that can be trained; made without arguments."""

    card: ClassVar[RecipeCard]
    # Name -> settings, whatever the recipe makes of them: a dataclass, or anything that JSON holds. The first are meant
    # where none are named; a field `mixed_precision` says what they are for. They are part of what a training is.
    presets: ClassVar[Mapping[str, Any]] = {"": None}

    def lacks(self, benchmark: Benchmark) -> str | None:
        """Why it cannot be trained on a benchmark, one sentence with the way out; None where it can.

        Asked before an image is opened or a network loads.

        Args:
            benchmark: with its settings.
        """
        if not benchmark.train_images:
            return (
                f"The benchmark {benchmark.id} names no training images, or their folder is not here: name them in its "
                "settings as train_images and train_list, and say with --data-root where the data lies."
            )
        return None

    @abc.abstractmethod
    def train(self, task: Task) -> Mapping[str, str]:
        """Train, and write what was learnt into the task's folder.

        Returns:
            What to tell the user: name -> value.
        """

    def estimate(self, task: Task) -> Mapping[str, str]:
        """What `train` would do, for `--dry-run`: name -> value. Nothing may be written.

        A recipe whose learner goes through the loop says it by `fhpt_bench.training.estimate.estimate_cost`.

        Args:
            task: as `train` gets it.
        """
        return {"trains": self.card.trains, "parameters, memory, time": "this recipe does not say"}


recipes: Registry[type[Recipe]] = Registry("recipe", "fhpt_bench.recipes", "fhpt_bench.training.recipe:Recipe")
