"""`fhpt-bench benchmarks`: list the benchmarks, or show one."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("name", required=False)
@click.option("--data-root", type=click.Path(path_type=Path), help="Folder of the benchmark's data.")
def benchmarks(name: str | None, data_root: Path | None) -> None:
    """List the benchmarks, or show one."""
    from fhpt_bench import benchmark
    from fhpt_bench.errors import UserError
    from fhpt_bench.reporting.listing import not_loaded, print_card, print_table

    if name is not None:
        entry, loaded = benchmark.find_benchmark(name), benchmark.load_benchmark(name, data_root)
        height, width = loaded.image_size
        print_card(
            loaded.id,
            {
                "title": loaded.title, "version": loaded.version, "images": f"{width} wide, {height} high",
                "pairs": f"{len(loaded.pairs)} of {loaded.people}, {len(loaded.images)} images",
                "training images": str(len(loaded.train_images) or "none available"),
                "pair list": loaded.pairs_digest, "protocols": ", ".join(loaded.protocols),
                "anchors": ", ".join(f"{part} {reach} px" for part, reach in loaded.anchors.items()) or "none",
                **({"landmarks": loaded.truth.estimator or "none yet"} if loaded.landmark_files else {}),
                "data": str(loaded.folder), "from": entry.origin,
            },
        )  # fmt: skip
        return
    rows = []
    for entry in benchmark.benchmarks.entries().values():
        if not entry.own:
            rows.append((entry.name, not_loaded(entry, "benchmarks"), "", entry.origin))
            continue
        try:
            loaded = benchmark.load_benchmark(entry.name)
            rows.append((f"{loaded.id} {loaded.version}", loaded.title, str(len(loaded.pairs)), entry.origin))
        except UserError as error:
            rows.append((entry.name, f"not usable: {error}", "", entry.origin))
    print_table(("benchmark", "description", "pairs", "from"), rows)
