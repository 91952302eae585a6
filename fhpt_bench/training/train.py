"""Run a training by the name of its recipe. Wrong input is found before torch is imported."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fhpt_bench import weights
from fhpt_bench.benchmark import Benchmark, load_benchmark
from fhpt_bench.data.real_images import RealImages
from fhpt_bench.devices import check_device, on_device, reuse_memory
from fhpt_bench.errors import UserError, did_you_mean
from fhpt_bench.evaluation.memory import out_of_memory
from fhpt_bench.files import sha256_json
from fhpt_bench.plugin_code import code_digest
from fhpt_bench.processes import launched
from fhpt_bench.reading import sha256_file
from fhpt_bench.training.distributed import Precision
from fhpt_bench.training.folder import TrainingFolder
from fhpt_bench.training.precision import choose_precision
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
    """Run a recipe on a benchmark's training split.

    Checkpoints are saved during training: the same call resumes a stopped training. Under `torchrun` or
    `accelerate launch` each process calls it, and the main process writes.

    Args:
        recipe: registered name, or `path/to/file.py:Class`.
        benchmark: registered name, or the path of a TOML file.
        preset: name of one of the recipe's presets; default: the first.
        data_root: folder of the benchmark's data, if it does not ship with the package.
        seed: seed of all random numbers, 0 or more.
        out: folder to write; default: `trained/<benchmark>/<recipe>`, with `-<preset>` if the recipe has presets.
        device: "cpu", "cuda", or "cuda:1" for the second GPU; default: "cuda" if a GPU is available, else "cpu".
        mixed_precision: "no" or "bf16"; default: bf16 if the preset asks for it (or, on a GPU, sets nothing) and the
            device computes with it natively.
        time_budget: seconds after which training stops with a checkpoint.
        dry_run: only estimate the cost; nothing is written.
        progress: show bars on standard error.

    Returns:
        Facts about the result, from the recipe: name -> value.

    Raises:
        WeightsMissing: if the recipe builds on weights that are missing.
        UserError: if an argument or an input cannot be used; the message names it and says what to do.
    """
    recipes.find(recipe)
    check_device(device)
    if seed < 0:
        raise UserError(f"--seed {seed} is negative: give 0 or more.")
    if time_budget is not None and time_budget <= 0:
        raise UserError(f"--time-budget {time_budget:g} leaves no time: give a positive one.")
    loaded = load_benchmark(benchmark, Path(data_root) if data_root is not None else None)
    plugin = recipes.load(recipe)
    chosen = _chosen(plugin, preset)
    instance = plugin()
    if reason := instance.lacks(loaded):
        raise UserError(reason)
    base = {name: weights.fetch(name) for name in instance.bases(chosen)}
    digests = loaded.train_image_digests()
    identity = _identity(plugin, chosen, loaded, digests, seed)
    if base:
        identity["builds_on"] = base
    default = Path(TRAINED) / loaded.id / "-".join(filter(None, (plugin.card.name, chosen)))
    if out is not None and not str(out):
        raise UserError("--out is empty: give a new folder.")
    folder = TrainingFolder(Path(out or default).expanduser(), identity, dry_run, [loaded.train_folder])
    images = RealImages(loaded.train_folder, loaded.image_size, digests)
    with on_device(device) as chosen_device:
        reuse_memory()
        wanted = getattr(plugin.presets[chosen], "mixed_precision", None)
        precision = choose_precision(mixed_precision, wanted, chosen_device)
        count, rank = launched()
        task = Task(
            loaded,
            images,
            seed,
            folder,
            chosen_device,
            progress and rank == 0,
            chosen,
            precision.precision,
            time_budget,
        )
        if dry_run:
            spent = folder.spent()
            done = f" ({spent['done']:g} of {spent['of']:g} done)" if spent else ""
            with _enough_memory(plugin, task):
                facts = instance.estimate(task)
            return {
                "recipe": " ".join(filter(None, (plugin.card.name, chosen))), "folder": f"{folder.path}{done}",
                "benchmark": f"{loaded.id} {loaded.version}, {len(digests)} training images", "device": chosen_device,
                "mixed precision": str(precision), "processes": str(count), **facts,
            }  # fmt: skip
        try:
            folder.lock()
            with _enough_memory(plugin, task):
                facts = instance.train(task)
        finally:
            folder.release()
        if (spent := folder.spent()) and spent["done"] < spent["of"]:
            stopped = f"after {spent['done']:g} of {spent['of']:g}; the same command resumes from here"
            return {**facts, "stopped": stopped}
        return facts


@contextlib.contextmanager
def _enough_memory(plugin: type[Recipe], task: Task) -> Iterator[None]:
    """Say in one sentence that the memory of the device is too small."""
    try:
        yield
    except Exception as error:
        if not out_of_memory(error):
            raise
        ways = ["share the batch among several processes with torchrun"]
        if task.device == "cuda" and task.mixed_precision == "no":
            ways.insert(0, "give --mixed-precision bf16")
        if others := [name for name in plugin.presets if name != task.preset]:
            ways.insert(0, f"give a smaller --preset ({', '.join(others)})")
        what = "GPU" if task.device == "cuda" else "CPU"
        raise UserError(
            f"The training of {plugin.card.name} does not fit into the memory of the {what}: {', or '.join(ways)}."
        ) from error


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
