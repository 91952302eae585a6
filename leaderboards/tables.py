"""Records as tables: one per benchmark, version, subset, pair list and limit."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from fhpt_bench.errors import UserError, did_you_mean, plain
from fhpt_bench.records.installed_cards import standing
from fhpt_bench.records.schema import BenchmarkPart, CardPart, Record
from fhpt_bench.reporting.formatting import describe_pairs
from leaderboards.columns import Column, choose_columns, find_columns, fits
from leaderboards.footnotes import footnotes
from leaderboards.measured import label_of
from leaderboards.ranking import Cell, Measured, rank_models

_LAST = 10**6
_APART = (
    "These protocols, or their versions in the records, are not installed here: labels, directions and values are what "
    "the records say, and no model is ranked."
)


@dataclass(frozen=True)
class Row:
    """A record in a table.

    Args:
        record: the record.
        label: the model's name with its badges, unique in the table.
        cells: one per column, None if the record does not have the score.
    """

    record: Record
    label: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class Table:
    """The records of one benchmark, version, subset, pair list and limit.

    Args:
        benchmark: the part of the records that all rows share.
        columns: the scores.
        rows: the models, sorted.
        notes: the footnotes.
        tag: the pair list's first digits if another table has the same heading without it, else "".
        apart: whether its protocols or their versions are not installed here.
    """

    benchmark: BenchmarkPart
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    tag: str = ""
    apart: bool = False

    @property
    def heading(self) -> str:
        """Benchmark, version and number of pairs, and what restricts the pairs."""
        tag = f", pair list {plain(self.tag)}" if self.tag else ""
        return describe_pairs(self.benchmark) + tag + (" (not installed here: not ranked)" if self.apart else "")


def build_tables(
    measured: Sequence[Measured], sort: str | None = None, wanted: Sequence[str] = (), full: bool = True
) -> list[Table]:
    """Group records by what was measured and rank their models column by column.

    Args:
        measured: records with their values by pair.
        sort: the column to sort by, as `protocol`, `protocol:variant` or `protocol:variant:metric`; default: the
            first column, also for a table without this score.
        wanted: the columns to keep, in the same notation; default: as `full` says.
        full: keep all columns, or only the headline scores of each protocol's first variant and the column to sort by.

    Returns:
        The tables by benchmark, version, subset, pair list and limit; tables without a wanted column are left out.

    Raises:
        UserError: if no table has the column to sort by.
    """
    known = {score.key for record, _ in measured for score in record.scores}
    kept = {key for key in known if not wanted or any(fits(key, word) for word in wanted)}
    if sort is not None and not any(fits(key, sort) for key in kept):
        raise UserError(f"There is no score {sort!r} to sort by: {did_you_mean(sort, kept)}")
    groups = [list(group) for _, group in groupby(sorted(measured, key=conditions), key=conditions)]
    tables = []
    for group in groups:
        both = [_build_table(group, sort, wanted, full, apart) for apart in (False, True)]
        tables += [table for table in both if table.columns] or ([] if wanted else both[:1])
    return _with_tags(tables)


def conditions(item: Measured) -> tuple[str, str, str, str, int, int, tuple[int, int]]:
    """What the records of one table share."""
    part = item[0].benchmark
    pairs = part.subset or "", part.pairs_sha256, part.limit or 0, part.n_pairs
    return part.id, part.version, *pairs, part.image_size


def _with_tags(tables: Sequence[Table]) -> list[Table]:
    headings = Counter(table.heading for table in tables)
    return [
        replace(table, tag=table.benchmark.pairs_sha256[:6]) if headings[table.heading] > 1 else table
        for table in tables
    ]


def _build_table(
    measured: Sequence[Measured], sort: str | None, wanted: Sequence[str], full: bool, apart: bool
) -> Table:
    """The table of the installed protocols, or of the others."""
    records = [record for record, _ in measured]
    headlines = {key for record in records for key in _headlines(record)}
    everything = find_columns(records)
    found = [column for column in everything if column.installed != apart]
    columns = choose_columns(found, wanted, None if full else headlines, sort)
    rankings = [rank_models(column, measured) for column in columns]
    labels = _labels(records)
    rows = [
        Row(record, label, tuple(ranking.cells[i] for ranking in rankings))
        for i, (record, label) in enumerate(zip(records, labels, strict=True))
    ]
    at = next((i for i, column in enumerate(columns) if sort and fits(column.key, sort)), 0)
    rows.sort(key=lambda row: _order(row, columns[at].higher_is_better, at) if columns else (row.label,))
    notes = footnotes(columns, rankings, records, labels)
    if len(found) < len(everything) and columns:
        rows = [row for row in rows if any(row.cells)]  # such a record is in one of the two tables only
    if apart:
        notes = [_APART, *notes]
    return Table(records[0].benchmark, tuple(columns), tuple(rows), tuple(notes), apart=apart)


def _headlines(record: Record) -> Iterator[str]:
    """Keys of the scores that short tables show, by the installed card if there is one."""
    for score in record.scores:
        card = standing(record, score).card or record.card(score)
        shown = () if card is None else card.shown if isinstance(card, CardPart) else card.headlines
        if score.metric in shown:
            yield score.key


def _labels(records: Sequence[Record]) -> list[str]:
    """One label per record; models with the same name get their folders added."""
    labels = [label_of(record) for record in records]
    same = defaultdict(list)
    for i, label in enumerate(labels):
        same[label].append(i)
    for places in same.values():
        if len(places) > 1:
            folders = [os.path.abspath(records[i].folder or ".") for i in places]
            common = os.path.commonpath(folders)
            for i, folder in zip(places, folders, strict=True):
                labels[i] += f" in {plain(os.path.relpath(folder, common))}"
    return labels


def _order(row: Row, higher_is_better: bool, at: int) -> tuple[int, int, float, str]:
    """Ranked models by rank and value, then those without a value, then oracles."""
    cell = row.cells[at]
    value = None if cell is None else cell.score.value
    kind = 2 if row.record.model.oracle else 0 if value is not None else 1
    # Without a rank next to others that have one: below them.
    rank = cell.rank if cell is not None and cell.rank is not None else _LAST
    return kind, rank, (0.0 if value is None else -value if higher_is_better else value), row.label
