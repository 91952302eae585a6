"""The paper's Tables II to VI from records, with the printed numbers in columns of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fhpt_bench.errors import plain
from fhpt_bench.records.schema import Record
from fhpt_bench.reporting.formatting import describe_pairs, score_format
from leaderboards.columns import Column, find_columns
from leaderboards.footnotes import footnotes
from leaderboards.literature import PublishedRow
from leaderboards.measured import label_of
from leaderboards.paper.choice import Choice
from leaderboards.paper.contents import Measure, PaperTable, System
from leaderboards.ranking import Measured, Ranking, rank_models
from leaderboards.rendering import cell_lines, head
from leaderboards.text_table import TextCell, TextColumn, TextRow, TextTable

_BETWEEN = ", "
_NOTHING = "-"
_APART = "†"
_PRINTED = (
    "printed: the number in the paper, not measured here. It can be compared with the column before it only as far as "
    "images, weights and definition are the same."
)
_OTHERS = f"{_APART}: measured on other pairs, data or weights than the rest of the column, and not comparable with it."


@dataclass(frozen=True)
class Filled:
    """A measure of some systems.

    Args:
        measure: the measure.
        column: the score that was chosen for it, or None if no record has one.
        ranking: the records' scores in this column, or None.
    """

    measure: Measure
    column: Column | None
    ranking: Ranking | None


def paper_table(table: PaperTable, choice: Choice, published: Sequence[PublishedRow]) -> TextTable:
    """Make one of the paper's tables.

    Args:
        table: which one.
        choice: the records.
        published: rows of `leaderboards/published`; those of the table's source and of the records' benchmark are used.

    Returns:
        A row for each system of the paper; a dash where there is no record or no printed number. A column without any
        of both is left out, and a footnote says so.
    """
    measured = [choice.measured[system.model] for system in table.systems if system.model in choice.measured]
    records = [record for record, _ in measured]
    printed = _printed(table, choice.benchmark.id, published)
    everything = find_columns(records)
    filled = [fill(measure, everything, measured, choice) for measure in table.measures]
    numbers = {measure for measure in table.measures if any(_number(measure, row) for row in printed.values())}
    shown = [part for part in filled if part.column or part.measure in numbers]
    lacking = [part.measure.keys[0] for part in filled if part not in shown]
    references: dict[str, int] = {}
    columns: list[TextColumn] = []
    for part in shown:
        label = tuple(head(part.column)) if part.column else (part.measure.keys[0], "not measured")
        columns.append(TextColumn(label, part.column.fingerprint if part.column else ""))
        if part.measure in numbers:
            columns.append(TextColumn(("printed",)))
    rows = []
    for system in table.systems:
        cells: list[TextCell] = []
        for part in shown:
            cells.append(_measured_cell(system, part, records, choice))
            if part.measure in numbers:
                cells.append(TextCell((_number(part.measure, printed[system]) or _NOTHING,)))
        rows.append(_row(system, choice, cells, printed[system], references))
    notes = [
        *footnotes(
            [part.column for part in shown if part.column], [part.ranking for part in shown if part.ranking], records,
            [label_of(record) for record in records],
        ),
        *([_PRINTED] if numbers else []),
        *([_OTHERS] if any(_APART in cell.lines[0] for row in rows for cell in row.cells) else []),
        *([f"Not measured in any record: {', '.join(lacking)}."] if lacking else []),
        *_elsewhere(table, [part.column for part in shown if part.column], choice),
    ] if records else ["No system of this table has a record."]  # fmt: skip
    heading = f"Table {table.number}: {table.title}. {describe_pairs(choice.benchmark)}"
    return TextTable(heading, tuple(columns), tuple(rows), tuple(notes), tuple(references))


def fill(measure: Measure, columns: Sequence[Column], measured: Sequence[Measured], choice: Choice) -> Filled:
    """Choose the score, and its fingerprint, that most records have.

    A record that leaves pairs out counts only if there are no others.

    Args:
        measure: the measure.
        columns: all columns of the records (`find_columns`).
        measured: the records.
        choice: the records of all models.
    """
    records = [record for record, _ in measured]
    whole = [record for record in records if record.benchmark.pairs_sha256 == choice.benchmark.pairs_sha256]
    for some in (whole, records):
        counts = Counter((s.key, s.fingerprint) for r in some for s in r.scores if s.value is not None)
        # The first of equals: the paper's own definition.
        able = [pair for key in measure.keys for pair in counts if pair[0] == key]
        found = max(able, key=lambda pair: counts[pair], default=None)
        if found is not None:
            column = next(column for column in columns if (column.key, column.fingerprint) == found)
            return Filled(measure, column, rank_models(column, measured))
    return Filled(measure, None, None)


def _elsewhere(table: PaperTable, columns: Sequence[Column], choice: Choice) -> list[str]:
    """Notes on values that only another record of a system has than its newest one."""
    notes = []
    for system in table.systems:
        for other in (record for record in choice.others if record.model.name == system.model):
            lacking = _valued(other) - _valued(choice.measured[system.model][0])
            if keys := [column.name for column in columns if column.key in lacking]:
                notes.append(
                    f"{system.label}: the newest record lacks {', '.join(keys)}, which another one has "
                    f"({label_of(other)}): measure these scores in the same run folder, or leave the newest record out."
                )
    return notes


def _valued(record: Record) -> set[str]:
    return {score.key for score in record.scores if score.value is not None}


def _number(measure: Measure, printed: Mapping[str, tuple[str, PublishedRow]]) -> str | None:
    """The number that the paper prints for a system, with its digits."""
    return next((printed[name][0] for name in measure.printed if name in printed), None)


def _measured_cell(system: System, part: Filled, records: Sequence[Record], choice: Choice) -> TextCell:
    if part.column is None or part.ranking is None or system.model not in choice.measured:
        return TextCell((_NOTHING,))
    record = choice.measured[system.model][0]
    cell = part.ranking.cells[records.index(record)]
    values = [found.score.value for found in part.ranking.cells if found is not None and found.score.value is not None]
    spec = score_format(values, part.column.metric)
    if cell is None:
        other = next((s for s in record.scores if s.key == part.column.key and s.value is not None), None)
        if other is None:
            return TextCell((_NOTHING,))
        return TextCell((f"{other.value:{spec}}{_APART}", f"n={other.n}"))
    return TextCell(tuple(cell_lines(cell, spec, _BETWEEN, choice.benchmark.n_pairs)), cell.rank == 1)


def _row(
    system: System,
    choice: Choice,
    cells: Sequence[TextCell],
    printed: Mapping[str, tuple[str, PublishedRow]],
    references: dict[str, int],
) -> TextRow:
    """A row; the notes of its printed numbers are added to the references."""
    texts = []
    for _, row in printed.values():
        source = row.source
        texts += [f"{source.name}, {source.url} ({source.grade}): {source.note}", row.note]
    numbers = tuple(dict.fromkeys(references.setdefault(plain(t), len(references) + 1) for t in texts if t))
    found = choice.measured.get(system.model)
    below = label_of(found[0]) if found else f"{system.model}: no record"
    cited = f" {list(numbers)}" if numbers else ""
    return TextRow((system.label, f"{below}{cited}"), tuple(cells), numbers)


def _printed(
    table: PaperTable, benchmark: str, published: Sequence[PublishedRow]
) -> dict[System, dict[str, tuple[str, PublishedRow]]]:
    """System -> score -> the printed number, with the digits of the paper, and its row."""
    return {
        system: {
            score.key: (f"{score.value:f}", row)
            for row in published
            if row.benchmark == benchmark and row.source.name == table.source
            and (row.system, row.setting) == system.published
            for score in row.scores
        }
        for system in table.systems
    }  # fmt: skip
