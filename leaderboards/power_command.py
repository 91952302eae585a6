"""`fhpt-bench power`: what the pairs of two records can show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fhpt_bench.power import Power
    from fhpt_bench.protocol import MetricCard
    from fhpt_bench.records.schema import ScoreEntry

_LEGEND = (
    "shows: the smallest true difference that so many pairs find with a probability of 80 %.",
    "needs: how many people and pairs would find the measured difference with a probability of 80 %.",
    "wrong order: the chance that the true difference has the other sign.",
    "Assumptions: docs/power.md.",
)


@click.command()
@click.argument("a")
@click.argument("b")
@click.option("--score", "wanted", multiple=True, metavar="PROTOCOL[:VARIANT[:METRIC]]",
              help="Only this score; can be given several times.  [default: headline scores]")  # fmt: skip
@click.option(
    "--records", "folders", multiple=True, type=click.Path(path_type=Path),
    help="Folder to search for records by model name.  [default: runs]",
)  # fmt: skip
def power(a: str, b: str, wanted: tuple[str, ...], folders: tuple[Path, ...]) -> None:
    """Show how small a difference the pairs can show.

    A and B are names of models that were run, or paths of records.
    """
    from fhpt_bench.errors import UserError
    from fhpt_bench.records.comparison import read_values, two_records
    from fhpt_bench.records.installed_cards import standing
    from fhpt_bench.records.score_difference import score_power
    from fhpt_bench.reporting.formatting import describe_pairs, model_label
    from fhpt_bench.reporting.listing import echo, print_card, print_table
    from leaderboards.columns import check_wanted, fits

    first, second, problems = two_records(a, b, folders)
    for problem in problems:
        echo(f"ignored: {problem}", err=True)
    others = {score.key: score for score in second.scores if score.value is not None}
    common = [
        score for score in first.scores
        if score.value is not None and score.key in others and others[score.key].fingerprint == score.fingerprint
    ]  # fmt: skip
    if not common:
        raise UserError("No scores of the two are comparable: `fhpt-bench compare` shows why.")
    check_wanted(wanted, {score.key for score in common})
    tables = read_values(first), read_values(second)
    headlines = {score.key for score in first.headlines}
    rows = []
    for score in common:
        if not (any(fits(score.key, word) for word in wanted) if wanted else score.key in headlines):
            continue
        found = score_power(score, others[score.key], *(table.get(score.key) for table in tables))
        rows.append(_row(score, found, standing(first, score).metric))
    titles = {side: f"{model_label(r.model)} in {r.folder}" for side, r in (("A", first), ("B", second))}
    print_card(describe_pairs(first.benchmark), titles)
    print_table(("score", "A - B", "n", "people", "shows", "needs", "wrong order"), rows)
    echo("\n".join(["", *_LEGEND]))


def _row(score: ScoreEntry, found: Power | None, metric: MetricCard | None) -> tuple[str, ...]:
    from fhpt_bench.reporting.formatting import number_format

    if found is None:
        return score.key, "", str(score.n), "", "unknown: fewer than 10 people, or no jackknife interval", "", ""
    if found.error == 0:
        return score.key, f"{found.difference:g}", str(found.n), str(found.people or ""), "equal on all pairs", "", ""
    spec = number_format((found.difference, found.smallest), 2)
    if found.needed_people is not None:
        needs = f"{found.needed_people:,} people ({found.needed_pairs:,} pairs)"
    else:
        needs = f"{found.needed:,.1f} times as many" if found.difference else "no number is enough"
    wrong = "< 0.1 %" if found.wrong_order < 1e-3 else f"{found.wrong_order:.1%}"
    people = str(found.people or "")
    return score.key, format(found.difference, spec), str(found.n), people, format(found.smallest, spec), needs, wrong
