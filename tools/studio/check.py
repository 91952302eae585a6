"""Check the quality of the rendered benchmark: `python -m tools.studio.check --data DIR`.

Run it in the toolkit's environment (dlib, MediaPipe, VGG16), not in the renderer's.
"""

from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .checks.photographs import SPLITS, Figure, read


@click.command(context_settings={"show_default": True})
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--split", type=click.Choice(SPLITS), default="test", help="Split in which bodies and items are checked.")
@click.pass_context
def main(context: click.Context, data: Path, split: str) -> None:
    """Run detectors made for photographs on the rendered images; print the datasheet's tables, with counts.

    Faces are checked in both splits. The exit code is 1 if a requirement is not met.
    """
    # Imported late: the networks take seconds to load, and --help does not need them.
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
    """A Markdown table with one row per figure; figures that miss their requirement are bold."""
    lines = [[title, "required", "measured"], ["---"] * 3]
    for figure in figures:
        lines.append([figure.what, figure.asked, figure.value if figure.holds else f"**{figure.value}**"])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
