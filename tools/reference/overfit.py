"""Check that a network can learn four pairs by heart: `python -m tools.reference.overfit patn`.

The losses are those without discriminators (except DSC's) and without style; there is no augmentation. VUNet, which
learns to reconstruct single images, has the four targets as its sources.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.real_images import RealImages
from fhpt_bench.training.distributed import Precision, make_accelerator
from fhpt_bench.training.folder import TrainingFolder
from fhpt_bench.training.generator_learner import GeneratorLearner, Inputs
from fhpt_bench.training.loop import seed_unit
from fhpt_bench.training.pairs import PairStream, TrainingBatch, TrainingPairs
from fhpt_bench.training.recipe import Task

PAIRS = 4
EVERY = 10  # iterations between evaluations
COMMON: dict[str, Any] = {
    "batch_size": PAIRS, "learning_rate": 1e-3, "flip": False, "recolour": False, "iterations": 10_000,
    "fixed_iterations": 10_000, "half_size_iterations": 0,
}  # fmt: skip


@dataclass
class Shrunk:
    """A stream of smaller batches.

    Args:
        stream: the stream of whole batches.
        shrink: how many pixels of height and of width become one.
    """

    stream: PairStream
    shrink: int

    @property
    def position(self) -> int:
        """The number of batches so far."""
        return self.stream.position

    def next_batch(self) -> TrainingBatch:
        """The next batch, made smaller."""
        return smaller(self.stream.next_batch(), self.shrink)


def smaller(batch: TrainingBatch, shrink: int) -> TrainingBatch:
    """Make the images of a batch smaller: means of squares of pixels; points move along.

    Args:
        batch: B pairs with parsing maps.
        shrink: side of the squares; height and width are multiples of it.
    """

    def image(whole: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(whole.float(), shrink).round().byte()

    def labels(whole: torch.Tensor | None) -> torch.Tensor | None:
        return None if whole is None else whole[:, ::shrink, ::shrink]

    return TrainingBatch(
        image(batch.source), image(batch.target), batch.source_pose / shrink, batch.target_pose / shrink,
        batch.source_face / shrink, batch.target_face / shrink, batch.index,
        labels(batch.source_parsing), labels(batch.target_parsing),
    )  # fmt: skip


def _drn(inputs: Inputs) -> GeneratorLearner:
    from drn.hyperparameters import SMALL
    from drn.learner import AdversarialLearner
    from drn.network import DetailReplenishingNetwork
    from drn.views import DRNGenerator

    hparams = replace(SMALL, **COMMON, discriminator_steps=0)
    generator = DRNGenerator(DetailReplenishingNetwork(hparams))
    return AdversarialLearner(generator, hparams, inputs, alternate=True, adversarial=False)


def _patn(inputs: Inputs) -> GeneratorLearner:
    from baselines.patn.hyperparameters import SMALL
    from baselines.patn.learner import PATNLearner

    hparams = replace(SMALL, **COMMON)
    return PATNLearner(hparams, inputs, adversarial=False)


def _pg2(inputs: Inputs) -> GeneratorLearner:
    from baselines.pg2.hyperparameters import SMALL
    from baselines.pg2.learner import PG2Learner

    hparams = replace(SMALL, **COMMON, coarse_iterations=300)
    return PG2Learner(hparams, inputs, adversarial=False)


def _dsc(inputs: Inputs) -> GeneratorLearner:
    from baselines.dsc.hyperparameters import SMALL
    from baselines.dsc.learner import DSCLearner

    # With its discriminator: the nearest-neighbour loss alone hardly sees how bright an image is.
    return DSCLearner(replace(SMALL, **{**COMMON, "learning_rate": 2e-4}, dropout=0.0), inputs)


def _vunet(inputs: Inputs) -> GeneratorLearner:
    from baselines.vunet.hyperparameters import SMALL, canvas_side
    from baselines.vunet.learner import VUNetLearner

    held_out = inputs.held_out
    levels = next(n for n in range(2, 9) if canvas_side(n) >= held_out.target.shape[2])
    itself = replace(held_out, source=held_out.target, source_pose=held_out.target_pose)
    hparams = replace(SMALL, **COMMON, dropout=0.0, levels=levels, initial_batches=1)
    return VUNetLearner(hparams, replace(inputs, held_out=itself))


def _spt(inputs: Inputs) -> GeneratorLearner:
    from baselines.spt.hyperparameters import SMALL
    from baselines.spt.learner import SPTLearner

    stages: dict[str, Any] = {"detector_iterations": 0, "semantic_iterations": 50}
    stages |= {"coarse_iterations": 0, "fade_iterations": 1}
    loss = replace(SMALL.loss, pose=0.0, style=0.0)
    return SPTLearner(replace(SMALL, **COMMON, **stages, dropout=0.0, loss=loss), inputs, adversarial=False)


LEARNERS: dict[str, Callable[[Inputs], GeneratorLearner]] = {
    "drn": _drn, "dsc": _dsc, "patn": _patn, "pg2": _pg2, "spt": _spt, "vunet": _vunet
}  # fmt: skip


@click.command()
@click.argument("name", type=click.Choice(list(LEARNERS)))
@click.option("--error", default=0.05, show_default=True, help="Mean absolute error on [0, 1] at which it ends.")
@click.option("--minutes", default=30.0, show_default=True, help="Time limit.")
@click.option("--shrink", type=click.Choice([1, 2, 4]), default=1, show_default=True,
              help="How many pixels of height and of width become one. Not for pg2.")  # fmt: skip
@click.option("--mixed-precision", type=click.Choice(["no", "bf16"]), default="no", show_default=True)
def main(name: str, error: float, minutes: float, shrink: int, mixed_precision: Precision) -> None:
    """Train until the error is small enough (exit code 0) or the time is over (1)."""
    benchmark = load_benchmark("studio")
    images = RealImages(benchmark.train_folder, benchmark.image_size, benchmark.train_image_digests())
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with tempfile.TemporaryDirectory() as folder:
        task = Task(benchmark, images, 0, TrainingFolder(Path(folder), {"overfit": PAIRS}), device, False)
        pairs = TrainingPairs(task, parsing=True)
    # One pair of each of four people, spread over the list.
    index = np.linspace(0, len(pairs) - 1, PAIRS).astype(np.int64)
    batch = smaller(pairs.batch(index), shrink)
    median = batch.target.float().flatten(2).median(2).values[..., None, None]
    constant = float((batch.target - median).abs().mean()) / 255
    click.echo(f"the best colour for each whole image has a mean absolute error of {constant:.4f}")
    torch.manual_seed(0)
    stream: Any = Shrunk(PairStream(pairs, PAIRS, 0, index=index), shrink)
    learner = LEARNERS[name](Inputs(stream, batch, make_accelerator(device, mixed_precision), 0))
    start, number = time.monotonic(), 0
    while time.monotonic() - start < minutes * 60:
        for _ in range(EVERY):
            number += 1
            seed_unit(0, number, 0)
            learner.advance(number)
        # Images are in [-1, 1], a range twice as wide as [0, 1].
        found = learner.judge()["held_out_final_reconstruction"] / 2
        spent = (time.monotonic() - start) / 60
        click.echo(f"{spent:5.1f} min  {number:5d} iterations  mean absolute error {found:.4f}")
        if found < error:
            return
    sys.exit(1)


if __name__ == "__main__":
    main()
