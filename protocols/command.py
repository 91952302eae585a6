"""`fhpt-bench anchors`: the anchors of a benchmark's keypoint error curves, for its TOML file."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("images", type=click.Path(path_type=Path))
@click.option("--benchmark", "-b", default="studio", show_default=True, help="Name, or a TOML file.")
@click.option("--data-root", type=click.Path(path_type=Path), help="Where the benchmark's data lies.")
def anchors(images: Path, benchmark: str, data_root: Path | None) -> None:
    """Print the anchors of a benchmark's keypoint error curves, as its TOML file is to hold them.

    IMAGES is the folder of the images that the `warp` baseline has made for the whole benchmark: first give
    `fhpt-bench run --model warp --protocols ssim`, then runs/BENCHMARK/warp/images.
    """
    from fhpt_bench.benchmark import load_benchmark
    from protocols.structural.anchor_table import anchor_table

    click.echo(anchor_table(images.expanduser(), load_benchmark(benchmark, data_root)), nl=False)
