"""What a run prints: its scores, and where its files are."""

from __future__ import annotations

import os
import sys

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fhpt_bench.records.schema import RECORD_FILE, Record, ScoreEntry
from fhpt_bench.reporting.contact_sheet import CONTACT_SHEET
from fhpt_bench.reporting.formatting import folder_notes, model_label, number_format
from fhpt_bench.reporting.variants import FOOTER, HEAD, VARIANTS_FILE, variant_tables

_DIGITS = 4


def report(record: Record, variants: bool = False) -> None:
    """Print a record's scores and paths; of several processes the first one does.

    Args:
        record: in its folder.
        variants: show beside each other what the variants of a protocol gave.

    Raises:
        SystemExit: with code 1 where a protocol failed.
    """
    if os.environ.get("RANK", "0") != "0":
        return
    console = Console(emoji=False)
    benchmark = record.benchmark
    part = f", {benchmark.subset}" if benchmark.subset else ""
    table = Table(
        title=escape(f"{model_label(record.model)} on {benchmark.id} {benchmark.version}{part}"), title_justify="left"
    )
    table.add_column("protocol")
    for column in ("value", "95 % interval", "n"):
        table.add_column(column, justify="right")
    for score in record.scores:
        arrow = "↑" if score.higher_is_better else "↓"
        table.add_row(
            escape(f"{score.label} {arrow} ({score.variant})"), escape(_value(score)), _interval(score),
            str(score.n) if score.status == "ok" else "",
        )  # fmt: skip
    console.print(table)
    for line in folder_notes(record.model):
        console.print(escape(line), soft_wrap=True)
    for text, metrics in _remarks(record).items():
        console.print(escape(text.format(", ".join(metrics))), soft_wrap=True)
    if variants:
        _print_variants(record, console)
    if record.folder is not None:
        # Not wrapped: a path that is cut in two cannot be copied.
        console.print(f"record         {escape(str(record.folder / RECORD_FILE))}", soft_wrap=True, highlight=False)
        console.print(f"contact sheet  {escape(str(record.folder / CONTACT_SHEET))}", soft_wrap=True, highlight=False)
    if record.failed:
        sys.exit(1)


def _print_variants(record: Record, console: Console) -> None:
    tables = variant_tables(record)
    for compared in tables:
        table = Table(title=escape(compared.title), title_justify="left")
        for i, column in enumerate(HEAD):
            table.add_column(column, justify="right" if 0 < i < len(HEAD) - 1 else "left")
        for row in compared.rows:
            table.add_row(*map(escape, row))
        console.print(table)
    if tables:
        console.print(FOOTER, soft_wrap=True, highlight=False)
        if record.folder is not None:
            console.print(
                f"variants       {escape(str(record.folder / VARIANTS_FILE))}", soft_wrap=True, highlight=False
            )


def _remarks(record: Record) -> dict[str, list[str]]:
    """What is to be said of scores beside the table -> the metrics of one protocol of which it is said."""
    remarks: dict[str, list[str]] = {}
    for score in record.scores:
        if score.status != "ok":
            said = f"{score.status}: {score.reason}"
        elif score.skipped:
            why = ", ".join(f"{count} {reason}" for reason, count in score.skipped.items())
            said = f"leaves out {why}."
        else:
            continue
        braces = said.replace("{", "{{").replace("}", "}}")
        remarks.setdefault(f"{score.protocol}:{score.variant} ({{}}) {braces}", []).append(score.metric)
    return remarks


def _value(score: ScoreEntry) -> str:
    if score.value is None:
        return score.status
    return f"{_number(score.value, score)} {score.unit}".rstrip()


def _interval(score: ScoreEntry) -> str:
    return " - ".join(_number(end, score) for end in score.interval[:2]) if score.interval else ""


def _number(value: float, score: ScoreEntry) -> str:
    return format(value, number_format([score.value or 0.0], _DIGITS))
