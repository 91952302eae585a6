"""What this installation can do, as facts for `fhpt-bench doctor`."""

from __future__ import annotations

import importlib
import os
import platform

import fhpt_bench
from fhpt_bench import weights
from fhpt_bench.benchmark import benchmarks
from fhpt_bench.feature import features
from fhpt_bench.files import cache_folder
from fhpt_bench.model import models
from fhpt_bench.protocol import protocols
from fhpt_bench.provenance import PACKAGES, git_commit, package_versions
from fhpt_bench.training.recipe import recipes

# Import name of each package that needs more than its wheel (system libraries, binaries).
_FRAGILE = {"dlib-bin": "dlib", "faiss-cpu": "faiss", "mediapipe": "cv2"}


def diagnose() -> dict[str, dict[str, str]]:
    """Facts by heading.

    Returns:
        Heading -> name -> fact.
    """
    import torch

    cuda = torch.cuda.is_available()
    versions = package_versions((*PACKAGES, "torchvision", "accelerate", "timm", "faiss-cpu", "dlib-bin", "mediapipe"))
    for package, module in _FRAGILE.items():
        if versions[package] != "absent":
            versions[package] += _import_trouble(module)
    registries = (models, protocols, features, benchmarks, recipes, weights.added)
    broken = {
        f"{registry.kind} {name}": reason
        for registry in registries
        for name in registry.entries()
        if (reason := registry.broken(name))
    }
    return {
        "fhpt-bench": {
            "version": fhpt_bench.__version__,
            "commit": git_commit() or "not a checkout",
            "python": platform.python_version() + ("" if platform.python_version_tuple()[1] == "11" else " (untested)"),
            "device": torch.cuda.get_device_name() if cuda else "cpu: torch sees no GPU",
            "threads": f"{torch.get_num_threads()} of {os.cpu_count()} cores",
            "cache folder": str(cache_folder()),
            "FHPT_WEIGHTS_DIR": os.environ.get("FHPT_WEIGHTS_DIR", "not set"),
        },
        "packages": versions,
        "weights": {
            name: "here"
            if weights.available(name)
            else f"absent: `fhpt-bench {'weights fetch' if spec.sources else 'train'} {name}`"
            for name, spec in weights.specs().items()
        },
        "plugins": broken or {"all": f"{sum(len(r.entries()) for r in registries)} load"},
    }


def _import_trouble(module: str) -> str:
    try:
        importlib.import_module(module)
    except ImportError as error:
        return f" but it cannot be imported: {error} (Debian: apt-get install libgl1 libglib2.0-0)"
    return ""
