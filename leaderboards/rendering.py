"""A table of the leaderboard as a text table, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from fhpt_bench.errors import plain
from fhpt_bench.reporting.formatting import DIGITS, score_format
from leaderboards.columns import Column
from leaderboards.literature import PublishedRow, PublishedScore
from leaderboards.ranking import Cell
from leaderboards.tables import Row, Table
from leaderboards.text_table import TextCell, TextColumn, TextRow, TextTable, terminal_blocks

# Digits of a value, and what separates the bounds of an interval; from wide to narrow.
LAYOUTS = ((DIGITS, ", "), (3, ", "), (3, ","), (3, ",\n"))


def as_text_table(table: Table, width: int | None = None) -> TextTable:
    """A table as text.

    Args:
        table: from `build_tables`.
        width: of the terminal, in characters: selects the widest layout that needs the fewest blocks of columns;
            default: the widest layout.
    """
    if width is None:
        return _as_text_table(table, *LAYOUTS[0])
    layouts = [_as_text_table(table, *layout) for layout in LAYOUTS]
    return min(layouts, key=lambda text: len(terminal_blocks(text, width)))


def _as_text_table(table: Table, digits: int, between: str) -> TextTable:
    specs = [_format(table, i, digits) for i in range(len(table.columns))]
    return TextTable(
        table.heading,
        tuple(TextColumn(tuple(head(column)), plain(column.fingerprint)) for column in table.columns),
        tuple(
            TextRow(
                (row.label,),
                tuple(
                    TextCell(
                        tuple(cell_lines(cell, spec, between, table.benchmark.n_pairs)),
                        cell is not None and cell.rank == 1,
                    )
                    for cell, spec in zip(row.cells, specs, strict=True)
                ),
            )
            for row in table.rows
        ),
        table.notes,
    )


CSV_COLUMNS = (
    "benchmark", "version", "pairs_sha256", "subset", "limit", "pairs", "model", "label", "folder", "oracle",
    "conditioning", "codec", "protocol", "variant", "metric", "unit", "higher_is_better", "fingerprint", "status",
    "value", "low", "high", "interval", "n", "rank", "reason", "published", "setting", "measured_by", "source", "url",
    "grade", "note",
)  # fmt: skip


def comma_separated(tables: Sequence[Table], published: Sequence[PublishedRow] = ()) -> str:
    """All tables as one CSV: one row per model and score, numbers in full precision.

    Args:
        tables: from `build_tables`.
        published: rows from papers, which follow the tables; they have True in the column `published`, and no rank or
            fingerprint.

    Returns:
        A header line and the rows; a text that a spreadsheet would read as a formula starts with an apostrophe.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for table in tables:
        for row in table.rows:
            for cell in row.cells:
                if cell is not None:
                    writer.writerow([_safe(value) for value in _fields(table, row, cell)])
    for paper in published:
        for score in paper.scores:
            fields = _published_fields(paper, score)
            writer.writerow([_safe(fields.get(column)) for column in CSV_COLUMNS])
    return file.getvalue()


def _fields(table: Table, row: Row, cell: Cell) -> tuple[object, ...]:
    benchmark, model, score = table.benchmark, row.record.model, cell.score
    low, high, method = score.interval or (None, None, None)
    return (
        benchmark.id, benchmark.version, benchmark.pairs_sha256, benchmark.subset, benchmark.limit, benchmark.n_pairs,
        model.name, row.label, str(row.record.folder), model.oracle, " ".join(model.conditioning), model.codec,
        score.protocol, score.variant, score.metric, score.unit, score.higher_is_better, score.fingerprint,
        score.status, score.value, low, high, method, score.n, cell.rank, score.reason, False, *[None] * 6,
    )  # fmt: skip


def _published_fields(row: PublishedRow, score: PublishedScore) -> dict[str, object]:
    metric, source = score.metric, row.source
    return {
        "benchmark": row.benchmark, "model": row.system, "label": row.system, "protocol": score.protocol,
        "variant": score.variant, "metric": metric.name, "unit": metric.unit,
        "higher_is_better": metric.higher_is_better, "status": "published", "value": score.value, "n": row.n,
        "published": True, "setting": row.setting, "measured_by": row.measured_by, "source": source.name,
        "url": source.url, "grade": source.grade, "note": row.remarks,
    }  # fmt: skip


def _safe(value: object) -> object:
    """A CSV field that a spreadsheet does not run as a formula; numbers are unchanged."""
    if not isinstance(value, str):
        return value
    text = plain(value)
    return f"'{text}" if text.lstrip()[:1] in tuple("=+-@\N{REPLACEMENT CHARACTER}") else text


def head(column: Column) -> list[str]:
    """The lines of a column's head.

    Args:
        column: the column.

    Returns:
        Label with unit and direction; the protocol, if the label does not begin with it; variant; fingerprint.
    """
    unit = f" ({column.unit})" if column.unit else ""
    protocol, variant, _ = column.key.split(":", 2)
    label, start = ("".join(filter(str.isalnum, text)).casefold() for text in (column.label, protocol))
    lines = [
        f"{column.label}{unit} {'↑' if column.higher_is_better else '↓'}",
        "" if label.startswith(start) else f"{protocol}:",
        variant,
        f"#{column.tag}" if column.tag else "",
    ]
    return [plain(line) for line in lines if line]


def _format(table: Table, i: int, digits: int) -> str:
    """A number format from the values of the models: an oracle's round 1 or 0 must not cost the others a digit."""
    values = {False: [0.0], True: [0.0]}
    for row in table.rows:
        cell = row.cells[i]
        if cell is not None and cell.score.value is not None:
            values[row.record.model.oracle].append(cell.score.value)
    return score_format(values[len(values[False]) == 1], table.columns[i].metric, digits)


def cell_lines(cell: Cell | None, spec: str, between: str, n_pairs: int) -> list[str]:
    """The lines of a cell.

    Args:
        cell: the cell, or None if the record does not have the score.
        spec: format of its numbers.
        between: what separates the bounds of an interval.
        n_pairs: number of pairs of the table.

    Returns:
        Value and rank (or the status); interval; n if it is not the number of pairs.
    """
    if cell is None:
        return ["-"]
    score = cell.score
    if score.value is None:
        return [score.status]
    rank = f" ({cell.rank}{'=' if cell.shared else ''})" if cell.rank else ""
    lines = [f"{score.value:{spec}}{rank}"]
    if score.interval is not None:
        lines += f"[{score.interval[0]:{spec}}{between}{score.interval[1]:{spec}}]".split("\n")
    if score.n != n_pairs:
        lines.append(f"n={score.n}")
    return lines
