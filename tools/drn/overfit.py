"""Check that the network can overfit four pairs with L_1 only: `python -m tools.drn.overfit`.

L_1 is eq. 5: reconstruction and perceptual terms; no style, no discriminators. There is no augmentation.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from drn.hyperparameters import SMALL
from drn.learner import AdversarialLearner
from drn.network import DetailReplenishingNetwork
from drn.views import DRNGenerator
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.real_images import RealImages
from fhpt_bench.training.distributed import make_accelerator
from fhpt_bench.training.folder import TrainingFolder
from fhpt_bench.training.loop import seed_unit
from fhpt_bench.training.pairs import PairStream, TrainingPairs
from fhpt_bench.training.recipe import Task

WANTED = 0.03  # mean absolute error on [0, 1]
MINUTES = 30
EVERY = 10  # iterations between evaluations
HPARAMS = replace(
    SMALL, batch_size=4, discriminator_steps=0, learning_rate=1e-3, recolour=False, flip=False, half_size_iterations=0,
    iterations=10_000, fixed_iterations=10_000,
)  # fmt: skip


def main() -> int:
    """Train until the error is small enough or the time limit is reached; return the exit code."""
    benchmark = load_benchmark("studio")
    images = RealImages(benchmark.train_folder, benchmark.image_size, benchmark.train_image_digests())
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with tempfile.TemporaryDirectory() as folder:
        pairs = TrainingPairs(Task(benchmark, images, 0, TrainingFolder(Path(folder), {"overfit": 4}), device, False))
    # One pair of each of four people, spread over the list.
    index = np.linspace(0, len(pairs) - 1, 4).astype(np.int64)
    torch.manual_seed(0)
    learner = AdversarialLearner(
        DRNGenerator(DetailReplenishingNetwork(HPARAMS)), HPARAMS, PairStream(pairs, 4, 0, index=index),
        pairs.batch(index), make_accelerator(device, "bf16"), 0, alternate=True, adversarial=False,
    )  # fmt: skip
    start, number = time.monotonic(), 0
    while time.monotonic() - start < MINUTES * 60:
        for _ in range(EVERY):
            number += 1
            seed_unit(0, number, 0)
            learner.advance(number)
        # Images are in [-1, 1], a range twice as wide as [0, 1].
        error = learner.judge()["held_out_final_reconstruction"] / 2
        minutes = (time.monotonic() - start) / 60
        sys.stdout.write(f"{minutes:5.1f} min  {number:5d} iterations  mean absolute error {error:.4f}\n")
        sys.stdout.flush()
        if error < WANTED:
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
