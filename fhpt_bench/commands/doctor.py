"""`fhpt-bench doctor`: what is installed, which weights are available, and what a run would use."""

from __future__ import annotations

from pathlib import Path

import click

# Import name of each package that needs more than its wheel (system libraries, binaries).
_NATIVE = {"dlib-bin": "dlib", "faiss-cpu": "faiss", "mediapipe": "cv2"}


@click.command()
def doctor() -> None:
    """Show what is installed and what is missing.

    Packages, weights, device, threads, folders and plugins.
    """
    from fhpt_bench.reporting.listing import print_card

    for title, facts in diagnose().items():
        print_card(title, facts)


def diagnose() -> dict[str, dict[str, str]]:
    """What this installation can do.

    Returns:
        Heading -> name -> fact.
    """
    import os
    import platform

    import torch

    from fhpt_bench import weights
    from fhpt_bench.benchmark import benchmarks
    from fhpt_bench.evaluation.provenance import dependencies, git_commit, package_versions
    from fhpt_bench.feature import features, supplied_features
    from fhpt_bench.files import cache_folder
    from fhpt_bench.model import models
    from fhpt_bench.protocol import protocols
    from fhpt_bench.training.recipe import recipes
    from fhpt_bench.version import VERSION

    cuda = torch.cuda.is_available()
    versions = package_versions(dependencies())
    for package, module in _NATIVE.items():
        if versions.get(package, "missing") != "missing":
            versions[package] += _import_error(module)
    registries = (models, protocols, features, supplied_features, benchmarks, recipes, weights.added)
    own = [(registry.kind, found) for registry in registries for found in registry.listed()]
    plugins = {f"{kind} {found.entry.name}": found.broken for kind, found in own if found.broken}
    loaded = sum(found.plugin is not None for _, found in own)
    plugins["of fhpt-bench"] = f"{loaded} load"
    plugins |= {
        f"{kind} {found.entry.name}": f"not loaded, from {found.entry.origin}"
        for kind, found in own
        if not found.entry.own
    }
    return {
        "fhpt-bench": {
            "version": VERSION,
            "commit": git_commit() or "not a git checkout",
            "python": platform.python_version() + ("" if platform.python_version_tuple()[1] == "11" else " (untested)"),
            "device": torch.cuda.get_device_name() if cuda else "cpu: torch finds no GPU",
            "threads": f"{torch.get_num_threads()} of {os.cpu_count()} cores",
            "cache folder": _describe_cache(cache_folder()),
            "FHPT_WEIGHTS_DIR": os.environ.get("FHPT_WEIGHTS_DIR", "not set"),
        },
        "packages": versions,
        "weights": {
            name: "available"
            if weights.available(name)
            else f"missing: `fhpt-bench {'weights fetch' if spec.sources else 'train'} {name}`"
            for name, spec in weights.specs().items()
        },
        "plugins": plugins,
    }


def _describe_cache(folder: Path) -> str:
    from fhpt_bench.files import others_can_write

    for place in (folder, folder / "vectors", folder / "weights", folder / "key"):
        if others_can_write(place):
            return f"{folder}: WARNING: others can change {place}, and with it your scores: run `chmod go-w {place}`"
    return str(folder)


def _import_error(module: str) -> str:
    import importlib

    try:
        importlib.import_module(module)
    except ImportError as error:
        return f" but it cannot be imported: {error} (Debian: apt-get install libgl1 libglib2.0-0)"
    return ""
