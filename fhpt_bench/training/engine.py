"""One training from its name to its files; every mistake is found before torch is imported."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.errors import UserError
from fhpt_bench.files import sha256_json
from fhpt_bench.registry import code_digest
from fhpt_bench.sources import RealImages
from fhpt_bench.training.folder import TrainingFolder
from fhpt_bench.training.recipe import Task, recipes

TRAINED = "trained"


def train(
    recipe: str,
    benchmark: str = "studio",
    *,
    data_root: str | Path | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    device: str | None = None,
    progress: bool = False,
) -> Mapping[str, str]:
    """Train what a recipe trains on a benchmark's training split.

    What is finished is saved as it comes: the same call goes on where a stopped one ended.

    Args:
        recipe: registered name, or `path/to/file.py:Class`.
        benchmark: registered name, or the path of a TOML file.
        data_root: where the benchmark's data lies, if it does not ship with the package.
        seed: of all that is drawn, 0 or more.
        out: the folder to write; `trained/<benchmark>/<recipe>` if not given.
        device: "cpu" or "cuda"; what is there, if not given.
        progress: show bars on standard error.

    Returns:
        What the recipe has to say of the outcome: name -> value.

    Raises:
        UserError: where an input cannot be used; the message says which and what to do.
    """
    recipes.find(recipe)
    if seed < 0:
        raise UserError(f"--seed {seed} is negative: give 0 or more.")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UserError("`train` works in one process: start it without torchrun or accelerate launch.")
    setting = load_benchmark(benchmark, Path(data_root) if data_root is not None else None)
    plugin = recipes.load(recipe)
    made = plugin()
    if reason := made.lacks(setting):
        raise UserError(reason)
    digests = setting.check_train_images()
    identity: dict[str, Any] = {
        "recipe": plugin.card.name, "code": code_digest(plugin), "seed": seed, "benchmark": setting.id,
        "version": setting.version, "train_sha256": sha256_json(list(digests.items())),
    }  # fmt: skip
    folder = TrainingFolder(Path(out or Path(TRAINED) / setting.id / plugin.card.name), identity)
    images = RealImages(setting.train_folder, setting.image_size, digests)
    return made.train(Task(setting, images, seed, folder, _device(device), progress))


def _device(device: str | None) -> str:
    import torch

    if device is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: torch sees no GPU here; give --device cpu.")
    return device
