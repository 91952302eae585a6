"""Measure how cost and memory grow with the pairs, and fill docs/scale.md: `python -m tools.speed.scale --write`.

Runs of simulated pairs (tools/speed/simulation.py) show the growth. The rates from which the cost of a large evaluation
is computed (tools/speed/extrapolation.py) are the stages of a record, and a short run of its model gives the sizes of
files. What was measured is kept in the file of `--results`, and not measured again while that exists; the record is
read each time.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.evaluation.plan import load_protocols
from fhpt_bench.feature import MapFeature, VectorFeature
from fhpt_bench.records.schema import read_record
from leaderboards.measured import REFERENCE
from protocols.perceptual.frechet import frechet_distance
from tools.docs.pages import fill
from tools.faults.report import cpu
from tools.speed.extrapolation import growth_table, hours_table, memory_table, rates_line, store_table
from tools.speed.simulation import build, watch

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "scale.md"
COUNTS = (10_000, 30_000, 100_000)
MODEL, LIMIT = "drn", 32
RECORD = REFERENCE / "studio" / MODEL
_DIMENSIONS, _SETS = 2048, (2500, 5000)


def simulate(folder: Path, counts: list[int]) -> dict[str, Any]:
    """Number of pairs -> the run, as `Watched` describes it."""
    found = {}
    for count in counts:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            build(Path(place) / "data", count)
            found[str(count)] = dataclasses.asdict(watch(Path(place) / "data"))
        click.echo(f"{count} pairs: {found[str(count)]}")
    return found


def rates(record: Path) -> dict[str, Any]:
    """What a record says of its stages: where it was made, and seconds and images of each.

    Which networks also compute vectors of the benchmark's own images, and which maps of its targets, is asked of the
    protocols: a record counts only images that were computed, not those whose vectors were in the cache.
    """
    found = read_record(record)
    benchmark = load_benchmark(found.benchmark.id)
    made = load_protocols(tuple((card.id, card.variant) for card in found.protocols))
    features = {name: protocol.feature_class(name) for protocol in made for name in protocol.features}
    own = {name for protocol in made if protocol.view is None for name in protocol.features_of_real(benchmark)}
    about, place = found.provenance, record.resolve()
    return {
        "record": str(place.relative_to(ROOT) if place.is_relative_to(ROOT) else place),
        "made": f"{about.created[:10]}, {about.platform}, {about.device}",
        "threads": about.threads,
        "pairs": found.benchmark.n_pairs,
        "vectors": sorted(name for name in own if issubclass(features[name], VectorFeature)),
        "maps": sorted(name for name, kind in features.items() if issubclass(kind, MapFeature)),
        "stages": {stage.name: [stage.seconds, stage.images] for stage in found.stages},
    }


def sizes(folder: Path) -> dict[str, Any]:
    """The sizes of what a short run under all protocols writes: bytes of an image, of each vector, and per pair."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        out, cache = Path(place) / "run", Path(place) / "cache"
        command = [sys.executable, "-m", "fhpt_bench", "run", "-m", MODEL, "--limit", str(LIMIT), "--processes", "1",
                   "--device", "cpu", "-o", str(out)]  # fmt: skip
        own = {"OMP_NUM_THREADS": "1", "FHPT_CACHE_DIR": str(cache), "FHPT_WEIGHTS_DIR": str(_weights())}
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, **own})
        return {
            "image": _mean(out / "images", "*.png"),
            "vectors": {kind.name: _mean(kind, "*/*.npy") for kind in sorted((cache / "vectors").iterdir())},
            "progress": sum(file.stat().st_size for file in (out / "progress").iterdir()) / LIMIT,
        }


def _weights() -> Path:
    from fhpt_bench.files import cache_folder

    return Path(os.environ.get("FHPT_WEIGHTS_DIR") or cache_folder() / "weights")


def _mean(folder: Path, pattern: str) -> float:
    return float(np.mean([file.stat().st_size for file in folder.glob(pattern)]))


def single_costs(folder: Path) -> dict[str, float]:
    """Seconds to decode an image, to write a file, and of a Fréchet distance: fixed part, and part of each image."""
    benchmark = load_benchmark("studio")
    decode = _seconds(benchmark.image_digests) / len(benchmark.images)
    begin = time.perf_counter()
    for number in range(200):
        with (folder / f"written-{number}").open("wb") as file:
            file.write(bytes(5000))
            os.fsync(file.fileno())
    write = (time.perf_counter() - begin) / 200
    for number in range(200):
        (folder / f"written-{number}").unlink()
    rng, seconds = np.random.default_rng(0), []
    for size in _SETS:
        a, b = rng.normal(size=(2, size, _DIMENSIONS)).astype(np.float32)
        seconds.append(_seconds(lambda a=a, b=b: frechet_distance(a, b)))  # type: ignore[misc]
    each = max(0.0, seconds[1] - seconds[0]) / (_SETS[1] - _SETS[0])
    return {"decode": decode, "write": write, "frechet": max(0.0, seconds[0] - each * _SETS[0]), "frechet each": each}


def _seconds(work: Callable[[], object]) -> float:
    """Processor time."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def main() -> None:
    """Measure what is not in the file of results, print the tables, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("scale.json"), help="kept measurements (%(default)s)")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="for temporary files")
    parser.add_argument("--record", type=Path, default=RECORD, help="folder of the record that has the rates")
    parser.add_argument("--counts", type=int, nargs="+", default=list(COUNTS), help="simulated pairs")
    parser.add_argument("--busy", action="store_true", help="say that other programs ran at the same time")
    parser.add_argument("--write", action="store_true", help="fill docs/scale.md")
    given = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":
        raise SystemExit("set OMP_NUM_THREADS=1: the rates are those of one thread")
    found: dict[str, Any] = json.loads(given.results.read_text()) if given.results.is_file() else {}
    parts: dict[str, Callable[[], object]] = {
        "simulated": lambda: simulate(given.folder, given.counts),
        "rates": lambda: rates(given.record),
        "sizes": lambda: sizes(given.folder),
        "single": lambda: single_costs(given.folder),
        "made": lambda: (
            f"Made by `python -m tools.speed.scale --write` on {datetime.datetime.now(datetime.UTC):%Y-%m-%d}, on one "
            f"of {cpu()} ({platform.system()}, Python {platform.python_version()})"
            + (", while other programs used the same cores." if given.busy else ".")
        ),
    }
    for name, measure in parts.items():
        if name not in found or name == "rates":  # always those of the record that is there now
            found[name] = measure()
            given.results.write_text(json.dumps(found, indent=1))
    made = {"growth": growth_table, "store": store_table, "memory": memory_table, "hours": hours_table}
    blocks = {name: f"{make(found)}\n\n{found['made']}" for name, make in made.items()}
    blocks["hours"] += f" {rates_line(found)}"
    for text in blocks.values():
        click.echo(f"{text}\n")
    if given.write:
        PAGE.write_text(fill(PAGE.read_text(encoding="utf-8"), blocks), encoding="utf-8")


if __name__ == "__main__":
    main()
