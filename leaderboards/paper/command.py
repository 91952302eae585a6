"""`fhpt-bench paper`: the tables and figures of the paper, from records."""

from __future__ import annotations

import click

from leaderboards.text_table import FORMATS

NUMBERS = ("II", "III", "IV", "V", "VI")


@click.group()
def paper() -> None:
    """Make the tables and figures of the paper.

    Tables II to VI and Figures 5 to 10 of Yang et al., arXiv:2005.12494, from the records of your runs.
    """


@paper.command()
@click.option("--benchmark", "-b", metavar="ID", default="studio", show_default=True, help="Name of the benchmark.")
@click.option(
    "--records", "folders", multiple=True, type=click.Path(),
    help="Folder to search for records; can be given several times.  [default: runs]",
)  # fmt: skip
@click.option("--subset", help="Only records of this subset, as in `run --subset`.")
@click.option("--table", "numbers", multiple=True, type=click.Choice(NUMBERS), help="Which table.  [default: all]")
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), default="table", show_default=True, help="latex needs booktabs."
)
def tables(
    benchmark: str, folders: tuple[str, ...], subset: str | None, numbers: tuple[str, ...], format_: str
) -> None:
    """Print Tables II to VI.

    A row for each system of the paper, and a dash for a system without a record. On deepfashion, the paper's printed
    numbers are in columns of their own.
    """
    from leaderboards.literature import load_published
    from leaderboards.measured import read_measured
    from leaderboards.paper.choice import choose_records
    from leaderboards.paper.contents import TABLES
    from leaderboards.paper.tables import paper_table
    from leaderboards.printing import print_tables

    choice = choose_records(read_measured(folders), benchmark, subset)
    published = load_published()
    chosen = [table for table in TABLES if table.number in (numbers or NUMBERS)]
    print_tables([paper_table(table, choice, published) for table in chosen], format_)
