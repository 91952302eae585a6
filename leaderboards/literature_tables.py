"""Published rows as tables: sorted by name, with their sources, never ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from fhpt_bench.errors import plain
from leaderboards.literature import UNKNOWN, PublishedRow, PublishedScore
from leaderboards.text_table import TextCell, TextColumn, TextRow, TextTable

_DIGITS = 5  # the most digits of a value; sources that print more are logs
_NOTES = (
    "Copied from their sources, not measured here. Images, pairs, sizes and conditions differ between the rows, so the "
    "rows are sorted by name and never ranked, neither against each other nor against measured rows.",
    "Below a value: the variant of the protocol that its source used; nothing if unknown.",
    "Below a name: the source, and who measured it, if the source states it.",
    "A: read in the text of a paper; B: read in an author's repository or an issue thread.",
)


def published_tables(rows: Sequence[PublishedRow]) -> list[TextTable]:
    """Published rows as tables: one per group of protocols that papers report together, the longest table first.

    The last table has the footnotes of all of them.

    Args:
        rows: from `load_published`, in the order in which they are to be shown.
    """
    tables: list[TextTable] = []
    for benchmark in sorted({row.benchmark for row in rows}):
        own = [row for row in rows if row.benchmark == benchmark]
        members = [
            [row for row in own if any(score.protocol in group for score in row.scores)] for group in _groups(own)
        ]
        tables += [_text_table(benchmark, some) for some in sorted(members, key=len, reverse=True)]
    return [*tables[:-1], *(replace(table, notes=_NOTES) for table in tables[-1:])]


def _groups(rows: Sequence[PublishedRow]) -> list[set[str]]:
    """Groups of protocols: two protocols that one row reports are in the same group."""
    groups: list[set[str]] = []
    for row in rows:
        own = {score.protocol for score in row.scores}
        touched = [group for group in groups if group & own]
        groups = [group for group in groups if not group & own] + [own.union(*touched)]
    return groups


def _text_table(benchmark: str, rows: Sequence[PublishedRow]) -> TextTable:
    # The rows with the most scores determine the order of the columns.
    scores = [score for row in sorted(rows, key=lambda row: -len(row.scores)) for score in row.scores]
    columns = {_column(score): score.metric for score in scores}
    references: dict[str, int] = {}
    return TextTable(
        plain(f"{benchmark}, as published: {len(rows)} rows, never ranked"),
        tuple(
            TextColumn((f"{metric.label} {'↑' if metric.higher_is_better else '↓'}", *filter(None, [metric.unit])))
            for metric in columns.values()
        ),
        tuple(_row(row, list(columns), references) for row in rows),
        (),
        tuple(references),
    )


def _column(score: PublishedScore) -> tuple[str, str]:
    return score.protocol, score.metric.name


def _row(row: PublishedRow, columns: Sequence[tuple[str, str]], references: dict[str, int]) -> TextRow:
    """A row; its sources are added to the references."""
    source = row.source
    texts = [f"{source.name}, {source.url} ({source.grade}){': ' if source.note else '.'}{source.note}", row.note]
    numbers = tuple(references.setdefault(plain(text), len(references) + 1) for text in texts if text)
    label = (
        ", ".join(filter(None, (row.system, row.setting, f"n = {row.n:,}" if row.n else ""))),
        f"{source.name} {list(numbers)}" + (f", by {row.measured_by}" if row.measured_by else ""),
    )
    found = {_column(score): score for score in row.scores}
    return TextRow(tuple(map(plain, label)), tuple(_cell(found.get(column)) for column in columns), numbers)


def _cell(score: PublishedScore | None) -> TextCell:
    if score is None:
        return TextCell(("-",))
    return TextCell((_number(score.value), *([score.variant] if score.variant != UNKNOWN else [])))


def _number(value: Decimal) -> str:
    """The value as its source prints it, or rounded if the source is a log.

    Examples:
        >>> _number(Decimal("0.090")), _number(Decimal("0.7725931243170262"))
        ('0.090', '0.77259')
    """
    return f"{value:.{_DIGITS}g}" if len(value.as_tuple().digits) > _DIGITS else f"{value:f}"
