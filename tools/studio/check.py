"""python -m tools.studio.check --data DIR: is the rendered benchmark fit to measure with?

It needs the toolkit's own environment (dlib, MediaPipe, VGG16), not the renderer's.
"""

from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .checks.photographs import SPLITS, Figure, read


@click.command(context_settings={"show_default": True})
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--split", type=click.Choice(SPLITS), default="test", help="Where bodies and items are looked at.")
@click.pass_context
def main(context: click.Context, data: Path, split: str) -> None:
    """Look at the images with detectors made for photographs; print the datasheet's tables, with counts.

    Faces are looked at in both splits. Exit code 1 where something that is asked for does not hold.
    """
    # networks load in seconds: not for --help
    from .checks import bodies, faces, items
    from .checks import splits as between

    albums = {name: read(data, name) for name in SPLITS}
    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*bar, console=Console(stderr=True)) as progress:

        def stage(what: str, total: int) -> Callable[[], None]:
            task = progress.add_task(what, total=total)
            return lambda: progress.advance(task)

        seen = {name: faces.look(album, stage(f"faces, {name}", len(album))) for name, album in albums.items()}
        chosen = albums[split]
        figures = {
            **{f"faces, {name}": faces.figures(found) for name, found in seen.items()},
            f"bodies and items, {split}": [
                *bodies.figures(bodies.look(chosen, stage(f"bodies, {split}", len(chosen)))),
                *items.look(chosen, stage(f"items, {split}", len(chosen))),
            ],
            "both splits": [*faces.across(seen["train"], seen["test"]), *between.figures(data)],
        }
    for title, rows in figures.items():
        click.echo(table(title, rows) + "\n")
    if not all(figure.holds for rows in figures.values() for figure in rows):
        context.exit(1)


def table(title: str, figures: list[Figure]) -> str:
    """Markdown, a row a figure; what does not hold is bold."""
    lines = [[title, "asked", "found"], ["---"] * 3]
    for figure in figures:
        lines.append([figure.what, figure.asked, figure.value if figure.holds else f"**{figure.value}**"])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
