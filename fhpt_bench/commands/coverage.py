"""`fhpt-bench protocols --for BENCHMARK`: which protocols can be measured on a benchmark, and what the others lack."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fhpt_bench.benchmark import Benchmark
    from fhpt_bench.benchmarks.schema import BenchmarkSchema
    from fhpt_bench.protocol import Protocol

RUNS = "runs"


def print_coverage(benchmark: str, data_root: Path | None, only: str | None) -> None:
    """Print what is known of a benchmark, and for each protocol whether it runs there, by variants if they differ.

    Args:
        benchmark: a registered name, or the path of a TOML file.
        data_root: the folder of its data; without it, the answers for a benchmark whose data are not part of the
            package follow from its file alone.
        only: a protocol, or None for all.

    Raises:
        UserError: if there is no such benchmark or protocol, or the data cannot be read.
    """
    from fhpt_bench.benchmark import load_benchmark, schema_of
    from fhpt_bench.protocol import protocols
    from fhpt_bench.reporting.listing import echo, not_loaded, print_table

    schema, _ = schema_of(benchmark)
    here = data_root is not None or schema.root is not None
    loaded = load_benchmark(benchmark, data_root) if here else _stated(schema)
    height, width = loaded.image_size
    echo(f"{loaded.id} {loaded.version}: images {width} wide and {height} high, {_pairs(loaded) if here else 'poses'}, "
         f"{_facts(loaded)}")  # fmt: skip
    if not here:
        echo(
            "Its data are not part of this package: these answers are for complete data, by the benchmark file, which "
            "does not say what the names of its images do; --data-root gives those for yours."
        )
    echo()
    rows: list[tuple[str, str, str]] = []
    if only is not None:
        rows += _rows(only, protocols.load(only), loaded)
    for found in () if only is not None else protocols.listed():
        if found.plugin is not None:
            rows += _rows(found.entry.name, found.plugin, loaded)
        else:
            why = f"BROKEN {found.broken}" if found.broken else not_loaded(found.entry, "protocols")
            rows.append((found.entry.name, "", why))
    print_table(("protocol", "variants", f"on {loaded.id}"), rows)
    echo("\nWhether the weights of networks are here is not looked at: see fhpt-bench weights list.")


def _stated(schema: BenchmarkSchema) -> Benchmark:
    """What a benchmark file says of complete data, without a pair and an image."""
    from fhpt_bench.benchmark import Benchmark
    from fhpt_bench.data.truth import Truth

    parts = ("face", "hand_left", "hand_right") if schema.truth or schema.landmarks else ()
    nothing = {"": np.empty((0, 3), np.float32)}
    parsing = {"": np.empty((0, 0), np.uint8)} if schema.parsing else {}
    return Benchmark(
        schema.id, schema.version, schema.title, Path(), schema.image_size, (), {},
        Truth(dict.fromkeys(parts, nothing), parsing), schema.protocols,
        schema.anchors.model_dump(exclude_none=True) if schema.anchors else {},
        train_images=(schema.train_list,) if schema.train_list else (),
    )  # fmt: skip


def _pairs(benchmark: Benchmark) -> str:
    joints = np.stack([benchmark.poses[name] for name in benchmark.images])
    found = float(np.isfinite(joints).all(2).mean()) * joints.shape[1]
    return f"{len(benchmark.pairs)} pairs of {benchmark.people}, {found:.1f} of 18 joints of an image on average"


def _facts(benchmark: Benchmark) -> str:
    truth = benchmark.truth
    parts = dict.fromkeys("hands" if "hand" in part else part for part in truth.keypoints if part != "body")
    by = f" by {truth.estimator}" if truth.estimator else ""
    anchors = [f"{part} {reach} px" for part, reach in benchmark.anchors.items()]
    return ", ".join(
        [
            f"keypoints of {' and '.join(parts)}{by}" if parts else "no keypoints of face and hands",
            "parsing maps" if truth.parsing else "no parsing maps",
            f"anchors {' and '.join(anchors)}" if anchors else "no anchors",
            "training images" if benchmark.train_images else "no training images",
        ]
    )


def _rows(name: str, kind: type[Protocol], benchmark: Benchmark) -> list[tuple[str, str, str]]:
    """One row per answer, with the variants that give it."""
    answers: dict[str, list[str]] = {}
    for variant in kind.variants:
        answers.setdefault(_answer(kind(variant), benchmark), []).append(variant)
    if len(answers) == 1:
        (answer,) = answers
        return [(name, _all(list(kind.variants)), answer)]
    return [(name, ", ".join(variants), answer) for answer, variants in answers.items()]


def _all(variants: Sequence[str]) -> str:
    return f"all {len(variants)}" if len(variants) > 1 else variants[0]


def _answer(protocol: Protocol, benchmark: Benchmark) -> str:
    from fhpt_bench.errors import with_location

    try:
        return protocol.lacks(benchmark) or RUNS
    except Exception as error:  # whatever a plugin raises
        return f"cannot be asked: {with_location(error)}"
