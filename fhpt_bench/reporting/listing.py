"""Lists and cards in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under headings; their content is text, never markup."""
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")  # a shortened name could be confused with others
    for row in rows:
        table.add_row(*map(escape, row))
    Console(emoji=False).print(table)


def print_card(title: str, facts: Mapping[str, str]) -> None:
    """Print facts with their names under a title."""
    console = Console(emoji=False)
    console.print(f"[bold]{escape(title)}[/bold]")
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2))
    for name, fact in facts.items():
        table.add_row(escape(name), escape(fact))
    console.print(table)
