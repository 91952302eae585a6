"""Records as tables: one a setting, a column a fingerprint, ranks only where the data tell models apart."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby
from typing import TYPE_CHECKING

from fhpt_bench.errors import UserError, did_you_mean, plain
from fhpt_bench.records.comparison import compare_scores
from fhpt_bench.records.schema import BenchmarkPart, Record, ScoreEntry
from fhpt_bench.reporting.formatting import model_label

if TYPE_CHECKING:
    import pandas as pd

# A record and its values by pair: score key -> table.
Measured = tuple[Record, Mapping[str, "pd.DataFrame"]]


@dataclass(frozen=True)
class Column:
    """One score: values of one fingerprint, which alone may stand below each other.

    Args:
        key: `protocol:variant:metric`.
        fingerprint: of its values, or "" where no model has one.
        label: the metric's name in tables.
        unit: "" for a pure number.
        higher_is_better: the direction.
        tag: the fingerprint's first digits where the table has several columns of this key, else "".
    """

    key: str
    fingerprint: str
    label: str
    unit: str
    higher_is_better: bool
    tag: str

    @property
    def name(self) -> str:
        """How a footnote calls it."""
        return plain(f"{self.key}{f' #{self.tag}' if self.tag else ''}")


@dataclass(frozen=True)
class Cell:
    """A model's score in a column.

    Args:
        score: with a value, or with the reason why there is none.
        rank: 1 + how many ranked models are significantly better, or None.
        shared: whether another model has the same rank.
    """

    score: ScoreEntry
    rank: int | None = None
    shared: bool = False


@dataclass(frozen=True)
class Row:
    """A record: its model's label, and a cell for each column, None where the score was not asked for."""

    record: Record
    label: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class Table:
    """The records of one setting (benchmark, version, subset, pairs, limit), and what a reader must know of them."""

    benchmark: BenchmarkPart
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


def build_tables(measured: Sequence[Measured], sort: str | None = None, wanted: Sequence[str] = ()) -> list[Table]:
    """Group records by their setting and rank their models column by column.

    Args:
        measured: records with their values by pair.
        sort: the column to sort by, as `protocol`, `protocol:variant` or `protocol:variant:metric`; the first if not
            given, or where a table has no such column.
        wanted: the columns to keep, each named like the one to sort by; all if empty.

    Returns:
        The tables by benchmark, version, subset, pair list and limit; none for a setting without a wanted column.

    Raises:
        UserError: where no table has the column to sort by.
    """
    groups = [list(group) for _, group in groupby(sorted(measured, key=_setting), key=_setting)]
    tables = [_build_table(group, sort, wanted) for group in groups]
    known = {column.key for table in tables for column in table.columns}
    if sort is not None and not any(fits(key, sort) for key in known):
        raise UserError(f"There is no score {sort!r} to sort by: {did_you_mean(sort, known)}")
    return [table for table in tables if table.columns or not wanted]


def _setting(item: Measured) -> tuple[str, str, str, str, int]:
    benchmark = item[0].benchmark
    return benchmark.id, benchmark.version, benchmark.subset or "", benchmark.pairs_sha256, benchmark.limit or 0


def check_wanted(words: Sequence[str], known: Collection[str]) -> None:
    """Refuse a word that names no score.

    Args:
        words: each as `protocol`, `protocol:variant` or `protocol:variant:metric`.
        known: keys of all scores there are.

    Raises:
        UserError: where one fits none of them.
    """
    for word in words:
        if not any(fits(key, word) for key in known):
            alike = {":".join(key.split(":")[: word.count(":") + 1]) for key in known}
            raise UserError(f"There is no score {word!r} to show: {did_you_mean(word, alike)}")


def fits(key: str, wanted: str) -> bool:
    """Whether `protocol`, `protocol:variant` or `protocol:variant:metric` names a score or a group that it is in.

    Examples:
        >>> fits("ssim:patn:ssim", "ssim"), fits("ssim:patn:ssim", "ssim:gfla")
        (True, False)
    """
    return key == wanted or key.startswith(f"{wanted}:")


def _build_table(measured: list[Measured], sort: str | None, wanted: Sequence[str]) -> Table:
    columns = [
        column
        for column in _columns([record for record, _ in measured])
        if not wanted or any(fits(column.key, word) for word in wanted)
    ]
    rankings = [_rank(column, measured) for column in columns]
    labels = _labels([record for record, _ in measured])
    rows = [
        Row(record, label, tuple(ranking.cells[i] for ranking in rankings))
        for i, ((record, _), label) in enumerate(zip(measured, labels, strict=True))
    ]
    at = next((i for i, column in enumerate(columns) if sort and fits(column.key, sort)), 0)
    rows.sort(key=lambda row: _order(row, columns[at].higher_is_better, at) if columns else (row.label,))
    notes = _notes(columns, rankings, rows)
    return Table(measured[0][0].benchmark, tuple(columns), tuple(rows), tuple(notes))


def _columns(records: list[Record]) -> list[Column]:
    """A column a (key, fingerprint), in the order of the record that has the most scores."""
    valued: dict[str, dict[str, ScoreEntry]] = {}
    for record in sorted(records, key=lambda record: -len(record.scores)):
        for score in record.scores:
            prints = valued.setdefault(score.key, {})
            if score.value is not None:
                prints.setdefault(score.fingerprint, score)
            elif not prints:
                prints[""] = score  # keeps the key's place until a value comes
    columns = []
    for key, prints in valued.items():
        if len(prints) > 1:
            prints.pop("", None)
        for mark, score in prints.items():
            tag = plain(mark[:6]) if len(prints) > 1 else ""
            columns.append(Column(key, mark, score.label, score.unit, score.higher_is_better, tag))
    return columns


@dataclass(frozen=True)
class _Ranking:
    """The cells of a column in the order of the records, and on what its ranks rest."""

    cells: list[Cell | None]
    paired: bool
    reason: str  # why there are no ranks, or ""


def _rank(column: Column, measured: list[Measured]) -> _Ranking:
    """Compare every two models that can be ranked: no oracles, and no value without an interval."""
    scores = [_find(column, record) for record, _ in measured]
    rivals = [
        (i, score)
        for i, ((record, _), score) in enumerate(zip(measured, scores, strict=True))
        if score is not None and score.interval is not None and score.value is not None and not record.model.oracle
    ]
    ranks = {i: 1 for i, _ in rivals}
    paired, reason = True, ""
    for (i, a), (j, b) in combinations(rivals, 2):
        comparison = compare_scores(a, b, measured[i][1].get(column.key), measured[j][1].get(column.key))
        paired &= comparison.paired is not None
        reason = reason or comparison.reason
        if comparison.verdict != "tie":
            ranks[j if comparison.verdict == "better" else i] += 1
    if len(rivals) < 2 or reason:  # a rank needs rivals
        ranks = {}
    held = Counter(ranks.values())
    cells = [
        None if score is None else Cell(score, ranks.get(i), held[ranks.get(i, 0)] > 1)
        for i, score in enumerate(scores)
    ]
    return _Ranking(cells, paired, reason)


def _find(column: Column, record: Record) -> ScoreEntry | None:
    """The record's score for a column; a score without a value says why in every column of its key."""
    for score in record.scores:
        if score.key == column.key and (score.value is None or score.fingerprint == column.fingerprint):
            return score
    return None


def _labels(records: list[Record]) -> list[str]:
    """A label a record; models of one name are told apart by their folders."""
    labels = [model_label(record.model) for record in records]
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
    rank = cell.rank if cell is not None and cell.rank is not None else 0
    return kind, rank, (0.0 if value is None else -value if higher_is_better else value), row.label


def _notes(columns: list[Column], rankings: list[_Ranking], rows: list[Row]) -> list[str]:
    """What a reader must know of a table."""
    ranked = [any(cell and cell.rank for cell in ranking.cells) for ranking in rankings]
    notes = []
    if any(ranked):
        notes.append(
            "(rank): 1 + the number of models that are better beyond chance: the 95 % interval of the paired "
            "difference, over the people of the pairs that both have, excludes 0; = shared rank; * or bold: rank 1."
        )
    whole = [c.name for c, r, is_ranked in zip(columns, rankings, ranked, strict=True) if is_ranked and not r.paired]
    if whole:
        notes.append(
            f"{', '.join(whole)}: scores of the whole set; here a model is better if the 95 % intervals do not "
            "overlap, which is stricter."
        )
    why = defaultdict(list)
    for column, ranking in zip(columns, rankings, strict=True):
        if ranking.reason:
            why[ranking.reason].append(column.name)
    notes += [f"{', '.join(names)}: no ranks, since the data cannot tell ({reason})." for reason, names in why.items()]
    torn = [f"{plain(key)} (#{' #'.join(c.tag for c in group)})" for key, group in _by_key(columns) if len(group) > 1]
    if torn:
        notes.append(
            f"{', '.join(torn)}: measured under several fingerprints (another version, data or weights), whose values "
            "cannot be compared; each has its column."
        )
    records = [row.record for row in rows]
    scores = [cell.score for row in rows for cell in row.cells if cell]
    total = records[0].benchmark.n_pairs
    remarks = {
        "[low, high]: 95 % interval.": any(score.interval for score in scores),
        f"n: how many pairs or images a value rests on, where not {total}.": any(
            score.value is not None and score.n != total for score in scores
        ),
        "A value without an interval (fewer than 10 people, or none can be had) is not ranked.": any(
            score.value is not None and score.interval is None for score in scores
        ),
        "(oracle): sees the target image; never ranked.": any(record.model.oracle for record in records),
        "(told ...): knows more of the target than its pose.": any(
            set(record.model.conditioning) - {"pose"} for record in records
        ),
        "[JPEG]: judged on images that were stored with loss.": any(r.model.codec != "png" for r in records),
        "[RESIZED]: judged on images that were made at another size.": any("[RESIZED]" in row.label for row in rows),
        "failed, skipped: the reason stands in the record and in --format csv.": any(s.value is None for s in scores),
    }
    return notes + [note for note, holds in remarks.items() if holds]


def _by_key(columns: list[Column]) -> list[tuple[str, list[Column]]]:
    return [(key, list(group)) for key, group in groupby(columns, key=lambda column: column.key)]
