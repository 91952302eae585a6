"""`fhpt-bench evaluate`: measure images that were made elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fhpt_bench.commands.options import measuring_options


@click.command()
@click.argument("images", type=click.Path(path_type=Path))
@click.option("--name", "-n", help="Of the model that made them; the folder's own if not given.")
@click.option(
    "--layout", type=click.Choice(["auto", "plain", "patn", "rate", "vunet", "dsc", "gfla", "pcdms"]), default="auto",
    show_default=True, help="How the files are named, and where in them the generated image is; see docs/evaluate.md.",
)  # fmt: skip
@click.option(
    "--resize", type=click.Choice(["bicubic", "bilinear", "lanczos"]),
    help="Resize what has another size, as a whole.  [default: squares are cropped to the middle, others refused]",
)  # fmt: skip
@click.option("--allow-missing", is_flag=True, help="Measure the pairs that are there: another setting than the whole.")
@measuring_options
def evaluate(images: Path, name: str | None, **options: Any) -> None:
    """Measure a folder of generated images: ours, <source stem>___<target stem>.png, or those of published tools."""
    from fhpt_bench.evaluation import engine
    from fhpt_bench.reporting.terminal import report

    report(engine.evaluate(images, name, **options, progress=True), variants=options["variants"] is not None)
