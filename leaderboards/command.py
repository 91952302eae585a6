"""`fhpt-bench leaderboard`: tables over all records found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from leaderboards.tables import Table


@click.command()
@click.option(
    "--records",
    "folders",
    multiple=True,
    type=click.Path(),
    help="Folder to search for records; can be given several times.  [default: runs]",
)
@click.option("--benchmark", metavar="ID", help="Show only this benchmark.")
@click.option("--subset", help="Show only records of this subset, as in `run --subset`.")
@click.option(
    "--format", "format_", type=click.Choice(["table", "markdown", "csv", "latex"]), default="table",
    show_default=True, help="csv always has all scores in full precision, one row per model and score; latex needs "
    "booktabs.",
)  # fmt: skip
@click.option("--full", is_flag=True, help="Show all scores, not only the headline scores.")
@click.option("--sort", metavar="KEY", help="Sort by protocol[:variant[:metric]] instead of the first column.")
@click.option(
    "--protocols", metavar="LIST", help="Show only these scores: protocol[:variant[:metric]], separated by commas."
)
@click.option("--no-reference", is_flag=True, help="Leave out the records that ship, which are shown beside yours.")
@click.option("--published", is_flag=True, help="Also show numbers from papers, in separate tables, never ranked.")
def leaderboard(
    folders: tuple[str, ...],
    benchmark: str | None,
    subset: str | None,
    format_: str,
    full: bool,
    sort: str | None,
    protocols: str | None,
    no_reference: bool,
    published: bool,
) -> None:
    """Rank the models of all records, one table per benchmark.

    Records share a table if benchmark, version, subset and pair list are equal. Scores share a column only if their
    fingerprints are equal. The default shows the headline scores of each protocol's first variant. Records that ship
    are marked as reference; with --records, only the records of these folders are shown.
    """
    from rich.console import Console

    from fhpt_bench.errors import UserError, did_you_mean
    from fhpt_bench.reporting.listing import echo
    from leaderboards.columns import check_wanted
    from leaderboards.literature import load_published, select
    from leaderboards.literature_tables import published_tables
    from leaderboards.measured import read_measured
    from leaderboards.printing import print_tables
    from leaderboards.rendering import as_text_table, comma_separated
    from leaderboards.tables import build_tables

    rows = load_published() if published else []
    measured = read_measured(folders, optional=published, reference=not no_reference)
    if sort is not None and not measured:
        raise UserError(f"--sort {sort} sorts measured rows, but no record was found: published rows are never ranked.")
    known = {record.benchmark.id for record, _ in measured} | {row.benchmark for row in rows}
    if benchmark is not None and benchmark not in known:
        raise UserError(f"No record of a benchmark {benchmark!r} was found: {did_you_mean(benchmark, known)}")
    measured = [item for item in measured if benchmark in (None, item[0].benchmark.id)]
    if subset is not None:
        measured = [item for item in measured if item[0].benchmark.subset == subset]
        if not measured:
            raise UserError(f"No record of --subset {subset} was found: measure a model on it, or omit --subset.")
    wanted = [word.strip() for word in (protocols or "").split(",") if word.strip()]
    keys = {score.key for record, _ in measured for score in record.scores}
    check_wanted(wanted, keys | {score.key for row in rows for score in row.scores})
    rows = select(rows, benchmark, wanted)
    tables = build_tables(measured, sort, wanted, full or format_ == "csv")
    if format_ == "csv":
        echo(comma_separated(tables, rows), end="")
        return
    width = Console().width if format_ == "table" else None
    hint = "" if wanted else _hint(tables, len(keys))
    print_tables([as_text_table(table, width) for table in tables], format_, hint, published_tables(rows))


def _hint(tables: Sequence[Table], total: int) -> str:
    """How to see the scores that the tables do not show, or "" if they show all."""
    shown = {column.key for table in tables for column in table.columns}
    if len(shown) == total:
        return ""
    return f"Headline scores only: `fhpt-bench leaderboard --full` shows all {total} scores, `--protocols ID` some."
