"""Measure every model that can run on a benchmark: `python -m tools.reference.records`, or `make reference`.

The runs are kept in runs/reference and resume; the record and the values by pair of each go to leaderboards/reference.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fhpt_bench.errors import UserError
from fhpt_bench.evaluation.engine import run
from fhpt_bench.files import write_bytes
from fhpt_bench.model import models
from fhpt_bench.reading import LIST_BYTES, read_file
from fhpt_bench.records.pair_table import PAIRS_FILE
from fhpt_bench.records.schema import RECORD_FILE
from fhpt_bench.weights import WeightsMissing
from leaderboards.measured import REFERENCE

RUNS = Path("runs") / "reference"


def own_models() -> list[str]:
    """Names of the models of this package."""
    return [name for name, entry in models.entries().items() if entry.own]


def measure(model: str, benchmark: str, limit: int | None, reference: Path, runs: Path) -> str:
    """Run a model under all protocols of a benchmark and keep its record as reference.

    Args:
        model: name of the model.
        benchmark: name of the benchmark.
        limit: number of pairs; None for all.
        reference: the folder of the reference records.
        runs: the folder of the runs.

    Returns:
        What was done, in one line.
    """
    try:
        record = run(model, benchmark, limit=limit, out=runs / benchmark / model, progress=True)
    except WeightsMissing:
        return "left out: it is not trained"
    if record.failed:
        return f"left out: {record.failed[0].key} failed: {record.failed[0].reason}"
    for file in (RECORD_FILE, PAIRS_FILE):
        write_bytes(reference / benchmark / model / file, read_file(runs / benchmark / model / file, LIST_BYTES))
    return f"{record.benchmark.n_pairs} pairs, {len(record.scores)} scores"


@click.command()
@click.option("--only", help="Names of models, separated by commas.  [default: all that are trained]")
@click.option("--benchmark", default="studio", show_default=True)
def main(only: str | None, benchmark: str) -> None:
    """Make the reference records."""
    for model in only.split(",") if only else own_models():
        click.echo(f"{model:<14}{measure(model, benchmark, None, REFERENCE, RUNS)}")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
