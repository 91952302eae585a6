"""python -m tools.studio --assets DIR --out DIR: renders the studio benchmark."""

import json
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(context_settings={"show_default": True})
@click.option("--assets", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--out", type=FOLDER, required=True, help="Where the benchmark is laid out.")
@click.option("--work", type=FOLDER, help="For a resumed run.", show_default="OUT/../.studio-work")
@click.option("--seed", type=click.IntRange(min=0), default=0)
@click.option("--train-people", type=click.IntRange(min=0), default=12)
@click.option("--test-people", type=click.IntRange(min=0), default=12)
def main(assets: Path, out: Path, work: Path | None, seed: int, train_people: int, test_people: int) -> None:
    """Render people in five views each, with ground truth, laid out as DeepFashion In-shop is.

    A run that was stopped goes on where it was: shots with the same settings are kept.
    """
    # Blender and the body model load in seconds: not for --help
    from . import casting, shooting, tables

    console = Console(stderr=True)
    work = work or out.parent / ".studio-work"
    roles = [
        role
        for split, count in zip(casting.SPLITS, (train_people, test_people), strict=True)
        for role in casting.cast(seed, split, count)
    ]
    planned = shooting.shots(roles, work)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        done = sum(shot.is_done() for shot in planned)
        bar = progress.add_task("photographs", total=len(planned) - done)
        shooting.take(assets, [shot for shot in planned if not shot.is_done()], lambda: progress.advance(bar))
    photographs = [
        tables.Photograph(notes=json.loads(shot.notes.read_text()), image=shot.image, truth=shot.truth)
        for shot in planned
    ]
    tables.assemble(photographs, casting.SPLITS, out, seed)
    console.print(f"{len(photographs)} photographs of {len(roles)} people are in {out}")


if __name__ == "__main__":
    main()
