"""`fhpt-bench paper`: the tables and figures of the paper, from records."""

from __future__ import annotations

from pathlib import Path

import click

from fhpt_bench.commands.options import OutputFolder
from leaderboards.text_table import FORMATS

NUMBERS = ("II", "III", "IV", "V", "VI")
DRAWN = ("5", "6", "7", "8", "9", "10")


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
@click.option("--no-reference", is_flag=True, help="Leave out the records that ship.")
@click.option("--subset", help="Only records of this subset, as in `run --subset`.")
@click.option("--table", "numbers", multiple=True, type=click.Choice(NUMBERS), help="Which table.  [default: all]")
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), default="table", show_default=True, help="latex needs booktabs."
)
def tables(
    benchmark: str,
    folders: tuple[str, ...],
    no_reference: bool,
    subset: str | None,
    numbers: tuple[str, ...],
    format_: str,
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

    choice = choose_records(read_measured(folders, reference=not no_reference), benchmark, subset)
    published = load_published()
    chosen = [table for table in TABLES if table.number in (numbers or NUMBERS)]
    print_tables([paper_table(table, choice, published) for table in chosen], format_)


@paper.command()
@click.option("--benchmark", "-b", metavar="ID", default="studio", show_default=True, help="Name of the benchmark.")
@click.option("--data-root", type=click.Path(path_type=Path), help="Folder of the benchmark's data.")
@click.option(
    "--records", "folders", multiple=True, type=click.Path(),
    help="Folder to search for records; can be given several times.  [default: runs]",
)  # fmt: skip
@click.option("--no-reference", is_flag=True, help="Leave out the records that ship.")
@click.option("--subset", help="Only records of this subset, as in `run --subset`.")
@click.option("--figure", "numbers", multiple=True, type=click.Choice(DRAWN), help="Which figure.  [default: all]")
@click.option("--pair", "ids", multiple=True, help="Id of a pair to show, in place of random ones; can be repeated.")
@click.option("--count", type=click.IntRange(1, 24), default=6, show_default=True, help="Number of random pairs.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the random pairs.")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="Checkpoint of `drn` for Figure 10.")
@click.option("--images", "given", multiple=True, metavar="NAME=DIR",
              help="Folder of images whose record is by `evaluate`; can be given several times.")  # fmt: skip
@click.option("--out", "-o", type=OutputFolder(), help="Folder of the PNG files.  [default: paper/BENCHMARK]")
@click.pass_context
def figures(
    context: click.Context,
    benchmark: str,
    data_root: Path | None,
    folders: tuple[str, ...],
    no_reference: bool,
    subset: str | None,
    numbers: tuple[str, ...],
    ids: tuple[str, ...],
    count: int,
    seed: int,
    checkpoint: Path | None,
    given: tuple[str, ...],
    out: Path | None,
) -> None:
    """Draw Figures 5 to 10; exit code 1 if one of them cannot be drawn.

    5: systems side by side. 6: ablations. 7: keypoint error curves. 8: faces, enlarged. 9: what each system's image
    retrieves. 10: the guidance map (`fhpt-bench visualize guidance`). Systems without a record are left out and named.
    """
    from fhpt_bench.errors import UserError
    from leaderboards.measured import read_measured
    from leaderboards.paper.choice import choose_records
    from leaderboards.paper.drawing import Request, draw_figures

    images = {}
    for word in given:
        name, _, folder = word.partition("=")
        if not name or not folder:
            raise UserError(f"--images {word} is not NAME=DIR, such as dsc=results/dsc.")
        images[name] = Path(folder).expanduser()

    choice = choose_records(read_measured(folders, reference=not no_reference), benchmark, subset)
    place = (out or Path("paper") / benchmark).expanduser()
    request = Request(benchmark, data_root, tuple(map(int, numbers or DRAWN)), ids, count, seed, checkpoint, images)
    if not draw_figures(choice, request, place, context.find_root().command):
        context.exit(1)
