"""`fhpt-bench data`: is the data of a benchmark what it should be?"""

from __future__ import annotations

from pathlib import Path

import click

SHOWN = 10  # files that differ are named up to here, then counted


@click.group()
def data() -> None:
    """The images and tables of a benchmark."""


@data.command("check")
@click.argument("benchmark", default="studio")
@click.option("--data-root", type=click.Path(path_type=Path), help="Where the benchmark's data lies.")
@click.pass_context
def check_data(context: click.Context, benchmark: str, data_root: Path | None) -> None:
    """Re-compute every digest of the manifest, then read every pair, image and keypoint; exit code 1 on a difference.

    BENCHMARK is a name or a TOML file; studio if not given.
    """
    from fhpt_bench.benchmark import data_folder, load_benchmark
    from fhpt_bench.data.manifest import MANIFEST, compare_with_manifest, read_manifest
    from fhpt_bench.progress import progress_bar

    folder = data_folder(benchmark, data_root)
    manifest = read_manifest(folder)
    if manifest is None:
        click.echo(f"files      no {MANIFEST} in {folder}: their digests cannot be checked")
    else:
        with progress_bar("digests", len(manifest.files), shown=True) as advance:
            differences = compare_with_manifest(folder, manifest, lambda: advance(1))
        for difference in differences[:SHOWN]:
            click.echo(f"{difference.state:<11}{folder / difference.path}")
        if differences:
            more = f" ({len(differences) - SHOWN} more than shown)" if len(differences) > SHOWN else ""
            click.echo(
                f"files      {len(differences)} of {len(manifest.files)} are not as {MANIFEST} says{more}: "
                "get the benchmark's files again"
            )
            context.exit(1)
        size = sum(file.bytes for file in manifest.files.values())
        click.echo(f"files      {len(manifest.files)} as {MANIFEST} says, {size / 2**20:.1f} MiB")
    setting = load_benchmark(benchmark, data_root)
    setting.check_images()
    height, width = setting.image_size
    click.echo(
        f"pairs      {len(setting.pairs)} of {len({pair.person for pair in setting.pairs})} people; "
        f"{len(setting.images)} images, each {width} wide and {height} high, with body keypoints"
    )
