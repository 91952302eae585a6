"""What a table shows, as text, whoever made it: for a terminal and as GitHub Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

NAME_WIDTH = 28


@dataclass(frozen=True)
class Head:
    """The head of a column.

    Args:
        lines: its label, and what tells it from others.
        fingerprint: of the values below it, or "" where they have none.
    """

    lines: tuple[str, ...]
    fingerprint: str = ""


@dataclass(frozen=True)
class Entry:
    """A cell: its value and what stands below it, and whether it is of rank 1."""

    lines: tuple[str, ...]
    best: bool = False

    @property
    def starred(self) -> tuple[str, ...]:
        """The lines, with a star before a value of rank 1, where bold type alone might not show."""
        return (f"*{self.lines[0]}", *self.lines[1:]) if self.best else self.lines


@dataclass(frozen=True)
class Line:
    """A row: lines of its label, a cell a column, and the numbers of the references that it leans on."""

    label: tuple[str, ...]
    entries: tuple[Entry, ...]
    references: tuple[int, ...] = ()


@dataclass(frozen=True)
class TextTable:
    """A table as text; `references` are numbered from 1."""

    heading: str
    columns: tuple[Head, ...]
    rows: tuple[Line, ...]
    notes: tuple[str, ...]
    references: tuple[str, ...] = ()

    @property
    def remarks(self) -> list[str]:
        """Footnotes, then the references with their numbers."""
        return [*self.notes, *(f"[{i}] {text}" for i, text in enumerate(self.references, 1))]


def deal(widths: Sequence[float], room: float) -> list[list[int]]:
    """Deal columns into blocks that fit beside each other.

    Args:
        widths: of each column, with its gap.
        room: what a block may take; a column that is wider than that stands alone.

    Examples:
        >>> deal([3, 3, 3, 9, 1], 7)
        [[0, 1], [2], [3], [4]]
    """
    blocks: list[list[int]] = [[]]
    used = 0.0
    for i, wide in enumerate(widths):
        if used + wide > room and blocks[-1]:
            blocks.append([])
            used = 0.0
        blocks[-1].append(i)
        used += wide
    return blocks


def terminal_blocks(table: TextTable, width: int) -> list[list[int]]:
    """The columns that fit beside each other and the names, on a terminal of so many characters."""
    from rich.cells import cell_len

    names = min(NAME_WIDTH, max(cell_len(line) for row in table.rows for line in row.label))
    widths = []
    for i, column in enumerate(table.columns):
        texts = [column.lines, *(row.entries[i].starred for row in table.rows)]
        widths.append(2 + max(cell_len(line) for lines in texts for line in lines))
    return deal(widths, width - names)


def terminal(table: TextTable, width: int) -> list[RenderableType]:
    """A table for a terminal; columns that do not fit go into a further block, so that no number is cut.

    Args:
        table: with at least one row.
        width: of the terminal, in characters.

    Returns:
        What a rich console prints: heading, blocks of columns, footnotes, references.
    """
    from rich.text import Text

    return [
        Text(table.heading, style="bold"),
        *(_block(table, block) for block in terminal_blocks(table, width)),
        *(Text(remark, style="dim") for remark in table.remarks),
        Text(),
    ]


def _block(table: TextTable, block: list[int]) -> RenderableType:
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    grid.add_column("model", max_width=NAME_WIDTH, overflow="fold")
    for i in block:
        grid.add_column(Text("\n".join(table.columns[i].lines)), justify="right", no_wrap=True)
    for row in table.rows:
        cells = []
        for entry in (row.entries[i] for i in block):
            first, *rest = entry.starred
            cells.append(Text.assemble((first, "bold" if entry.best else ""), ("\n".join(["", *rest]), "dim")))
        name, *more = row.label
        grid.add_row(Text.assemble(name, ("\n".join(["", *more]), "dim")), *cells)
    return grid


def markdown(table: TextTable) -> str:
    """A table as GitHub Markdown, the rank-1 values bold, its footnotes as a list.

    Args:
        table: with at least one row.
    """
    head = ["model", *(" ".join(column.lines) for column in table.columns)]
    lines = [
        f"**{_escaped(table.heading)}**",
        "",
        f"| {' | '.join(map(_escaped, head))} |",
        f"|{'|'.join([':--', *['--:'] * len(table.columns)])}|",
    ]
    for row in table.rows:
        cells = [_escaped("; ".join(row.label))]
        for entry in row.entries:
            first, *rest = map(_escaped, entry.starred)
            cells.append(" ".join([f"**{first}**" if entry.best else first, *rest]))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(f"- {_escaped(remark)}" for remark in table.remarks), ""])


def _escaped(text: str) -> str:
    """Text in which Markdown and HTML find nothing to act upon."""
    return re.sub(r"([\\`*_\[\]<>|#&~!])", r"\\\1", text)
