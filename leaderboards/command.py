"""`fhpt-bench leaderboard`: tables over all records found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fhpt_bench.commands.options import OutputFolder

if TYPE_CHECKING:
    from leaderboards.literature import PublishedRow
    from leaderboards.ranking import Measured
    from leaderboards.tables import Table


@click.command()
@click.option(
    "--records",
    "folders",
    multiple=True,
    type=click.Path(),
    help="Folder to search for records; can be given several times.  [default: runs]",
)
@click.option("--add", "added", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
              help="Also show a submission, a zip file of `submit`; may be repeated.")  # fmt: skip
@click.option("--benchmark", metavar="ID", help="Show only this benchmark.")
@click.option("--subset", help="Show only records of this subset, as in `run --subset`.")
@click.option(
    "--format", "format_", type=click.Choice(["table", "markdown", "csv", "latex", "html"]), default="table",
    show_default=True, help="csv always has all scores in full precision, one row per model and score; latex needs "
    "booktabs; html is a page that opens from disk.",
)  # fmt: skip
@click.option("--full", is_flag=True, help="Show all scores, not only the headline scores.")
@click.option("--sort", metavar="KEY", help="Sort by protocol[:variant[:metric]] instead of the first column.")
@click.option(
    "--protocols",
    metavar="LIST",
    help="Show only these: protocol[:variant[:metric]], separated by commas. Without a metric: the headline "
    "scores, unless --full.",
)
@click.option("--no-reference", is_flag=True, help="Leave out the records that ship, which are shown next to yours.")
@click.option("--published", is_flag=True, help="Also show numbers from papers, in separate tables, never ranked.")
@click.option("--out", type=OutputFolder(), help="html: folder of the page.  [default: page]")
@click.option("--single-file", is_flag=True, help="html: one file without images.")
@click.option("--with-images", is_flag=True,
              help="html: also show images that nothing allows to publish; only for yourself.")  # fmt: skip
def leaderboard(
    folders: tuple[str, ...],
    added: tuple[Path, ...],
    benchmark: str | None,
    subset: str | None,
    format_: str,
    full: bool,
    sort: str | None,
    protocols: str | None,
    no_reference: bool,
    published: bool,
    out: Path | None,
    single_file: bool,
    with_images: bool,
) -> None:
    """Rank the models of all records, one table per benchmark.

    Records share a table if benchmark, version, subset and pair list are equal. Scores share a column only if their
    fingerprints are equal. The default shows the headline scores of each protocol's first variant. Records that ship
    are marked as reference; with --records, only the records of these folders are shown.
    """
    import tempfile

    from rich.console import Console

    from fhpt_bench.errors import UserError, did_you_mean
    from fhpt_bench.reporting.listing import echo
    from leaderboards.columns import check_wanted
    from leaderboards.literature import load_published, select
    from leaderboards.literature_tables import published_tables
    from leaderboards.measured import add_submissions, read_measured
    from leaderboards.printing import print_tables
    from leaderboards.rendering import as_text_table, comma_separated
    from leaderboards.tables import build_tables

    if format_ != "html" and (out is not None or single_file or with_images):
        raise UserError("--out, --single-file and --with-images are options of --format html: add it.")
    rows = load_published() if published or format_ == "html" else []
    places = []
    if added:
        place = Path(click.get_current_context().with_resource(tempfile.TemporaryDirectory()))
        places = add_submissions([file.expanduser() for file in added], place)
    measured = read_measured(folders, published or format_ == "html" or bool(added), not no_reference, places)
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
    tables = build_tables(measured, sort, wanted, full or format_ in ("csv", "html"))
    if format_ == "html":
        _write_page(tables, measured, rows, (out or Path("page")).expanduser(), single_file, with_images)
        return
    if format_ == "csv":
        echo(comma_separated(tables, rows), end="")
        return
    width = Console().width if format_ == "table" else None
    hint = "" if wanted else _hint(tables, len(keys))
    print_tables([as_text_table(table, width) for table in tables], format_, hint, published_tables(rows))


def _write_page(
    tables: Sequence[Table], measured: Sequence[Measured], published: Sequence[PublishedRow], place: Path,
    single_file: bool, with_images: bool,
) -> None:  # fmt: skip
    """Make the page, and say where it is."""
    from fhpt_bench.output_folder import FolderLock, check_output
    from fhpt_bench.reporting.listing import echo
    from leaderboards.page.writing import INDEX, MARKER, make_page, write_page

    check_output(place, MARKER)
    page = make_page(tables, measured, published, not single_file, with_images, progress=True)
    lock = FolderLock(place)
    try:
        check_output(place, MARKER)
        written = write_page(page, place)
    finally:
        lock.release()
    for remark in page.remarks:
        echo(remark, err=True)
    size = sum(map(len, page.files.values())) / 2**20
    echo(f"page  {place / INDEX}  ({len(page.files)} files, {size:.1f} MiB, {written} written)")


def _hint(tables: Sequence[Table], total: int) -> str:
    """How to see the scores that the tables do not show, or "" if they show all."""
    shown = {column.key for table in tables for column in table.columns}
    if len(shown) == total:
        return ""
    return f"Headline scores only: `fhpt-bench leaderboard --full` shows all {total} scores, `--protocols ID` some."
