"""Check that a network can learn four pairs by heart: `python -m tools.reference.overfit patn`.

The losses are those without discriminators and without style; there is no augmentation.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
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
from fhpt_bench.training.pairs import PairStream, TrainingPairs
from fhpt_bench.training.recipe import Task

PAIRS = 4
EVERY = 10  # iterations between evaluations
COMMON: dict[str, Any] = {
    "batch_size": PAIRS, "learning_rate": 1e-3, "flip": False, "recolour": False, "iterations": 10_000,
    "fixed_iterations": 10_000, "half_size_iterations": 0,
}  # fmt: skip


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


LEARNERS: dict[str, Callable[..., GeneratorLearner]] = {"drn": _drn, "patn": _patn, "pg2": _pg2}


@click.command()
@click.argument("name", type=click.Choice(list(LEARNERS)))
@click.option("--error", default=0.05, show_default=True, help="Mean absolute error on [0, 1] at which it ends.")
@click.option("--minutes", default=30.0, show_default=True, help="Time limit.")
@click.option("--mixed-precision", type=click.Choice(["no", "bf16"]), default="no", show_default=True)
def main(name: str, error: float, minutes: float, mixed_precision: Precision) -> None:
    """Train until the error is small enough (exit code 0) or the time is over (1)."""
    benchmark = load_benchmark("studio")
    images = RealImages(benchmark.train_folder, benchmark.image_size, benchmark.train_image_digests())
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with tempfile.TemporaryDirectory() as folder:
        task = Task(benchmark, images, 0, TrainingFolder(Path(folder), {"overfit": PAIRS}), device, False)
        pairs = TrainingPairs(task)
    # One pair of each of four people, spread over the list.
    index = np.linspace(0, len(pairs) - 1, PAIRS).astype(np.int64)
    batch = pairs.batch(index)
    median = batch.target.float().flatten(2).median(2).values[..., None, None]
    constant = float((batch.target - median).abs().mean()) / 255
    click.echo(f"the best colour for each whole image has a mean absolute error of {constant:.4f}")
    torch.manual_seed(0)
    stream = PairStream(pairs, PAIRS, 0, index=index)
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
