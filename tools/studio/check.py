"""python -m tools.studio.check --data DIR: is the rendered benchmark fit to measure with?

It needs the toolkit's own environment (dlib, MediaPipe, VGG16), not the renderer's.
"""

from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .checks.photographs import SPLITS, Figure, read


@click.command()
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--split", "splits", multiple=True, default=SPLITS, type=click.Choice(SPLITS))
@click.pass_context
def main(context: click.Context, data: Path, splits: tuple[str, ...]) -> None:
    """Look at every image with detectors made for photographs; print the datasheet's table, with counts.

    Exit code 1 where something that is asked for does not hold.
    """
    # networks load in seconds: not for --help
    from .checks import bodies, faces, items
    from .checks import splits as between

    albums = {split: read(data, split) for split in splits}
    columns: dict[str, list[Figure]] = {}
    seen: dict[str, faces.Faces] = {}
    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*bar, console=Console(stderr=True)) as progress:
        for split, photographs in albums.items():

            def stage(what: str, total: int = len(photographs), name: str = split) -> Callable[[], None]:
                task = progress.add_task(f"{what}, {name}", total=total)
                return lambda: progress.advance(task)

            seen[split] = faces.look(photographs, stage("faces"))
            columns[split] = [
                *faces.figures(seen[split]),
                *bodies.figures(bodies.look(photographs, stage("bodies"))),
                *items.look(photographs, stage("items")),
            ]
    shared = [*faces.across(seen["train"], seen["test"]), *between.figures(data)] if set(splits) == set(SPLITS) else []
    click.echo(table(columns))
    if shared:
        click.echo("\n" + table({"both": shared}))
    if not all(figure.holds for figures in [*columns.values(), shared] for figure in figures):
        context.exit(1)


def table(columns: dict[str, list[Figure]]) -> str:
    """Markdown: a row a figure, a column a split; what does not hold is bold."""
    lines = [["", "asked", *columns], ["---"] * (2 + len(columns))]
    for row in zip(*columns.values(), strict=True):
        lines.append([row[0].what, row[0].asked, *(f.value if f.holds else f"**{f.value}**" for f in row)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
