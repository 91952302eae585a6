"""One side of a comparison: paints pairs, trains or multiplies, one step for each line that it reads.

It is started with the code of one revision on its path, and uses only what old revisions have too. Each answer is a
line of JSON: the seconds of CPU and of the clock, the page faults, and the result (a file of images, or the losses).
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from drn.recipe import DRNRecipe
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.real_images import RealImages, quantise
from fhpt_bench.evaluation.pair_batch import pair_batch
from fhpt_bench.model import models
from fhpt_bench.networks.convolutions import exact_float32
from fhpt_bench.training.folder import TrainingFolder
from fhpt_bench.training.loop import seed_unit
from fhpt_bench.training.recipe import Task

PAIRS = 4  # painted in a step
_PRODUCTS = 20_000_000_000  # multiplications of a step that multiplies
Step = Callable[[int], Callable[[], Any]]  # number of a step -> the step itself, with its inputs prepared


def painting(name: str, folder: Path) -> Step:
    """Steps that paint pairs of studio with a model; its images are written to the folder."""
    benchmark = load_benchmark("studio")
    real = RealImages(benchmark.folder, benchmark.image_size, benchmark.image_digests())
    kind = models.load(name)
    model = kind()

    def prepare(number: int) -> Callable[[], Any]:
        first = PAIRS * number % (len(benchmark.pairs) - PAIRS)
        pairs = benchmark.pairs[first : first + PAIRS]
        batch = pair_batch(benchmark, real, pairs, kind.card.conditioning)

        def paint() -> str:
            with exact_float32("cpu"):
                images = quantise(model.generate(batch))
            file = folder / f"{number}.npy"
            np.save(file, images)
            return str(file)

        return paint

    return prepare


def training(preset: str, folder: Path) -> Step:
    """Steps that are iterations of drn's training on studio, at the full size of the images."""
    found: list[Any] = []

    class Prepared(DRNRecipe):
        def estimate(self, task: Task) -> Mapping[str, str]:
            found.append(self._prepare(task)[0])
            return {}

    benchmark = load_benchmark("studio")
    images = RealImages(benchmark.train_folder, benchmark.image_size, benchmark.train_image_digests())
    Prepared().estimate(Task(benchmark, images, 0, TrainingFolder(folder, {}, True, []), "cpu", False, preset, "no"))
    first = found[0].phases[-1]

    def prepare(number: int) -> Callable[[], Any]:
        def advance() -> dict[str, float]:
            seed_unit(0, first + number, 0)
            return {name: float(value) for name, value in found[0].advance(first + number).items()}

        return advance

    return prepare


def multiplying(side: str, folder: Path) -> Step:
    """Steps that multiply square matrices: with sides up to 128, three of them stay in a core's own cache."""
    first, second, result = (torch.rand(int(side), int(side)) for _ in range(3))

    def multiply() -> None:
        for _ in range(_PRODUCTS // int(side) ** 3):
            torch.mm(first, second, out=result)

    return lambda number: multiply


def main() -> None:
    """Answer each line of the standard input, which is the number of a step."""
    job, name = sys.argv[1:]
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        prepare = {"painting": painting, "training": training, "multiplying": multiplying}[job](name, Path(folder))
        for line in sys.stdin:
            step = prepare(int(line))
            faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            wall, cpu = time.perf_counter(), time.process_time()
            result = step()
            answer = {
                "cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall,
                "faults": resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults, "result": result,
            }  # fmt: skip
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
