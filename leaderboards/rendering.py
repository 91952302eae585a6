"""A table of the leaderboard as terminal text, as GitHub Markdown and as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fhpt_bench.text import number_format, plain
from leaderboards.tables import Cell, Column, Row, Table

if TYPE_CHECKING:
    from rich.console import RenderableType

# Digits of a value: more where all columns then fit beside each other.
DIGITS = (4, 3)
NAME_WIDTH = 28


def terminal(table: Table, width: int) -> list[RenderableType]:
    """A table for a terminal; columns that do not fit go into a further block, so that no number is cut.

    Args:
        table: from `build_tables`.
        width: of the terminal, in characters.

    Returns:
        What a rich console prints: heading, blocks of columns, footnotes.
    """
    from rich.text import Text

    blocks: list[list[int]] = []
    digits = DIGITS[0]
    for digits in DIGITS:
        blocks = _blocks(table, digits, width)
        if len(blocks) == 1:
            break
    return [
        Text(_heading(table), style="bold"),
        *(_block(table, block, digits) for block in blocks),
        *(Text(note, style="dim") for note in table.notes),
        Text(),
    ]


def _blocks(table: Table, digits: int, width: int) -> list[list[int]]:
    """Deal the columns into blocks that fit."""
    from rich.cells import cell_len

    names = min(NAME_WIDTH, max(cell_len(row.label) for row in table.rows))
    blocks: list[list[int]] = [[]]
    used = names
    for i, column in enumerate(table.columns):
        texts = [_head(column), *(_cell(row.cells[i], _format(table, i, digits), table) for row in table.rows)]
        wide = 2 + max(cell_len(line) for lines in texts for line in lines)
        if used + wide > width and blocks[-1]:
            blocks.append([])
            used = names
        blocks[-1].append(i)
        used += wide
    return blocks


def _block(table: Table, block: list[int], digits: int) -> RenderableType:
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    grid.add_column("model", max_width=NAME_WIDTH, overflow="fold")
    for i in block:
        grid.add_column(Text("\n".join(_head(table.columns[i]))), justify="right", no_wrap=True)
    for row in table.rows:
        cells = []
        for i in block:
            first, *rest = _cell(row.cells[i], _format(table, i, digits), table)
            cells.append(
                Text.assemble((first, "bold" if _is_best(row.cells[i]) else ""), ("\n".join(["", *rest]), "dim"))
            )
        grid.add_row(Text(row.label), *cells)
    return grid


def markdown(table: Table) -> str:
    """A table as GitHub Markdown, the rank-1 values bold, its footnotes as a list.

    Args:
        table: from `build_tables`.
    """
    head = ["model", *(" ".join(_head(column)) for column in table.columns)]
    lines = [
        f"**{_escaped(_heading(table))}**",
        "",
        f"| {' | '.join(map(_escaped, head))} |",
        f"|{'|'.join([':--', *['--:'] * len(table.columns)])}|",
    ]
    for row in table.rows:
        cells = [_escaped(row.label)]
        for i, cell in enumerate(row.cells):
            first, *rest = map(_escaped, _cell(cell, _format(table, i, DIGITS[0]), table))
            cells.append(" ".join([f"**{first}**" if _is_best(cell) else first, *rest]))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(f"- {_escaped(note)}" for note in table.notes), ""])


def _escaped(text: str) -> str:
    """Text in which Markdown and HTML find nothing to act upon."""
    return re.sub(r"([\\`*_\[\]<>|#&~!])", r"\\\1", text)


CSV_COLUMNS = (
    "benchmark", "version", "pairs_sha256", "subset", "limit", "pairs", "model", "label", "folder", "oracle",
    "conditioning", "codec", "protocol", "variant", "metric", "unit", "higher_is_better", "fingerprint", "status",
    "value", "low", "high", "interval", "n", "rank", "reason",
)  # fmt: skip


def comma_separated(tables: Sequence[Table]) -> str:
    """All tables as one CSV: a row a model and score, numbers in full.

    Args:
        tables: from `build_tables`.

    Returns:
        A header line and the rows; a text that a spreadsheet would take for a formula starts with an apostrophe.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for table in tables:
        for row in table.rows:
            for cell in row.cells:
                if cell is not None:
                    writer.writerow([_safe(value) for value in _fields(table, row, cell)])
    return file.getvalue()


def _fields(table: Table, row: Row, cell: Cell) -> tuple[object, ...]:
    benchmark, model, score = table.benchmark, row.record.model, cell.score
    low, high, method = score.interval or (None, None, None)
    return (
        benchmark.id, benchmark.version, benchmark.pairs_sha256, benchmark.subset, benchmark.limit, benchmark.n_pairs,
        model.name, row.label, str(row.record.folder), model.oracle, " ".join(model.conditioning), model.codec,
        score.protocol, score.variant, score.metric, score.unit, score.higher_is_better, score.fingerprint,
        score.status, score.value, low, high, method, score.n, cell.rank, score.reason,
    )  # fmt: skip


def _safe(value: object) -> object:
    """A CSV field that no spreadsheet runs; numbers are as they are."""
    if not isinstance(value, str):
        return value
    text = plain(value)
    return f"'{text}" if text.lstrip()[:1] in tuple("=+-@\N{REPLACEMENT CHARACTER}") else text


def _heading(table: Table) -> str:
    benchmark = table.benchmark
    cut = {"--subset": benchmark.subset, "--limit": benchmark.limit, "missing:": benchmark.missing or None}
    limit = "".join(f" ({option} {value})" for option, value in cut.items() if value is not None)
    return plain(
        f"{benchmark.id} {benchmark.version}: {benchmark.n_pairs} pairs{limit}, pair list {benchmark.pairs_sha256[:6]}"
    )


def _head(column: Column) -> list[str]:
    """Label with direction and unit, protocol and variant, and what tells columns of one key apart."""
    unit = f" ({column.unit})" if column.unit else ""
    protocol, variant, _ = column.key.split(":", 2)
    lines = [f"{column.label}{unit} {'↑' if column.higher_is_better else '↓'}", f"{protocol}:", variant]
    return [plain(line) for line in [*lines, *([f"#{column.tag}"] if column.tag else [])]]


def _format(table: Table, i: int, digits: int) -> str:
    """Digits by the models' values: an oracle's round 1 or 0 must not cost the others a digit."""
    values = {False: [0.0], True: [0.0]}
    for row in table.rows:
        cell = row.cells[i]
        if cell is not None and cell.score.value is not None:
            values[row.record.model.oracle].append(cell.score.value)
    return number_format(values[len(values[False]) == 1], digits)


def _cell(cell: Cell | None, form: str, table: Table) -> list[str]:
    """Lines: value and rank (or a word); interval; n where it is not the number of pairs."""
    if cell is None:
        return ["-"]
    score = cell.score
    if score.value is None:
        return [score.status]
    rank = f" ({cell.rank}{'=' if cell.shared else ''})" if cell.rank else ""
    lines = [f"{'*' if _is_best(cell) else ''}{score.value:{form}}{rank}"]
    if score.interval is not None:
        lines.append(f"[{score.interval[0]:{form}}, {score.interval[1]:{form}}]")
    if score.n != table.benchmark.n_pairs:
        lines.append(f"n={score.n}")
    return lines


def _is_best(cell: Cell | None) -> bool:
    return cell is not None and cell.rank == 1
