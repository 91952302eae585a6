"""Render the `studio` benchmark: `python -m tools.studio --assets DIR --out DIR`."""

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

# Saved before Blender adds its script folders, which hold another module named bpy that a new process would import.
PATH = list(sys.path)
FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(context_settings={"show_default": True})
@click.option("--assets", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--out", type=FOLDER, required=True, help="Output folder of the benchmark.")
@click.option("--work", type=FOLDER, help="Folder to resume a run from.", show_default="OUT/../.studio-work")
@click.option("--seed", type=click.IntRange(min=0), default=0)
@click.option("--train-people", type=click.IntRange(min=0), default=160)
@click.option("--test-people", type=click.IntRange(min=0), default=40)
@click.option("--enlarge", type=click.IntRange(1, 2), default=1, help="2: images of 352x512 pixels, not of 176x256.")
@click.option("--workers", type=click.IntRange(min=1), default=2, help="Worker processes; each uses one CPU core.")
def main(
    assets: Path,
    out: Path,
    work: Path | None,
    seed: int,
    train_people: int,
    test_people: int,
    enlarge: int,
    workers: int,
) -> None:
    """Render people in five views each, with ground truth, in the file layout of DeepFashion In-shop.

    A stopped run resumes: finished shots are kept unless the person, the code or a library has changed.
    """
    # Imported late: Blender and the body model take seconds to load, and --help does not need them.
    from . import casting, shooting, tables

    console = Console(stderr=True)
    work = work or out.parent / ".studio-work"
    roles = [
        role
        for split, count in zip(casting.SPLITS, (train_people, test_people), strict=True)
        for role in casting.cast(seed, split, count)
    ]
    planned = shooting.shots(roles, work, enlarge)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        missing = [shot for shot in planned if not shot.is_done()]
        bar = progress.add_task("images", total=len(missing))
        for _ in _render(assets, missing, workers):
            progress.advance(bar)
    photographs = [
        tables.Photograph(notes=json.loads(shot.notes.read_text()), image=shot.image, truth=shot.truth)
        for shot in planned
    ]
    tables.assemble(photographs, casting.SPLITS, out, seed)
    console.print(f"{len(photographs)} images of {len(roles)} people are in {out}")


def _render(assets: Path, missing: "Sequence[Shot]", workers: int) -> Iterator[None]:
    """Render in worker processes and yield once per image. All shots of one person are rendered by one process."""
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
                raise click.ClickException("a worker process stopped; run the same command again to resume") from None
            continue
        left -= 1
        yield


if __name__ == "__main__":
    main()
