"""`fhpt-bench compare`: two models, compared pair by pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import pandas as pd

    from fhpt_bench.protocol import MetricCard
    from fhpt_bench.records.schema import Record, ScoreEntry
    from fhpt_bench.records.score_difference import Comparison


@click.command()
@click.argument("a")
@click.argument("b")
@click.option(
    "--records", "folders", multiple=True, type=click.Path(path_type=Path),
    help="Folder to search for records by model name.  [default: runs]",
)  # fmt: skip
def compare(a: str, b: str, folders: tuple[Path, ...]) -> None:
    """Compare two models, pair by pair.

    A and B are names of models that were run, or paths of records. A is better at a score if the 95 % interval of the
    difference, resampling people, excludes 0. With many scores, some differences are significant by chance: the last
    column has Holm's correction for all rows.
    """
    from fhpt_bench.errors import plain
    from fhpt_bench.records.comparison import read_values, two_records
    from fhpt_bench.reporting.formatting import model_label
    from fhpt_bench.reporting.listing import echo, print_card

    first, second, problems = two_records(a, b, folders)
    for problem in problems:
        echo(f"ignored: {problem}", err=True)
    tables = read_values(first), read_values(second)
    titles = {side: f"{model_label(r.model)} in {r.folder}" for side, r in (("A", first), ("B", second))}
    print_card(plain(f"{first.benchmark.id} {first.benchmark.version}"), {k: plain(v) for k, v in titles.items()})
    _print_comparable(first, second, tables)
    _print_rest(first, second)


def _print_comparable(a: Record, b: Record, tables: Sequence[Mapping[str, pd.DataFrame]]) -> None:
    from dataclasses import replace

    import numpy as np

    from fhpt_bench.records.installed_cards import standing
    from fhpt_bench.records.score_difference import compare_scores, score_power
    from fhpt_bench.reporting.formatting import number_format
    from fhpt_bench.reporting.listing import echo, print_table
    from fhpt_bench.significance import LEVEL, holm

    others = {score.key: score for score in b.scores}
    rows, p, tied = [], [], []
    for score in a.scores:
        other = others.get(score.key)
        if other and score.value is not None and other.value is not None and other.fingerprint == score.fingerprint:
            table_a, table_b = (table.get(score.key) for table in tables)
            metric = standing(a, score).metric
            # The direction of a protocol that is not installed is only what the record says.
            better = metric.higher_is_better if metric else score.higher_is_better
            found = compare_scores(score, other, table_a, table_b, better)
            if metric is None:
                found = replace(found, verdict=None, reason="its protocol or this version is not installed")
            rows.append(_row(score, found, better, metric))
            p.append(found.p)
            power = score_power(score, other, table_a, table_b) if found.verdict == "tie" else None
            if power is not None and power.error > 0:
                smallest = format(power.smallest, number_format([power.smallest], 2))
                tied.append((score.key, f"n = {power.n}", f"can show a difference of {smallest}"))
    if rows:
        certain = holm(np.array(p)) <= LEVEL
        kept = [
            (*row, "tie" if row[-1] in ("better", "worse") and not sure else row[-1].partition(":")[0])
            for row, sure in zip(rows, certain, strict=True)
        ]
        columns = ("score", "A", "B", "A - B", "95 % interval", "pairs A/B/equal", "A is", "with Holm")
        print_table(columns, kept)
    else:
        echo("No scores of the two are comparable.")
    if tied:
        echo()
        print_table(("cannot be told apart", "at", "what so many show with 80 % probability: see `power`"), tied)


def _row(score: ScoreEntry, found: Comparison, higher_is_better: bool, metric: MetricCard | None) -> tuple[str, ...]:
    from fhpt_bench.errors import plain
    from fhpt_bench.reporting.formatting import score_format

    spec = score_format((found.value_a, found.value_b), metric)
    interval, wins = "", ""
    if found.paired is not None:
        higher, lower = found.paired.a_higher, found.paired.b_higher
        a_wins, b_wins = (higher, lower) if higher_is_better else (lower, higher)
        wins = f"{a_wins}/{b_wins}/{found.paired.equal}"
        if found.paired.interval is not None:
            interval = f"{found.paired.interval.low:{spec}} to {found.paired.interval.high:{spec}}"
    name = f"{score.key} {'↑' if higher_is_better else '↓'}"
    difference = format(found.value_a - found.value_b, spec)
    verdict = found.verdict or f"unknown: {found.reason}"
    return plain(name), format(found.value_a, spec), format(found.value_b, spec), difference, interval, wins, verdict


def _print_rest(a: Record, b: Record) -> None:
    """Scores that are not comparable, and why."""
    from fhpt_bench.errors import plain
    from fhpt_bench.records.comparison import what_differs
    from fhpt_bench.reporting.listing import echo, print_table

    scores_a, scores_b = ({score.key: score for score in record.scores} for record in (a, b))
    rows = []
    for key in dict.fromkeys([*scores_a, *scores_b]):
        found = {"A": scores_a.get(key), "B": scores_b.get(key)}
        why = [
            f"{side} has none" if score is None else f"{score.status} for {side}: {score.reason}"
            for side, score in found.items()
            if score is None or score.value is None
        ]
        left, right = found["A"], found["B"]
        if not why and left and right and left.fingerprint != right.fingerprint:
            why = [f"differs in {', '.join(what_differs(a, b, left))}"]
        if why:
            rows.append((plain(key), plain("; ".join(why))))
    if rows:
        echo()
        print_table(("not comparable", "why"), rows)
