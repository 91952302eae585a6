"""A table as text, of measured or of published numbers: for a terminal and as GitHub Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

FORMATS = ("table", "markdown", "latex")
NAME_WIDTH = 28
_HEAD_WIDTH = 8  # a column head is not folded to less
_GAP = 2  # between columns; 1 in a block that is too wide with it


@dataclass(frozen=True)
class TextColumn:
    """The head of a column.

    Args:
        lines: its label, and what distinguishes it from other columns.
        fingerprint: fingerprint of its values, or "" if they have none.
    """

    lines: tuple[str, ...]
    fingerprint: str = ""


@dataclass(frozen=True)
class TextCell:
    """A cell.

    Args:
        lines: the value, and what is printed below it.
        best: whether it has rank 1.
    """

    lines: tuple[str, ...]
    best: bool = False

    @property
    def starred(self) -> tuple[str, ...]:
        """The lines, with a star before a value of rank 1, because bold type may not be visible."""
        return (f"*{self.lines[0]}", *self.lines[1:]) if self.best else self.lines


@dataclass(frozen=True)
class TextRow:
    """A row.

    Args:
        label: the lines of its label.
        cells: one per column.
        references: the numbers of the references that it cites.
    """

    label: tuple[str, ...]
    cells: tuple[TextCell, ...]
    references: tuple[int, ...] = ()


@dataclass(frozen=True)
class TextTable:
    """A table as text.

    Args:
        heading: one line above it.
        columns: the heads of the columns.
        rows: the rows.
        notes: the footnotes.
        references: the cited sources, numbered from 1.
    """

    heading: str
    columns: tuple[TextColumn, ...]
    rows: tuple[TextRow, ...]
    notes: tuple[str, ...]
    references: tuple[str, ...] = ()

    @property
    def remarks(self) -> list[str]:
        """Footnotes, then the references with their numbers."""
        return [*self.notes, *(f"[{i}] {text}" for i, text in enumerate(self.references, 1))]


def pack(widths: Sequence[float], room: float) -> list[list[int]]:
    """Distribute columns over blocks, in order, so that each block is narrow enough.

    Args:
        widths: width of each column, with its gap.
        room: the greatest width of a block; a wider column gets its own block.

    Returns:
        The indices of the columns in each block.

    Examples:
        >>> pack([3, 3, 3, 9, 1], 7)
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
    """The columns of each block.

    Args:
        table: the table.
        width: of the terminal, in characters.
    """
    return pack([1 + _column_width(table, i) for i in range(len(table.columns))], width - _name_width(table))


def terminal(table: TextTable, width: int) -> list[RenderableType]:
    """A table for a terminal; columns that do not fit go into further blocks, so that no number is cut.

    Args:
        table: a table with at least one row.
        width: of the terminal, in characters.

    Returns:
        What a rich console prints: heading, blocks of columns, footnotes, references.
    """
    from rich.text import Text

    return [
        Text(table.heading, style="bold"),
        *(part for block in terminal_blocks(table, width) for part in (_block(table, block, width), Text())),
        *(Text(remark, style="dim") for remark in table.remarks),
        Text(),
    ]


def _block(table: TextTable, block: list[int], width: int) -> RenderableType:
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    widest = _name_width(table) + sum(_GAP + _column_width(table, i) for i in block)
    padding = (0, _GAP - 1 if widest <= width else 0, 0, 0)
    grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=padding)
    grid.add_column("model", max_width=NAME_WIDTH, overflow="fold")
    for i in block:
        grid.add_column(Text("\n".join(_head(table, i))), justify="right", no_wrap=True)
    for row in table.rows:
        cells = []
        for cell in (row.cells[i] for i in block):
            first, *rest = cell.starred
            cells.append(Text.assemble((first, "bold" if cell.best else ""), ("\n".join(["", *rest]), "dim")))
        name, *more = row.label
        grid.add_row(Text.assemble(name, ("\n".join(["", *more]), "dim")), *cells)
    return grid


def _name_width(table: TextTable) -> int:
    from rich.cells import cell_len

    return min(
        NAME_WIDTH, max(cell_len(line) for line in ("model", *(line for row in table.rows for line in row.label)))
    )


def _column_width(table: TextTable, i: int) -> int:
    from rich.cells import cell_len

    return max(_cell_width(table, i), *map(cell_len, _head(table, i)))


def _cell_width(table: TextTable, i: int) -> int:
    from rich.cells import cell_len

    return max(cell_len(line) for row in table.rows for line in row.cells[i].starred)


def _head(table: TextTable, i: int) -> list[str]:
    """The lines of a column's head, folded between words to the width of its cells; an arrow stays with its word."""
    room = max(_HEAD_WIDTH, _cell_width(table, i))
    lines = [re.sub(r" (?=[↑↓]$)", "\N{NO-BREAK SPACE}", line) for line in table.columns[i].lines]
    folded = [part for line in lines for part in wrap(line, room, break_long_words=False)]
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in folded]


def markdown(table: TextTable) -> str:
    """A table as GitHub Markdown, with rank-1 values in bold and the footnotes as a list.

    Args:
        table: a table with at least one row.
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
        for cell in row.cells:
            first, *rest = map(_escaped, cell.starred)
            cells.append(" ".join([f"**{first}**" if cell.best else first, *rest]))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(f"- {_escaped(remark)}" for remark in table.remarks), ""])


def _escaped(text: str) -> str:
    """Text without characters that Markdown or HTML would interpret."""
    return re.sub(r"([\\`*_\[\]<>|#&~!])", r"\\\1", text)
