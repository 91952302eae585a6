"""The recipe that trained generators share: held-out people, batches, schedule, estimate, checkpoint.

How a trained baseline plugs in. A folder `baselines/<name>/` has

- `network.py` and, if it has any, `discriminators.py` and `losses.py`: modules and functions without training;
- `hyperparameters.py`: a frozen dataclass derived from `TrainingHyperparameters`, and the presets;
- `learner.py`: a `GeneratorLearner` that makes optimisers and discriminators and defines `iterate`. How the inputs are
  made from training pairs is a `TrainableGenerator`; `WholeImageGenerator` is enough for a network that takes the
  source image and maps of both poses. `fhpt_bench.training.losses` has the common losses;
- `recipe.py`: a `GeneratorRecipe` with a card, the presets and `learner`; its `usable` may leave pairs out, and the
  training reports how many;
- `models.py`: a `CheckpointModel` with a card, `build` and `generate`;
- `weights.py`: `to_train(name, ...)`, or `shipped(...)` once it is trained;

and pyproject.toml registers the last three under one name. `baselines/patn/` is a complete example.
"""

from __future__ import annotations

import abc
import platform
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from fhpt_bench.errors import UserError
from fhpt_bench.evaluation.provenance import package_versions
from fhpt_bench.files import sha256_json
from fhpt_bench.training.checkpoint import write_checkpoint
from fhpt_bench.training.estimate import estimate_cost
from fhpt_bench.training.loop import Schedule, fit
from fhpt_bench.training.pairs import PairStream, TrainingPairs, lacks_pairs
from fhpt_bench.training.recipe import Recipe, Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fhpt_bench.benchmark import Benchmark
    from fhpt_bench.training.generator_learner import GeneratorLearner, Inputs

_FOLDS = 16  # number of folds of the training people, of which one is held out
_REPORTS = 20  # number of evaluations on held-out people and of checkpoints
_ROWS = 400  # number of rows in the log


class GeneratorRecipe(Recipe):
    """A recipe that trains a generator on the pairs of a benchmark and writes one checkpoint."""

    presets: ClassVar[Mapping[str, Any]]  # name -> hyperparameters, derived from `TrainingHyperparameters`
    multiple: ClassVar[int] = 1  # the sides of images must be multiples of it
    needs_parsing: ClassVar[bool] = False  # whether batches have parsing maps
    judged: ClassVar[int] = 64  # number of held-out pairs for evaluation

    @abc.abstractmethod
    def learner(self, hparams: Any, inputs: Inputs) -> GeneratorLearner:
        """Make the networks and their learner. Torch is seeded with the seed before.

        Args:
            hparams: the chosen preset, after `fitted`.
            inputs: batches, held-out pairs, processes, seed.
        """

    def fitted(self, hparams: Any, benchmark: Benchmark) -> Any:
        """Adapt hyperparameters to a benchmark, for networks whose shape depends on the size of the images.

        Args:
            hparams: the chosen preset.
            benchmark: the benchmark of the training.
        """
        return hparams

    def usable(self, hparams: Any, pairs: TrainingPairs, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Select the pairs that can be used for training and evaluation; default: all.

        Args:
            hparams: the chosen preset, after `fitted`.
            pairs: all training pairs.
            index: positions of pairs.

        Returns:
            The positions to keep.
        """
        return index

    def remarks(self, hparams: Any, benchmark: Benchmark) -> Mapping[str, str]:
        """Say what a user must know of the trained model on this benchmark; default: nothing.

        Args:
            hparams: the chosen preset, after `fitted`.
            benchmark: the benchmark of the training.

        Returns:
            Name -> value, shown with the results of the training and of its estimate.
        """
        return {}

    def lacks(self, benchmark: Benchmark) -> str | None:
        """Check for training pairs and what else is needed, and that the network can use images of this size."""
        if reason := super().lacks(benchmark) or lacks_pairs(benchmark):
            return reason
        if self.needs_parsing and not ((file := benchmark.training_files.get("parsing")) and file.is_file()):
            return (
                f"The benchmark {benchmark.id} has no parsing maps of its training images: name their table in its "
                "benchmark file as train_parsing."
            )
        if any(side % self.multiple for side in benchmark.image_size):
            height, width = benchmark.image_size
            return (
                f"The images of {benchmark.id} are {width} wide and {height} high, and {self.card.name} needs "
                f"multiples of {self.multiple}: crop them in its benchmark file."
            )
        return None

    def _prepare(self, task: Task) -> tuple[GeneratorLearner, Schedule, dict[str, str]]:
        """The learner, its schedule, how many pairs `usable` left out, and the remarks."""
        import torch

        from fhpt_bench.training.distributed import make_accelerator
        from fhpt_bench.training.generator_learner import Inputs

        hparams, seed = self.fitted(self.presets[task.preset], task.benchmark), task.seed
        pairs = TrainingPairs(task, _FOLDS, self.needs_parsing)
        accelerator = make_accelerator(task.device, task.mixed_precision)
        training, held = (self.usable(hparams, pairs, part) for part in (pairs.training, pairs.held_out))
        if len(pairs.training) and not len(training):
            raise UserError(
                f"{self.card.name} can use none of the {len(pairs.training):,} training pairs of {task.benchmark.id}, "
                f"because it needs {self.card.needs}: check the tables that its benchmark file names."
            )
        place = (accelerator.process_index, accelerator.num_processes)
        stream = PairStream(pairs, hparams.batch_size, seed, *place, training)
        held_out = pairs.batch(held[:: max(1, len(held) // self.judged)][: self.judged])
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            learner = self.learner(hparams, Inputs(stream, held_out, accelerator, seed))
        interval = max(1, hparams.iterations // _REPORTS)
        schedule = Schedule(
            hparams.iterations, max(1, hparams.iterations // _ROWS), judge_every=interval, checkpoint_every=interval,
            sample_every=2 * interval,
        )  # fmt: skip
        left_out = len(pairs) - len(training) - len(held)
        facts = {"pairs left out": f"{left_out:,} of {len(pairs):,}"} if left_out else {}
        return learner, schedule, {**facts, **self.remarks(hparams, task.benchmark)}

    def estimate(self, task: Task) -> Mapping[str, str]:
        """Estimate parameters, memory and time, measured on real iterations."""
        learner, schedule, facts = self._prepare(task)
        return {**facts, **estimate_cost(learner, schedule, task)}

    def train(self, task: Task) -> Mapping[str, str]:
        """Train or resume, and write `<recipe>.safetensors` for `run --checkpoint`."""
        learner, schedule, facts = self._prepare(task)
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
            write_checkpoint(file, name, learner.network, learner.hparams, card)
        losses = {key: f"{value:.4f}" for key, value in held_out.items()}
        return {"iterations": f"{done} of {schedule.units}", **facts, **losses, "checkpoint": str(file)}
