"""python -m tools.studio --assets DIR --out DIR: renders the studio benchmark."""

import json
import multiprocessing
import queue
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from .shooting import Shot

# as it is before Blender adds its scripts, among which a new process would find another bpy
PATH = list(sys.path)
FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(context_settings={"show_default": True})
@click.option("--assets", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--out", type=FOLDER, required=True, help="Where the benchmark is laid out.")
@click.option("--work", type=FOLDER, help="For a resumed run.", show_default="OUT/../.studio-work")
@click.option("--seed", type=click.IntRange(min=0), default=0)
@click.option("--train-people", type=click.IntRange(min=0), default=160)
@click.option("--test-people", type=click.IntRange(min=0), default=40)
@click.option("--workers", type=click.IntRange(min=1), default=2, help="Processes; a core each keeps them busy.")
def main(
    assets: Path, out: Path, work: Path | None, seed: int, train_people: int, test_people: int, workers: int
) -> None:
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
        missing = [shot for shot in planned if not shot.is_done()]
        bar = progress.add_task("photographs", total=len(missing))
        for _ in _taken(assets, missing, workers):
            progress.advance(bar)
    photographs = [
        tables.Photograph(notes=json.loads(shot.notes.read_text()), image=shot.image, truth=shot.truth)
        for shot in planned
    ]
    tables.assemble(photographs, casting.SPLITS, out, seed)
    console.print(f"{len(photographs)} photographs of {len(roles)} people are in {out}")


def _taken(assets: Path, missing: "Sequence[Shot]", workers: int) -> Iterator[None]:
    """Shoot in several processes, each with people of its own; yields once a photograph."""
    from . import shooting

    sys.path[:] = PATH
    context = multiprocessing.get_context("spawn")
    finished = context.Queue()
    people = list(dict.fromkeys(shot.role for shot in missing))
    processes = []
    for number in range(workers):
        own = people[number::workers]
        if own:
            share = [shot for shot in missing if shot.role in own]
            arguments = (assets, share, partial(finished.put, None))
            processes.append(context.Process(target=shooting.take, args=arguments, daemon=True))
            processes[-1].start()
    left = len(missing)
    while left:
        try:
            finished.get(timeout=1)
        except queue.Empty:
            if any(process.exitcode for process in processes):
                raise click.ClickException("a process stopped; the same command goes on from here") from None
            continue
        left -= 1
        yield


if __name__ == "__main__":
    main()
