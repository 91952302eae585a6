"""What the page shows, as JSON: tables, cards and published rows. Every text of it is data, never markup."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fhpt_bench.records.comparison import what_differs
from fhpt_bench.records.installed_cards import standing
from fhpt_bench.records.schema import Record
from fhpt_bench.reporting.formatting import badges, score_format
from leaderboards.columns import Column, installed, sees_pose
from leaderboards.measured import label_of, origin_of
from leaderboards.tables import Row, Table
from leaderboards.text_table import TextTable

GROUPS = ("perceptual", "structural", "semantic", "other")
_OF_TEXT = ("(rank)", "[low, high]", "failed, skipped", "n: ")  # notes about signs that the page does not have
_DIFFERS = (  # as `what_differs` names them: beginning -> in words
    ("images or poses", "copy of the data"), ("image size", "image size"), ("weights", "network weights"),
    ("protocol's version", "protocol version"), ("protocol's features", "network"),
    ("protocol's numerics", "arithmetic"), ("benchmark", "benchmark"), ("pair", "pairs"),
)  # fmt: skip


def table_content(table: Table, headlines: set[str]) -> dict[str, Any]:
    """One table of measured rows.

    Args:
        table: from `build_tables` with all columns.
        headlines: keys of the headline scores.

    Returns:
        heading, id, pairs, notes; columns with label, unit, direction, group, whether the score sees the pose, decimals
        and what distinguishes columns of one key; rows with cells [value, low, high, rank, shared, n, status, reason].
    """
    people = table.rows[0].record.benchmark.people if table.rows else None
    return {
        "id": _slug(table.heading),
        "heading": table.heading,
        "benchmark": table.benchmark.id,
        "pairs": table.benchmark.n_pairs,
        "people": people,
        "notes": [note for note in table.notes if not note.startswith(_OF_TEXT)],
        "columns": [_column(table, i, column, headlines) for i, column in enumerate(table.columns)],
        "rows": [_row(row) for row in table.rows],
    }


def _column(table: Table, at: int, column: Column, headlines: set[str]) -> dict[str, Any]:
    protocol, variant, _ = column.key.split(":", 2)
    kind = installed(protocol)
    decimals, exponent = _decimals(table, at)
    return {
        "key": column.key,
        "label": column.label,
        "unit": column.unit,
        "better": 1 if column.higher_is_better else -1,
        "group": kind.group if kind and kind.group in GROUPS else "other",
        "variant": variant,
        "pose": sees_pose(column.key),
        "headline": column.key in headlines,
        "differs": _differs(table, column) if column.tag else "",
        "decimals": decimals,
        "exponent": exponent,
        "card": f"{protocol}:{variant}",
    }


def _row(row: Row) -> dict[str, Any]:
    model = row.record.model
    paper = ", ".join(str(part) for part in (model.paper, model.year) if part)
    cells: list[list[Any] | None] = []
    for cell in row.cells:
        if cell is None:
            cells.append(None)
            continue
        score = cell.score
        low, high = score.interval[:2] if score.interval else (None, None)
        numbers = [None if number is None else short(number) for number in (score.value, low, high)]
        cells.append([*numbers, cell.rank, int(cell.shared), score.n, score.status, score.reason or ""])
    return {
        "label": row.label,
        "name": model.name,
        "place": row.label.removeprefix(label_of(row.record)).removeprefix(" in "),
        "title": model.title,
        "paper": paper,
        "badges": [*badges(model), *filter(None, [origin_of(row.record)])],
        "oracle": model.oracle,
        "cells": cells,
    }


def short(number: float) -> float:
    """A number with 9 significant digits, more than any table prints: a page of hundreds of models stays small.

    Examples:
        >>> short(0.12345678987654321)
        0.12345679
    """
    return float(f"{number:.9g}")


def _decimals(table: Table, at: int) -> tuple[int, bool]:
    """Decimals of a column, and whether its numbers have an exponent; the models decide, not the oracles."""
    values: dict[bool, list[float]] = {False: [0.0], True: [0.0]}
    for row in table.rows:
        cell = row.cells[at]
        if cell is not None and cell.score.value is not None:
            values[row.record.model.oracle].append(cell.score.value)
    spec = score_format(values[len(values[False]) == 1], table.columns[at].metric)
    return int(re.sub(r"\D", "", spec)), spec.endswith("e")


def _differs(table: Table, column: Column) -> str:
    """What distinguishes a column from the first one of its key, in words."""
    holders = {c.fingerprint: _holder(table, c) for c in table.columns if c.key == column.key}
    first, own = next(iter(holders.values())), holders[column.fingerprint]
    if first is None or own is None or first is own:
        return f"as {own.model.name}" if len(holders) > 1 and own is not None else ""
    score = next(score for score in own.scores if score.key == column.key)
    facts = what_differs(first, own, score)
    words = {word for fact in facts for begin, word in _DIFFERS if fact.startswith(begin)}
    return "other " + ", ".join(sorted(words)) if words else "measured differently"


def _holder(table: Table, column: Column) -> Record | None:
    for row in table.rows:
        if any(s.key == column.key and s.fingerprint == column.fingerprint for s in row.record.scores):
            return row.record
    return None


def card_content(keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The cards of protocols by `protocol:variant`; those that are not installed here are left out.

    Args:
        keys: `protocol:variant` each.
    """
    found = {}
    for key in dict.fromkeys(keys):
        name, _, variant = key.partition(":")
        kind = installed(name)
        if kind is None or variant not in kind.variants:
            continue
        card = kind(variant).card
        found[key] = {
            "title": card.title,
            "definition": card.definition,
            "citation": card.citation,
            "used_by": card.used_by,
            "metrics": [
                f"{metric.label}: {'higher' if metric.higher_is_better else 'lower'} is better, from "
                f"{metric.range[0]:g} to {metric.range[1]:g}{f' {metric.unit}' if metric.unit else ''}"
                for metric in card.metrics
            ],
            "moved_by": list(kind.moved_by),
            "pose": kind.sees_pose,
        }
    return found


def published_content(tables: Sequence[TextTable]) -> list[dict[str, Any]]:
    """Published rows as they are printed in text tables."""
    return [
        {
            "heading": table.heading,
            "columns": [list(column.lines) for column in table.columns],
            "rows": [
                {"label": list(row.label), "cells": [list(cell.lines) for cell in row.cells]} for row in table.rows
            ],
            "references": list(table.references),
            "notes": [note for note in table.notes if not note.startswith(_OF_TEXT)],
        }
        for table in tables
    ]


def headline_keys(records: Sequence[Record]) -> set[str]:
    """Keys of the headline scores, by the installed cards."""
    found = set()
    for record in records:
        for score in record.scores:
            card = standing(record, score).card
            if card is not None and score.metric in card.headlines:
                found.add(score.key)
    return found


def _slug(text: str) -> str:
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")


def unique_ids(tables: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The tables with ids that differ."""
    seen: dict[str, int] = {}
    result = []
    for table in tables:
        number = seen[table["id"]] = seen.get(table["id"], 0) + 1
        result.append({**table, "id": table["id"] if number == 1 else f"{table['id']}-{number}"})
    return result
