"""`fhpt-bench evaluate`: measure images that were made elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fhpt_bench.commands.options import measuring_options


@click.command()
@click.argument("images", type=click.Path(path_type=Path))
@click.option("--name", "-n", help="Of the model that made them; the folder's own if not given.")
@measuring_options
def evaluate(images: Path, name: str | None, **options: Any) -> None:
    """Measure a folder of generated images, named <source stem>___<target stem>.png."""
    from fhpt_bench import engine
    from fhpt_bench.report import report

    report(engine.evaluate(images, name, **options, progress=True))
