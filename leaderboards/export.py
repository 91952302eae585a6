"""`fhpt-bench export`: a record in the formats of other tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fhpt_bench.records.schema import Record

FORMATS = ("model-index", "eval-results", "csv", "latex", "markdown")


@click.command()
@click.argument("record", type=click.Path(path_type=Path))
@click.option("--format", "format_", type=click.Choice(FORMATS), required=True, help="See docs/records.md.")
@click.option("--full", is_flag=True, help="All scores, not only the headline scores; csv always has all.")
@click.option(
    "--dataset", metavar="OWNER/NAME", help="For Hugging Face: the benchmark's id there.  [default: its id here]"
)
@click.option("--out", "-o", type=click.Path(path_type=Path), help="File to write.  [default: standard output]")
def export(record: Path, format_: str, full: bool, dataset: str | None, out: Path | None) -> None:
    """Write a record for a model card or a paper.

    RECORD is a folder or a record.json. Its numbers are copied as they are: `fhpt-bench validate` checks them.
    """
    from fhpt_bench.errors import UserError
    from fhpt_bench.files import write_bytes
    from fhpt_bench.output_folder import check_new
    from fhpt_bench.records.schema import read_record
    from fhpt_bench.reporting.listing import echo

    hub = format_ in ("model-index", "eval-results")
    if dataset is not None and not hub:
        raise UserError(f"--dataset belongs to model-index and eval-results: leave it out for {format_}.")
    given = read_record(record)
    if not any(score.value is not None for score in (given.scores if full or format_ == "csv" else given.headlines)):
        raise UserError(f"The record {record} has no score with a value: measure its images first, or give --full.")
    text = _hub_text(given, format_, dataset, full) if hub else _table_text(given, format_, full)
    if out is None:
        echo(text, end="")
        return
    file, content = out.expanduser(), text.encode()
    check_new(file, content)
    write_bytes(file, content)
    echo(f"written  {file}")


def _hub_text(record: Record, format_: str, dataset: str | None, full: bool) -> str:
    from leaderboards.model_card import eval_results, model_index

    write = model_index if format_ == "model-index" else eval_results
    return write(record, dataset, full)


def _table_text(record: Record, format_: str, full: bool) -> str:
    """The table that `leaderboard` makes of this record alone."""
    from fhpt_bench.records.pair_table import PairValues
    from leaderboards.latex import PREAMBLE, latex
    from leaderboards.rendering import as_text_table, comma_separated
    from leaderboards.tables import build_tables
    from leaderboards.text_table import markdown

    # One model is not ranked, so that its values by pair are not needed.
    tables = build_tables([(record, PairValues.none())], full=full or format_ == "csv")
    if format_ == "csv":
        return comma_separated(tables)
    write = latex if format_ == "latex" else markdown
    parts = [write(as_text_table(table)) for table in tables]
    return "\n".join([PREAMBLE, *parts] if format_ == "latex" else parts)
