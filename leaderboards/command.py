"""`fhpt-bench leaderboard`: tables over all records that are found."""

from __future__ import annotations

import click


@click.command()
@click.option(
    "--records", "folders", multiple=True, type=click.Path(), help="Where to look for records.  [default: runs]"
)
@click.option("--benchmark", metavar="ID", help="Only this benchmark.")
@click.option("--subset", help="Only records of these pairs, as in `run --subset`.")
@click.option(
    "--format", "form", type=click.Choice(["table", "markdown", "csv"]), default="table", show_default=True,
    help="csv has every number in full, a row a model and score.",
)  # fmt: skip
@click.option("--sort", metavar="KEY", help="Sort by protocol[:variant[:metric]] instead of the first column.")
def leaderboard(
    folders: tuple[str, ...], benchmark: str | None, subset: str | None, form: str, sort: str | None
) -> None:
    """Show who is better at what, among all records found.

    One table a benchmark, version, subset and pair list; scores share a column only if their fingerprints are equal.
    """
    from pathlib import Path

    from fhpt_bench.comparison import MAKE_ONE, find_records, read_values
    from fhpt_bench.errors import UserError, did_you_mean
    from fhpt_bench.text import plain
    from leaderboards.rendering import comma_separated, markdown, terminal
    from leaderboards.tables import build_tables

    chosen = [Path(folder).expanduser() for folder in folders or ("runs",)]
    records, problems = find_records(chosen)
    measured = []
    for record in records:
        try:
            measured.append((record, read_values(record)))
        except UserError as error:
            problems.append(str(error))
    for problem in problems:
        click.echo(f"left out: {plain(problem)}", err=True)
    if not measured:
        raise UserError(f"No record that can be read lies below {', '.join(map(str, chosen))}: {MAKE_ONE}.")
    known = {record.benchmark.id for record, _ in measured}
    if benchmark is not None and benchmark not in known:
        raise UserError(f"No record of a benchmark {benchmark!r} was found: {did_you_mean(benchmark, known)}")
    if subset is not None:
        measured = [item for item in measured if item[0].benchmark.subset == subset]
        if not measured:
            raise UserError(f"No record of --subset {subset} was found: measure a model on it, or leave it out.")
    tables = build_tables([item for item in measured if benchmark in (None, item[0].benchmark.id)], sort)
    if form == "csv":
        click.echo(comma_separated(tables), nl=False)
    elif form == "markdown":
        click.echo("\n".join(map(markdown, tables)), nl=False)
    else:
        from rich.console import Console

        console = Console(highlight=False)
        for table in tables:
            console.print(*terminal(table, console.width), sep="\n")
