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
    "--format", "format_", type=click.Choice(["table", "markdown", "csv", "latex"]), default="table",
    show_default=True, help="csv has every number in full, a row a model and score; latex needs booktabs.",
)  # fmt: skip
@click.option("--sort", metavar="KEY", help="Sort by protocol[:variant[:metric]] instead of the first column.")
@click.option(
    "--protocols", metavar="LIST", help="Only these scores: protocol[:variant[:metric]], separated by commas."
)
@click.option("--published", is_flag=True, help="Show what papers print too, apart and never ranked.")
def leaderboard(
    folders: tuple[str, ...],
    benchmark: str | None,
    subset: str | None,
    format_: str,
    sort: str | None,
    protocols: str | None,
    published: bool,
) -> None:
    """Show who is better at what, among all records found.

    One table a benchmark, version, subset and pair list; scores share a column only if their fingerprints are equal.
    """
    from pathlib import Path

    from rich.console import Console

    from fhpt_bench.errors import UserError, did_you_mean, plain
    from fhpt_bench.records.comparison import MAKE_ONE, find_records, read_values
    from leaderboards.latex import PREAMBLE, latex
    from leaderboards.literature import load_published, select
    from leaderboards.literature_tables import published_tables
    from leaderboards.rendering import as_text_table, comma_separated
    from leaderboards.tables import build_tables, check_wanted
    from leaderboards.text_table import markdown, terminal

    rows = load_published() if published else []
    chosen = [Path(folder).expanduser() for folder in folders or ("runs",)]
    # Published rows can be shown before anything was run.
    records, problems = find_records(chosen) if folders or chosen[0].is_dir() or not rows else ([], [])
    measured = []
    for record in records:
        try:
            measured.append((record, read_values(record)))
        except UserError as error:
            problems.append(str(error))
    for problem in problems:
        click.echo(f"left out: {plain(problem)}", err=True)
    if not measured and not rows:
        raise UserError(f"No record that can be read lies below {', '.join(map(str, chosen))}: {MAKE_ONE}.")
    if sort is not None and not measured:
        raise UserError(f"--sort {sort} sorts measured rows, and there are none: published ones are never ranked.")
    known = {record.benchmark.id for record, _ in measured} | {row.benchmark for row in rows}
    if benchmark is not None and benchmark not in known:
        raise UserError(f"No record of a benchmark {benchmark!r} was found: {did_you_mean(benchmark, known)}")
    measured = [item for item in measured if benchmark in (None, item[0].benchmark.id)]
    if subset is not None:
        measured = [item for item in measured if item[0].benchmark.subset == subset]
        if not measured:
            raise UserError(f"No record of --subset {subset} was found: measure a model on it, or leave it out.")
    wanted = [word.strip() for word in (protocols or "").split(",") if word.strip()]
    keys = {score.key for record, _ in measured for score in record.scores}
    check_wanted(wanted, keys | {score.key for row in rows for score in row.scores})
    rows = select(rows, benchmark, wanted)
    tables = build_tables(measured, sort, wanted)
    if format_ == "csv":
        click.echo(comma_separated(tables, rows), nl=False)
        return
    console = Console(highlight=False)
    width = console.width if format_ == "table" else None
    sheets = [*(as_text_table(table, width) for table in tables), *published_tables(rows)]
    if format_ == "table":
        for sheet in sheets:
            console.print(*terminal(sheet, console.width), sep="\n")
    elif format_ == "markdown":
        click.echo("\n".join(map(markdown, sheets)), nl=False)
    else:
        click.echo("\n".join([PREAMBLE, *map(latex, sheets)]), nl=False)
