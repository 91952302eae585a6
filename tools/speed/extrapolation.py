"""What an evaluation of many pairs and models costs, computed from measured rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.docs.pages import table

PAIRS, MODELS = 1_000_000, 500
PER_IMAGE = 8570 / 3144  # pairs for each image of the benchmark, as in DeepFashion's test list
IMAGES = round(PAIRS / PER_IMAGE)
DISTANCES = 22  # Fréchet distances for a value and its interval: 20 blocks, the whole set twice
SHARDS = 100
_SCORES = "scores, as far as their cost is linear"

Found = Mapping[str, Any]


def growth_table(found: Found) -> str:
    """The simulated runs."""
    rows = []
    for count, run in found["simulated"].items():
        pairs, seconds, memory = int(count), run["seconds"], run["memory"]
        whole = sum(seconds.values())
        rows.append([
            f"{pairs:,}", f"{whole:,.0f} s", *(f"{1000 * seconds[phase] / pairs:.2f} ms" for phase in seconds),
            f"{10_000 * run['first'] / pairs:.2f} ms, {10_000 * run['last'] / pairs:.2f} ms",
            *(f"{memory[phase] / 2**20:,.0f} MiB" for phase in memory),
            f"{run['bytes'] / pairs / 1000:.1f} kB, {run['files'] / pairs:.2f}",
        ])  # fmt: skip
    return table(
        ["pairs", "processor time", "start, per pair", "pass, per pair", "scores, per pair",
         "first and last tenth of the pass, per pair", "memory: start", "pass", "scores", "bytes and files per pair"],
        rows,
    )  # fmt: skip


def store_table(found: Found) -> str:
    """What one model and all models leave on the disk."""
    sizes = found["sizes"]
    parts = {
        "generated images": (sizes["image"], 1.0, MODELS * PAIRS),
        "finished work (`progress/`)": (sizes["progress"], 0.0, MODELS * PAIRS),
        **{f"vectors `{name}`": (size, 1.0, MODELS * PAIRS + IMAGES) for name, size in sizes["vectors"].items()},
    }
    rows, whole, files = [], 0.0, 0.0
    for name, (size, each, count) in parts.items():
        whole, files = whole + size * count, files + each * count
        rows.append([name, f"{size / 1000:.1f} kB", f"{size * PAIRS / 1e9:,.1f} GB", f"{size * count / 1e12:,.1f} TB",
                     f"{each * count / 1e6:,.0f} million"])  # fmt: skip
    rows.append(["all", "", "", f"{whole / 1e12:,.1f} TB", f"{files / 1e6:,.0f} million"])
    return table(["what", "per image", "one model", f"{MODELS} models", "files"], rows)


def memory_table(found: Found) -> str:
    """What a process needs, extrapolated from the smallest and the largest simulated run."""
    runs = {int(count): run for count, run in found["simulated"].items()}
    few, many = min(runs), max(runs)
    rows, whole = [], 0.0  # bytes per pair of the benchmark, which every job reads
    for phase in runs[few]["memory"]:
        low, high = runs[few]["memory"][phase], runs[many]["memory"][phase]
        each = (high - low) / (many - few)
        base, whole = low - each * few, whole or each
        job = base + (whole + (each - whole) / SHARDS) * PAIRS
        rows.append([
            phase, f"{base / 2**20:,.0f} MiB", f"{each / 1000:.1f} kB", f"{(base + each * PAIRS) / 2**30:.1f} GiB",
            f"{job / 2**30:.1f} GiB" if phase != "scores" else "in `merge` only",
        ])  # fmt: skip
    # Two sets of float32 vectors, and four float64 copies of both.
    distance = (PAIRS + IMAGES) * 2048 * (4 + 4 * 8)
    rows.append(["a Fréchet distance of 2,048 features", "", f"{2048 * 36 / 1000:.0f} kB per image",
                 f"{distance / 2**30:,.0f} GiB", "in `merge` only"])  # fmt: skip
    kernel = (PAIRS**2 + PAIRS * IMAGES + IMAGES**2) * 8
    rows.append(["a kernel distance, precision and recall", "", "grows with the square", f"{kernel / 1e12:,.0f} TB",
                 "in `merge` only"])  # fmt: skip
    return table(["phase", "fixed", "per pair", f"{PAIRS:,} pairs", f"one of {SHARDS} shards"], rows)


def rates_line(found: Found) -> str:
    """Where the rates of the hours come from."""
    rates = found["rates"]
    count = "one thread" if rates["threads"] == 1 else f"{rates['threads']} threads"
    return (
        f"Rates: the stages of the record in `{rates['record']}` ({rates['made']}; a record does not name its model of "
        f"CPU), measured with {count}: an hour of a stage is one hour of them."
    )


def hours_table(found: Found) -> str:
    """Hours by stage. Vectors of the benchmark's own images are computed once, maps of its targets and everything of
    generated images for each model.
    """
    single, rates = found["single"], found["rates"]
    pairs = rates["pairs"]
    hours: dict[str, tuple[float, float]] = {}  # stage -> seconds once, and per model
    for name, (seconds, images) in rates["stages"].items():
        if images:
            each = seconds / images
            own = IMAGES if name in rates["vectors"] else 0
            hours[name] = (each * own, each * (PAIRS + (IMAGES if name in rates["maps"] else 0)))
        elif name.startswith("score "):
            hours[_SCORES] = (
                0.0,
                hours.get(_SCORES, (0.0, 0.0))[1] + seconds / pairs * PAIRS,
            )
    largest = max(found["simulated"], key=int)
    host = sum(found["simulated"][largest]["seconds"].values()) / int(largest)
    hours["host: everything but networks"] = (0.0, host * PAIRS)
    hours["decode the benchmark's images, each job"] = (0.0, single["decode"] * IMAGES)
    hours["wait for the disk (fsync of each generated image)"] = (0.0, single["write"] * PAIRS)
    hours["a Fréchet distance with its interval"] = (
        0.0, DISTANCES * (single["frechet"] + single["frechet each"] * (PAIRS + IMAGES) / 2))  # fmt: skip
    rows = []
    for name, (once, model) in sorted(hours.items(), key=lambda item: -sum(item[1])):
        rows.append([f"`{name}`" if name in rates["stages"] else name, f"{once / 3600:,.1f}", f"{model / 3600:,.1f}",
                     f"{(once + MODELS * model) / 3600:,.0f}"])  # fmt: skip
    whole = [sum(column) for column in zip(*hours.values(), strict=True)]
    rows.append(["all", f"{whole[0] / 3600:,.1f}", f"{whole[1] / 3600:,.1f}",
                 f"{(whole[0] + MODELS * whole[1]) / 3600:,.0f}"])  # fmt: skip
    return table(["stage", "hours, once", "hours, one model", f"hours, {MODELS} models"], rows)
