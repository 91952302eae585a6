"""What `run` and `evaluate` print: the headline scores, what failed or was skipped, paths and time."""

from __future__ import annotations

import itertools
import os
import sys

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fhpt_bench.errors import plain
from fhpt_bench.records.installed_cards import standing
from fhpt_bench.records.schema import RECORD_FILE, Record, ScoreEntry
from fhpt_bench.reporting.contact_sheet import CONTACT_SHEET
from fhpt_bench.reporting.formatting import describe_pairs, model_label, score_format
from fhpt_bench.reporting.variants import COLUMNS, FOOTER, VARIANTS_FILE, variant_tables

GROUPS = ("perceptual", "structural", "semantic", "other")


def report(record: Record, seconds: float, full: bool = False, variants: bool = False) -> None:
    """Print a record's scores, paths and time; if several processes run, only the first one prints.

    Args:
        record: a record in its folder.
        seconds: the wall time of the command.
        full: print every score, and how many pairs each one leaves out; otherwise only the headline scores.
        variants: print the variants of each protocol next to each other.

    Raises:
        SystemExit: with code 1 if a protocol failed.
    """
    if os.environ.get("RANK", "0") != "0":
        return
    console = Console(emoji=False, highlight=False)
    shown = record.scores if full else record.headlines
    console.print(_score_table(record, shown))
    notes = _notes(record, full)
    if record.benchmark.people == 0:
        notes.append("no intervals: the benchmark does not name its people; give people = FILE in the benchmark file")
    if overrides := record.provenance.overrides:
        notes.append(f"your own files in place of the pinned weights: {', '.join(overrides)}")
    notes += [
        f"{stage.name} was computed on {', '.join(f'{name} ({count:,})' for name, count in stage.devices.items())}: "
        "--overwrite computes all on one device"
        for stage in record.stages
        if len(stage.devices) > 1
    ]
    for note in notes:
        console.print(_text(note), soft_wrap=True)
    if variants:
        _print_variants(record, console)
    lines = {}
    if len(shown) < len(record.scores):
        lines["scores"] = f"{len(shown)} of {len(record.scores)} shown; --full shows all"
    if record.folder is not None:
        lines["record"] = str(record.folder / RECORD_FILE)
        lines["images"] = str(record.folder / CONTACT_SHEET)
    lines["time"] = _duration(seconds)
    for name, text in lines.items():
        # Not wrapped: a path that is cut in two cannot be copied.
        console.print(f"{name:<8}{_text(text)}", soft_wrap=True)
    if record.failed:
        sys.exit(1)


def _score_table(record: Record, scores: tuple[ScoreEntry, ...]) -> Table:
    """One row per score, in groups."""
    title = f"{model_label(record.model)} on {describe_pairs(record.benchmark)}"
    table = Table(title=_text(title), title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    for column in ("value", "95 % interval", "n"):
        table.add_column(column, justify="right")
    groups = sorted(scores, key=lambda score: GROUPS.index(record.group(score)))
    for group, members in itertools.groupby(groups, key=record.group):
        table.add_row(f"[bold]{group}[/bold]")
        for score in members:
            arrow = "↑" if score.higher_is_better else "↓"
            spec = score_format([score.value or 0.0], standing(record, score).metric)
            variant = "" if score.variant == "canonical" else f" ({score.variant})"
            table.add_row(
                _text(f"  {score.label} {arrow}{variant}"), _text(_value(score, spec)), _interval(score, spec),
                str(score.n) if score.status == "ok" else "",
            )  # fmt: skip
    return table


def _notes(record: Record, full: bool) -> list[str]:
    """One line per protocol and reason: what failed or was skipped, and if `full` also the pairs that are left out."""
    metrics: dict[tuple[str, str], list[str]] = {}
    for score in record.scores:
        if score.status != "ok":
            reason = f"{score.status}: {score.reason}"
        elif full and score.skipped:
            reason = "leaves out pairs: " + ", ".join(f"{count} {why}" for why, count in score.skipped.items())
        else:
            continue
        metrics.setdefault((f"{score.protocol}:{score.variant}", reason), []).append(score.metric)
    lines = []
    for (key, reason), names in metrics.items():
        which = f" ({', '.join(names)})" if full else ""
        lines.append(f"{key}{which} {reason}")
    return lines


def _print_variants(record: Record, console: Console) -> None:
    tables = variant_tables(record)
    for compared in tables:
        table = Table(title=_text(compared.title), title_justify="left")
        for i, column in enumerate(COLUMNS):
            table.add_column(column, justify="right" if 0 < i < len(COLUMNS) - 1 else "left")
        for row in compared.rows:
            table.add_row(*map(_text, row))
        console.print(table)
    if tables:
        console.print(FOOTER, soft_wrap=True)
        if record.folder is not None:
            console.print(f"variants {_text(str(record.folder / VARIANTS_FILE))}", soft_wrap=True)


def _text(text: str) -> str:
    """Text without control characters and markup."""
    return escape(plain(text))


def _value(score: ScoreEntry, spec: str) -> str:
    if score.value is None:
        return score.status
    return f"{score.value:{spec}} {score.unit}".rstrip()


def _interval(score: ScoreEntry, spec: str) -> str:
    return " - ".join(format(end, spec) for end in score.interval[:2]) if score.interval else ""


def _duration(seconds: float) -> str:
    """A time span for people.

    Examples:
        >>> [_duration(s) for s in (4.21, 75, 3675)]
        ['4.2 s', '1 min 15 s', '1 h 1 min']
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
