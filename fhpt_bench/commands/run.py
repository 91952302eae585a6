"""`fhpt-bench run`: generate a model's images and measure them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from fhpt_bench.commands.completion import names_of
from fhpt_bench.commands.options import measuring_options, shard_measured
from fhpt_bench.errors import UserError


@click.command()
@click.option(
    "--model",
    "-m",
    shell_complete=names_of("models"),
    help="A name (see `fhpt-bench models`), or path/to/file.py:Class.",
)
@click.option(
    "--checkpoint", type=click.Path(path_type=Path), help="Checkpoint of a trained model, in place of its default."
)
@measuring_options
def run(model: str | None, full: bool, shard: str | None, **options: Any) -> None:
    """Generate and measure a model's images for all pairs.

    Finished work is kept: the same command resumes a run that was interrupted.
    """
    start = time.perf_counter()
    if model is None:
        from fhpt_bench.model import models

        raise UserError(
            f"`run` needs a model: give --model with one of {', '.join(models.entries())}, "
            "or path/to/file.py:Class; for example `fhpt-bench run --model warp --protocols all`."
        )
    if shard is not None:
        shard_measured(shard, "run", {"model": model, **options})
        return
    from fhpt_bench.evaluation import engine
    from fhpt_bench.reporting.terminal import report

    record = engine.run(model, **options, progress=True)
    report(record, time.perf_counter() - start, full, variants=options["variants"] is not None)
