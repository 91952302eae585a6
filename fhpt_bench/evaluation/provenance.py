"""Where, when and with which software a number was computed."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from fhpt_bench import weights
from fhpt_bench.data.subsets import LIMIT_SEED
from fhpt_bench.evaluation.finished import Work
from fhpt_bench.evaluation.model_images import SEED
from fhpt_bench.evaluation.plan import Step
from fhpt_bench.records.schema import Provenance, ShardPart
from fhpt_bench.statistics import SEED as BOOTSTRAP_SEED
from fhpt_bench.version import VERSION


def provenance(
    plan: Sequence[Step], stages: Mapping[str, Work], processes: int, device: str, shards: Sequence[ShardPart] = ()
) -> Provenance:
    """Describe the machine, packages, weights and seeds of this run.

    Args:
        plan: its protocols.
        stages: the work of all calls for this run, with its devices.
        processes: the number of processes that shared the work.
        device: name of the device of this call, for a run whose stages name none.
        shards: the jobs that have measured the pairs, if there were several.
    """
    import torch

    names = {w for step in plan for w in step.protocol.weights}
    names |= {w for step in plan for feature in step.features.values() for w in feature.spec.weights}
    devices = dict.fromkeys(device for work in stages.values() for device in work.devices)
    found = {name: weights.obtain(name, download=False) for name in sorted(names) if weights.digest(name)}
    return Provenance(
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        fhpt_bench=VERSION,
        git_commit=git_commit(),
        python=platform.python_version(),
        platform=platform.platform(),
        packages=package_versions([*dependencies(), *_optional(plan)]),
        device=", ".join(devices) or device,
        dtype="float32",
        threads=torch.get_num_threads(),
        processes=processes,
        seeds={"generate": SEED, "bootstrap": BOOTSTRAP_SEED, "limit": LIMIT_SEED},
        weights={name: used.digest for name, used in found.items()},
        overrides=tuple(name for name, used in found.items() if used.override),
        shards=tuple(shards),
    )


def _optional(plan: Sequence[Step]) -> list[str]:
    """The packages of an extra that compute some of the features."""
    backends = {feature.spec.backend for step in plan for feature in step.features.values()}
    return sorted(backends & {"onnxruntime"})


def dependencies() -> tuple[str, ...]:
    """The packages that fhpt-bench depends on, without those of its extras.

    Examples:
        >>> "torch" in dependencies(), "ruff" in dependencies()
        (True, False)
    """
    lines = importlib.metadata.requires("fhpt-bench") or []
    return tuple(re.split(r"[^\w.-]", line)[0] for line in lines if "extra ==" not in line)


def package_versions(names: Sequence[str]) -> dict[str, str]:
    """The installed version of each package, "missing" if it is not installed.

    Args:
        names: of packages.

    Examples:
        >>> package_versions(["no-such-package"])
        {'no-such-package': 'missing'}
    """
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "missing"
    return found


def git_commit() -> str | None:
    """The commit of the git checkout that this package runs from; None for an installed copy.

    "+changes" is added if tracked files have changed.
    """
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    try:
        # -c safe.directory: a checkout that another user owns (in a container) is only read.
        git = ["git", "-c", f"safe.directory={root}", "-C", str(root)]
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changes = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+changes" if changes.strip() else "")
