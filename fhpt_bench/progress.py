"""Progress bars with rate and time left, silent where nobody watches."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "", style="progress.data.speed")


@contextlib.contextmanager
def progress_bar(what: str, total: int, shown: bool) -> Iterator[Callable[[int], None]]:
    """A bar on standard error.

    Args:
        what: the stage, in words.
        total: how many steps.
        shown: False for the Python interface; of several processes the first one shows it.

    Yields:
        A function that moves the bar on by some steps.
    """
    shown = shown and _is_first()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as progress:
        task = progress.add_task(what, total=total)
        yield lambda steps: progress.advance(task, steps)


def tell(text: str, shown: bool) -> None:
    """A line on standard error.

    Args:
        text: without markup.
        shown: False for the Python interface; of several processes the first one shows it.
    """
    if shown and _is_first():
        Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)


def _is_first() -> bool:
    return os.environ.get("RANK", "0") == "0"
