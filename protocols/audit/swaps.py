"""Target images of `studio` that were rendered again with one thing taken from another person (docs/studio.md)."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from fhpt_bench.benchmark import Benchmark
from fhpt_bench.benchmarks import STUDIO_SWAPS
from fhpt_bench.reading import sha256_file

Table = Mapping[tuple[str, str], tuple[Path, str]]


@cache
def read_swaps(folder: Path = STUDIO_SWAPS) -> Table:
    """(kind, name of the target image) -> the rendered image, and the sha256 of the target's file."""
    with (folder / "swaps.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return MappingProxyType(
        {(row["kind"], row["target"]): (folder / row["image"], row["target_sha256"]) for row in rows}
    )


def swaps_of(benchmark: Benchmark, kind: str) -> dict[str, Path]:
    """The rendered images that there are for a benchmark's targets.

    Only a target whose file is the one that was rendered again has one: other benchmarks use the same file names.

    Args:
        benchmark: the benchmark; targets that are in the table are read.
        kind: what was changed.

    Returns:
        Name of the target image -> file of the rendered one.
    """
    found = {}
    for target in {pair.target for pair in benchmark.pairs}:
        image, digest = read_swaps().get((kind, target), (None, ""))
        if image is not None and sha256_file(benchmark.folder / target) == digest:
            found[target] = image
    return found


def missing_swaps(benchmark: Benchmark, kind: str) -> str | None:
    """Why a kind of swap cannot be done on a benchmark; None if every target image has one."""
    wanted, found = len({pair.target for pair in benchmark.pairs}), len(swaps_of(benchmark, kind))
    if found == wanted:
        return None
    if not found:
        return f"none of the {wanted} target images was rendered again with it (docs/studio.md says which were)"
    return f"only {found} of the {wanted} target images were rendered again with it: choose a smaller --limit"
