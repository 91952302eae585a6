"""One training from its name to its files; every mistake is found before torch is imported."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fhpt_bench.benchmark import Benchmark, load_benchmark
from fhpt_bench.data.real_images import RealImages
from fhpt_bench.errors import UserError, did_you_mean
from fhpt_bench.files import sha256_file, sha256_json
from fhpt_bench.processes import launched
from fhpt_bench.registry import code_digest
from fhpt_bench.training.distributed import Precision
from fhpt_bench.training.folder import TrainingFolder
from fhpt_bench.training.recipe import Recipe, Task, recipes

TRAINED = "trained"


def train(
    recipe: str,
    benchmark: str = "studio",
    *,
    preset: str | None = None,
    data_root: str | Path | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    device: str | None = None,
    mixed_precision: Precision | None = None,
    time_budget: float | None = None,
    dry_run: bool = False,
    progress: bool = False,
) -> Mapping[str, str]:
    """Train what a recipe trains on a benchmark's training split.

    What is finished is saved as it comes: the same call goes on where a stopped one ended. Under `torchrun` or
    `accelerate launch` each process calls it, and the main one writes.

    Args:
        recipe: registered name, or `path/to/file.py:Class`.
        benchmark: registered name, or the path of a TOML file.
        preset: which of the recipe's presets; default: its first.
        data_root: where the benchmark's data lies, if it does not ship with the package.
        seed: of all that is drawn, 0 or more.
        out: the folder to write; `trained/<benchmark>/<recipe>` (and `-<preset>`) if not given.
        device: "cpu" or "cuda"; what is there, if not given.
        mixed_precision: "no" or "bf16"; what the settings say, if not given, or else bf16 on a GPU that has it.
        time_budget: stop after so many seconds, with a checkpoint.
        dry_run: only say what would be done; nothing is written.
        progress: show bars on standard error.

    Returns:
        What the recipe has to say of the outcome: name -> value.

    Raises:
        UserError: where an input cannot be used; the message says which and what to do.
    """
    recipes.find(recipe)
    if seed < 0:
        raise UserError(f"--seed {seed} is negative: give 0 or more.")
    if time_budget is not None and time_budget <= 0:
        raise UserError(f"--time-budget {time_budget:g} leaves no time: give a positive one.")
    loaded = load_benchmark(benchmark, Path(data_root) if data_root is not None else None)
    plugin = recipes.load(recipe)
    chosen = _chosen(plugin, preset)
    made = plugin()
    if reason := made.lacks(loaded):
        raise UserError(reason)
    digests = loaded.train_image_digests()
    identity = _identity(plugin, chosen, loaded, digests, seed)
    default = Path(TRAINED) / loaded.id / "-".join(filter(None, (plugin.card.name, chosen)))
    folder = TrainingFolder(Path(out or default), identity, dry_run)
    images = RealImages(loaded.train_folder, loaded.image_size, digests)
    where = _device(device)
    precision = _precision(mixed_precision, plugin.presets[chosen], where)
    count, rank = launched()
    task = Task(loaded, images, seed, folder, where, progress and rank == 0, chosen, precision, time_budget)
    if dry_run:
        spent = folder.spent()
        done = f" ({spent['done']:g} of {spent['of']:g} done)" if spent else ""
        return {
            "recipe": " ".join(filter(None, (plugin.card.name, chosen))), "folder": f"{folder.path}{done}",
            "benchmark": f"{loaded.id} {loaded.version}, {len(digests)} training images", "device": where,
            "mixed precision": precision, "processes": str(count), **made.estimate(task),
        }  # fmt: skip
    facts = made.train(task)
    if (spent := folder.spent()) and spent["done"] < spent["of"]:
        stopped = f"after {spent['done']:g} of {spent['of']:g}; the same command goes on from here"
        return {**facts, "stopped": stopped}
    return facts


def _chosen(plugin: type[Recipe], preset: str | None) -> str:
    name, known = plugin.card.name, list(plugin.presets)
    if preset is None:
        return known[0]
    if preset not in known:
        hint = f"leave --preset out for {name}." if known == [""] else did_you_mean(preset, known)
        raise UserError(f"The recipe {name} has no preset {preset!r}: {hint}")
    return preset


def _identity(
    plugin: type[Recipe], chosen: str, loaded: Benchmark, digests: Mapping[str, str], seed: int
) -> dict[str, Any]:
    content = plugin.presets[chosen]
    if dataclasses.is_dataclass(content) and not isinstance(content, type):
        content = dataclasses.asdict(content)
    return {
        "recipe": plugin.card.name, "preset": chosen, "code": code_digest(plugin), "seed": seed,
        "content": content, "benchmark": loaded.id, "version": loaded.version,
        "train_sha256": sha256_json(list(digests.items())),
        "tables": {what: sha256_file(file) for what, file in loaded.training_files.items() if file.is_file()},
    }  # fmt: skip


def _device(device: str | None) -> str:
    import torch

    if device is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: torch sees no GPU here; give --device cpu.")
    return device


def _precision(asked: Precision | None, settings: Any, device: str) -> Precision:
    import torch

    said: Precision | None = asked or getattr(settings, "mixed_precision", None)
    if said not in (None, "no", "bf16"):
        raise UserError(f"The mixed precision {said!r} is not supported: give no or bf16.")
    if said is not None:
        return said
    return "bf16" if device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False) else "no"
