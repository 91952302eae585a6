"""Progress bars with rate and remaining time, on standard error."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import Protocol

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from fhpt_bench.errors import plain

_RATE_PERIOD = 600  # seconds over which the rate is averaged: one training iteration may take long


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        digits = ".1f" if (task.speed or 0) >= 1 else ".2g"
        return Text(f"{task.speed:{digits}}/s" if task.speed else "", style="progress.data.speed")


class _Noted(Progress):
    """Progress bars with notes below them."""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        yield from (Text(task.fields["note"], style="dim") for task in self.tasks if task.fields["note"])


class Advance(Protocol):
    """Advances a bar by some steps and sets its note."""

    def __call__(self, steps: int, note: str | None = None) -> None:
        """A note stays until the next one."""


@contextlib.contextmanager
def progress_bar(what: str, total: int, shown: bool, begun: int = 0) -> Iterator[Advance]:
    """A progress bar on standard error.

    Args:
        what: name of the stage.
        total: number of steps.
        shown: False for the Python interface; of several processes only the first one shows it.
        begun: steps that were done before, which do not count for the rate.

    Yields:
        A function that advances the bar by some steps.
    """
    shown = shown and _is_first()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with _Noted(*columns, console=console, disable=not shown, speed_estimate_period=_RATE_PERIOD) as progress:
        task = progress.add_task(plain(what), total=total, completed=begun, note="")

        def advance(steps: int, note: str | None = None) -> None:
            if note is not None:
                progress.update(task, note=plain(note))
            progress.advance(task, steps)

        yield advance


def print_note(text: str, shown: bool) -> None:
    """Print a line on standard error.

    Args:
        text: the line, without markup.
        shown: False for the Python interface; of several processes only the first one prints it.
    """
    if shown and _is_first():
        Console(stderr=True).print(plain(text), markup=False, highlight=False, soft_wrap=True)


def _is_first() -> bool:
    return os.environ.get("RANK", "0") == "0"
