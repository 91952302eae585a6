"""`fhpt-bench benchmarks`: list the benchmarks, or show one."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("name", required=False)
@click.option("--data-root", type=click.Path(path_type=Path), help="Where the benchmark's data lies.")
def benchmarks(name: str | None, data_root: Path | None) -> None:
    """List the benchmarks, or show one."""
    from fhpt_bench import benchmark
    from fhpt_bench.errors import UserError
    from fhpt_bench.listing import print_card, print_table

    if name is not None:
        entry, setting = benchmark.find_benchmark(name), benchmark.load_benchmark(name, data_root)
        height, width = setting.image_size
        print_card(
            setting.id,
            {
                "title": setting.title, "version": setting.version, "images": f"{width} wide, {height} high",
                "pairs": f"{len(setting.pairs)} of {len({pair.person for pair in setting.pairs})} people, "
                         f"{len(setting.images)} images",
                "training images": str(len(setting.train_images) or "none here"),
                "pair list": setting.pairs_digest, "protocols": ", ".join(setting.protocols),
                "anchors": ", ".join(f"{part} {reach} px" for part, reach in setting.anchors.items()) or "none set",
                "data": str(setting.folder), "from": entry.origin,
            },
        )  # fmt: skip
        return
    rows = []
    for entry in benchmark.benchmarks.entries().values():
        try:
            setting = benchmark.load_benchmark(entry.name)
            rows.append((f"{setting.id} {setting.version}", setting.title, str(len(setting.pairs)), entry.origin))
        except UserError as error:
            rows.append((entry.name, f"not usable: {error}", "", entry.origin))
    print_table(("benchmark", "what it is", "pairs", "from"), rows)
