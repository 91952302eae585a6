"""`fhpt-bench run`: generate and measure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fhpt_bench.commands.options import measuring_options
from fhpt_bench.errors import UserError


@click.command()
@click.option("--model", "-m", help="Name (see `fhpt-bench models`), or path/to/file.py:Class.")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="Of a trained model, in place of its own.")
@measuring_options
def run(model: str | None, **options: Any) -> None:
    """Generate a model's images for every pair of a benchmark and measure them.

    What is finished is kept: the same command goes on where a killed one stopped.
    """
    if model is None:
        from fhpt_bench.model import models

        raise UserError(
            f"`run` needs a model: give --model with one of {', '.join(models.entries())}, "
            "or path/to/file.py:Class; for example `fhpt-bench run --model warp --protocols all`."
        )
    from fhpt_bench.evaluation import engine
    from fhpt_bench.reporting.terminal import report

    report(engine.run(model, **options, progress=True), variants=options["variants"] is not None)
