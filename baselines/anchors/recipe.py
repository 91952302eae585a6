"""The recipes of the anchors that learn from training images."""

from __future__ import annotations

import abc
import platform
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.anchors.hyperparameters import AutoencoderHyperparameters, MeanImageHyperparameters
from fhpt_bench.evaluation.provenance import package_versions
from fhpt_bench.files import sha256_json
from fhpt_bench.processes import launched
from fhpt_bench.training.checkpoint import write_checkpoint
from fhpt_bench.training.recipe import Recipe, RecipeCard, Task

if TYPE_CHECKING:
    from torch import nn

    from fhpt_bench.benchmark import Benchmark

_MOST = 4_000  # training images of the autoencoder; they stay in memory
_PART = 64  # images that are added to the mean at a time


class AnchorRecipe(Recipe):
    """Makes a network from the training images alone, without poses or pairs, in one process."""

    def lacks(self, benchmark: Benchmark) -> str | None:
        """A reason if there are no training images, or several processes."""
        if launched()[0] > 1:
            return f"The recipe {self.card.name} works in one process: start it without torchrun or accelerate launch."
        return super().lacks(benchmark)

    @abc.abstractmethod
    def learn(self, task: Task, names: list[str]) -> tuple[nn.Module, Any, dict[str, Any]]:
        """Make the network.

        Args:
            task: the training.
            names: names of the training images.

        Returns:
            The network, its hyperparameters, and what its card says of the training.
        """

    def train(self, task: Task) -> Mapping[str, str]:
        """Make the network and write `<recipe>.safetensors`."""
        name, benchmark = self.card.name, task.benchmark
        network, hparams, facts = self.learn(task, list(task.images.digests))
        card = {
            "recipe": name, "seed": task.seed, "device": task.device, **facts,
            "benchmark": {
                "id": benchmark.id, "version": benchmark.version,
                "train_sha256": sha256_json(list(task.images.digests.items())),
            },
            "versions": {"python": platform.python_version(), **package_versions(("fhpt-bench", "torch"))},
        }  # fmt: skip
        file = task.folder.path / f"{name}.safetensors"
        write_checkpoint(file, name, network, hparams, card)
        return {**{key: str(value) for key, value in facts.items()}, "checkpoint": str(file)}


class AutoencoderRecipe(AnchorRecipe):
    """Trains the autoencoder."""

    card = RecipeCard(
        "autoencoder",
        "an autoencoder with 16 numbers for each patch of 8x8 pixels",
        "the encoder and the decoder",
        "training images",
        "this project",
    )
    presets: ClassVar[Mapping[str, Any]] = {"": AutoencoderHyperparameters()}

    def learn(self, task: Task, names: list[str]) -> tuple[nn.Module, Any, dict[str, Any]]:
        """Train on the images, or on 4,000 of them, evenly chosen."""
        import torch

        from baselines.anchors.learner import AutoencoderLearner
        from fhpt_bench.training.loop import Schedule, fit

        hparams = self.presets[task.preset]
        chosen = names[:: -(-len(names) // _MOST)]
        with torch.random.fork_rng():
            torch.manual_seed(task.seed)
            learner = AutoencoderLearner(hparams, task.images.stack(chosen), task.device)
        interval = max(1, hparams.iterations // 20)
        schedule = Schedule(hparams.iterations, max(1, interval // 4), interval, interval)
        rows = fit(learner, schedule, task)
        spent = task.folder.spent()
        error = next(row["training_error"] for row in reversed(rows) if "training_error" in row)
        facts = {
            "iterations": int(spent["done"]) if spent else schedule.units,
            "seconds": spent["seconds"] if spent else None, "images": len(chosen), "training_error": error,
        }  # fmt: skip
        return learner.network, hparams, facts


class MeanImageRecipe(AnchorRecipe):
    """Computes the mean image."""

    card = RecipeCard(
        "mean-image",
        "the mean of the training images",
        "nothing: a mean is computed",
        "training images",
        "this project",
    )
    presets: ClassVar[Mapping[str, Any]] = {"": MeanImageHyperparameters()}

    def learn(self, task: Task, names: list[str]) -> tuple[nn.Module, Any, dict[str, Any]]:
        """Compute the mean of all training images, pixel by pixel."""
        import numpy as np
        import torch

        from baselines.anchors.network import MeanImageNetwork

        hparams = MeanImageHyperparameters(task.benchmark.image_size)
        total = np.zeros((*hparams.image_size, 3), np.int64)
        for start in range(0, len(names), _PART):
            total += task.images.stack(names[start : start + _PART]).sum(0, dtype=np.int64)
        network = MeanImageNetwork(hparams.image_size)
        network.mean.copy_(torch.from_numpy(total / len(names) / 127.5 - 1).permute(2, 0, 1))
        return network, hparams, {"images": len(names)}
