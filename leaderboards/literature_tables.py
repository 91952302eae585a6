"""Published rows as tables: sorted by name, beside their sources, never ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from fhpt_bench.errors import plain
from leaderboards.literature import UNKNOWN, PublishedRow, PublishedScore
from leaderboards.text_table import Entry, Head, Line, TextTable

_DIGITS = 5  # of a value; sources that print more of them are logs
_NOTES = (
    "Copied from their sources, not measured here. Images, pairs, sizes and settings differ from row to row, so the "
    "rows are sorted by name and never ranked, neither among each other nor with measured ones.",
    "Below a value: the variant of the protocol that its source used; none where that is not known.",
    "Below a name: where it was read, and by whom it was measured where that is said.",
    "A: read in the text of a paper; B: in an author's repository or an issue thread.",
)


def published_tables(rows: Sequence[PublishedRow]) -> list[TextTable]:
    """Published rows as tables: one for protocols that papers report together, the longest first; what
    holds for all of them stands below the last.

    Args:
        rows: from `load_published`, in the order in which they are to stand.
    """
    tables: list[TextTable] = []
    for benchmark in sorted({row.benchmark for row in rows}):
        own = [row for row in rows if row.benchmark == benchmark]
        members = [
            [row for row in own if any(score.protocol in family for score in row.scores)] for family in _families(own)
        ]
        tables += [_text_table(benchmark, some) for some in sorted(members, key=len, reverse=True)]
    return [*tables[:-1], *(replace(table, notes=_NOTES) for table in tables[-1:])]


def _families(rows: Sequence[PublishedRow]) -> list[set[str]]:
    """Protocols of which some row reports several belong to one family."""
    families: list[set[str]] = []
    for row in rows:
        own = {score.protocol for score in row.scores}
        touched = [family for family in families if family & own]
        families = [family for family in families if not family & own] + [own.union(*touched)]
    return families


def _text_table(benchmark: str, rows: Sequence[PublishedRow]) -> TextTable:
    # The rows that report most say in which order scores stand.
    scores = [score for row in sorted(rows, key=lambda row: -len(row.scores)) for score in row.scores]
    columns = {_column(score): score.metric for score in scores}
    references: dict[str, int] = {}
    return TextTable(
        plain(f"{benchmark}, as published: {len(rows)} rows, never ranked"),
        tuple(
            Head((f"{metric.label} {'↑' if metric.higher_is_better else '↓'}", *filter(None, [metric.unit])))
            for metric in columns.values()
        ),
        tuple(_line(row, list(columns), references) for row in rows),
        (),
        tuple(references),
    )


def _column(score: PublishedScore) -> tuple[str, str]:
    return score.protocol, score.metric.name


def _line(row: PublishedRow, columns: Sequence[tuple[str, str]], references: dict[str, int]) -> Line:
    """A row, which adds what it refers to."""
    source = row.source
    told = [f"{source.name}, {source.url} ({source.grade}){': ' if source.note else '.'}{source.note}", row.note]
    numbers = tuple(references.setdefault(plain(text), len(references) + 1) for text in told if text)
    label = (
        ", ".join(filter(None, (row.system, row.setting, f"n = {row.n:,}" if row.n else ""))),
        f"{source.name} {list(numbers)}" + (f", by {row.measured_by}" if row.measured_by else ""),
    )
    found = {_column(score): score for score in row.scores}
    return Line(tuple(map(plain, label)), tuple(_entry(found.get(column)) for column in columns), numbers)


def _entry(score: PublishedScore | None) -> Entry:
    if score is None:
        return Entry(("-",))
    return Entry((_figure(score.value), *([score.variant] if score.variant != UNKNOWN else [])))


def _figure(value: Decimal) -> str:
    """As its source prints it, or rounded where that is a log.

    Examples:
        >>> _figure(Decimal("0.090")), _figure(Decimal("0.7725931243170262"))
        ('0.090', '0.77259')
    """
    return f"{value:.{_DIGITS}g}" if len(value.as_tuple().digits) > _DIGITS else f"{value:f}"
