"""Lines, lists and cards in the terminal: the only way in which commands print texts of files and names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fhpt_bench.errors import plain
from fhpt_bench.registry import Entry


def echo(text: str = "", err: bool = False, end: str = "\n") -> None:
    """Print lines without control characters.

    Args:
        text: one or more lines.
        err: print to standard error.
        end: what follows the text.
    """
    click.echo("\n".join(map(plain, text.split("\n"))) + end, nl=False, err=err)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under headings; their content is text, never markup or control characters."""
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")  # a shortened name could be confused with others
    for row in rows:
        table.add_row(*(escape(plain(cell)) for cell in row))
    Console(emoji=False).print(table)


def print_card(title: str, facts: Mapping[str, str]) -> None:
    """Print facts with their names under a title."""
    console = Console(emoji=False)
    console.print(f"[bold]{escape(plain(title))}[/bold]")
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2))
    for name, fact in facts.items():
        table.add_row(escape(plain(name)), escape(plain(fact)))
    console.print(table)


def not_loaded(entry: Entry, command: str) -> str:
    """What a list says of another package's plugin, which is not loaded for it.

    Args:
        entry: the plugin.
        command: the command that shows its card.
    """
    return f"not loaded: `fhpt-bench {command} {entry.name}` shows its card"
