"""`fhpt-bench evaluate`: measure generated images that another tool wrote."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from fhpt_bench.commands.options import measuring_options, shard_measured


@click.command()
@click.argument("images", type=click.Path(path_type=Path))
@click.option("--name", "-n", help="Name of the model.  [default: the folder's name]")
@click.option(
    "--layout", type=click.Choice(["auto", "plain", "patn", "rate", "vunet", "dsc", "gfla", "pcdms"]), default="auto",
    show_default=True, help="Names and arrangement of the files; see docs/evaluate.md.",
)  # fmt: skip
@click.option(
    "--resize", type=click.Choice(["crop", "bicubic", "bilinear", "lanczos"]),
    help="Resize images of another size: the middle (crop), or as a whole.  [default: crop squares, refuse others]",
)  # fmt: skip
@click.option("--allow-missing", is_flag=True, help="Measure only the pairs that have an image.")
@measuring_options
def evaluate(images: Path, name: str | None, full: bool, shard: str | None, **options: Any) -> None:
    """Measure a folder of generated images.

    The files are named <source stem>___<target stem>.png, or as published tools name them (--layout).
    """
    start = time.perf_counter()
    if shard is not None:
        shard_measured(shard, "evaluate", {"images": images, "name": name, **options})
        return
    from fhpt_bench.evaluation import engine
    from fhpt_bench.reporting.terminal import report

    record = engine.evaluate(images, name, **options, progress=True)
    report(record, time.perf_counter() - start, full, variants=options["variants"] is not None)
