"""`fhpt-bench anchors`: computes the anchors of a benchmark's keypoint error curves, for its TOML file."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("images", type=click.Path(path_type=Path))
@click.option("--benchmark", "-b", default="studio", show_default=True, help="Name, or a TOML file.")
@click.option("--data-root", type=click.Path(path_type=Path), help="Folder of the benchmark's data.")
def anchors(images: Path, benchmark: str, data_root: Path | None) -> None:
    """Compute the anchors of keypoint error curves.

    Prints the table for the benchmark's TOML file.

    IMAGES is the folder with the images that the `warp` baseline generated for all pairs of the benchmark: run
    `fhpt-bench run --model warp --protocols ssim`, then pass runs/BENCHMARK/warp/images.
    """
    from fhpt_bench.benchmark import load_benchmark
    from fhpt_bench.reporting.listing import echo
    from protocols.structural.anchor_table import anchor_table

    echo(anchor_table(images.expanduser(), load_benchmark(benchmark, data_root)), end="")
