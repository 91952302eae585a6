"""A table of the leaderboard as a sheet of text, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from fhpt_bench.errors import plain
from fhpt_bench.reporting.formatting import number_format
from leaderboards.literature import PublishedRow, PublishedScore
from leaderboards.tables import Cell, Column, Row, Table
from leaderboards.text_table import Entry, Head, Line, TextTable, terminal_blocks

# Digits of a value: more where all columns then fit beside each other.
DIGITS = (4, 3)


def as_text_table(table: Table, width: int | None = None) -> TextTable:
    """A table as text.

    Args:
        table: from `build_tables`.
        width: of the terminal that it is for, in characters: values get the digits that let all columns stand beside
            each other, if any do; None gives them all.
    """
    sheets = [_as_text_table(table, digits) for digits in DIGITS]
    if width is None:
        return sheets[0]
    return next((sheet for sheet in sheets if len(terminal_blocks(sheet, width)) == 1), sheets[-1])


def _as_text_table(table: Table, digits: int) -> TextTable:
    specs = [_format(table, i, digits) for i in range(len(table.columns))]
    return TextTable(
        _heading(table),
        tuple(Head(tuple(_head(column)), plain(column.fingerprint)) for column in table.columns),
        tuple(
            Line(
                (row.label,),
                tuple(
                    Entry(tuple(_cell(cell, spec, table)), cell is not None and cell.rank == 1)
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
    """All tables as one CSV: a row a model and score, numbers in full.

    Args:
        tables: from `build_tables`.
        published: rows of the literature, which go below, marked by the column `published` and without rank or
            fingerprint.

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


def _cell(cell: Cell | None, spec: str, table: Table) -> list[str]:
    """Lines: value and rank (or a word); interval; n where it is not the number of pairs."""
    if cell is None:
        return ["-"]
    score = cell.score
    if score.value is None:
        return [score.status]
    rank = f" ({cell.rank}{'=' if cell.shared else ''})" if cell.rank else ""
    lines = [f"{score.value:{spec}}{rank}"]
    if score.interval is not None:
        lines.append(f"[{score.interval[0]:{spec}}, {score.interval[1]:{spec}}]")
    if score.n != table.benchmark.n_pairs:
        lines.append(f"n={score.n}")
    return lines
