"""Text tables on standard output, in one of three formats."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from fhpt_bench.reporting.listing import echo
from leaderboards.latex import PREAMBLE, latex
from leaderboards.text_table import TextTable, markdown, terminal


def print_tables(tables: Sequence[TextTable], format_: str, hint: str = "", more: Sequence[TextTable] = ()) -> None:
    """Print tables.

    Args:
        tables: the tables, each with at least one row.
        format_: one of `text_table.FORMATS`; "table" is for the terminal.
        hint: a line below them, if any.
        more: further tables below that line.
    """
    if format_ == "table":
        console = Console(highlight=False)
        for table in tables:
            console.print(*terminal(table, console.width), sep="\n")
        if hint:
            console.print(hint, "", markup=False, sep="\n")
        for table in more:
            console.print(*terminal(table, console.width), sep="\n")
    elif format_ == "markdown":
        parts = [*map(markdown, tables), *([f"{hint}\n"] if hint else []), *map(markdown, more)]
        echo("\n".join(parts), end="")
    else:
        parts = [*map(latex, tables), *([f"% {hint}\n"] if hint else []), *map(latex, more)]
        echo("\n".join([PREAMBLE, *parts]), end="")
