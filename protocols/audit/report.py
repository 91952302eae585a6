"""The results of an audit as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protocols.audit.adversaries import section
from protocols.audit.advice import EARLY, ORDERED, advice
from protocols.audit.agreement import Agreement
from protocols.audit.damage import Damage
from protocols.audit.findings import AuditedScore, Finding, sign
from protocols.audit.groups import GROUPS
from protocols.audit.results import CONFUSIONS, FINDINGS, Results

_MATRIX = f"""Each kind of damage was done to the real target images in five strengths. A cell shows the weakest
strength from which on the score is significantly worse than that of the undamaged images (by person where there are
values by pair; Holm's correction for the five strengths), and Kendall's rank correlation of strength and loss. `-`: not
noticed at the strongest. `!`: significantly *better* at some strength. `~`: not monotone. `°`: at some strength it
cannot be told, because the score has no value there or fewer than ten people; `?`: at none. Only headline scores are
shown; {FINDINGS} has all, with values and intervals. Scores without a value for undamaged images (PSNR of equal images
is infinite) are left out.
"""
_USE = f"""A score is of use for a group of damage if it notices every kind of the group at strength {EARLY} or
weaker, is never significantly better with damage, has a rank correlation of at least {ORDERED}, and confuses none of
them with mild damage. It confuses two kinds of damage if it is significantly worse for one that a person hardly sees
than for one that shows another person, pose or clothes at its strongest (Holm's correction for all couples of a score);
{CONFUSIONS} has all of them.
"""


def page(
    results: Results,
    damages: Sequence[Damage],
    left_out: Mapping[str, str],
    refused: Mapping[str, str],
    agreed: Agreement | None,
) -> str:
    """The report as Markdown.

    Args:
        results: what was found.
        damages: the kinds of damage that were measured.
        left_out: name -> reason of those that were not.
        refused: name -> reason of the models that were not measured.
        agreed: how far the scores agree; None if there are too few.
    """
    parts = [
        f"# Audit: {results.heading}\n",
        "## Which damage each score notices\n",
        _MATRIX,
        matrix(results, [damage.name for damage in damages]),
        "## Strengths\n",
        _strengths(damages, left_out),
        "## What each score may be used for\n",
        _USE,
        "Groups of damage: " + "; ".join(f"{group}: {', '.join(names)}" for group, names in GROUPS.items()) + ".\n",
        uses(results),
        section(results.standings, refused),
    ]
    if agreed is not None:
        parts += ["## Which scores agree\n", agreement_text(agreed)]
    return "\n".join(parts)


def headlines(results: Results) -> dict[AuditedScore, dict[str, Finding]]:
    """The headline scores of the results: score -> name of the damage -> finding."""
    return {score: row for score, row in results.table.items() if score.headline}


def matrix(results: Results, names: Sequence[str]) -> str:
    """The table of headline scores by damage.

    Args:
        results: what was found.
        names: of the kinds of damage.
    """
    lines = ["| score | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for score, row in headlines(results).items():
        lines.append(f"| {score.key} | " + " | ".join(_cell(row.get(name)) for name in names) + " |")
    return "\n".join(lines) + "\n"


def uses(results: Results) -> str:
    """A paragraph for each headline score.

    Args:
        results: what was found.
    """
    lines = []
    for score, row in headlines(results).items():
        confused = [item for item in results.confusions if item.score == score]
        said = " ".join(f"*{heading}*: {text}." for heading, text in advice(row, confused).items())
        lines.append(f"- **{score.label}** (`{score.key}`). {said}")
    return "\n".join(lines) + "\n"


def agreement_text(found: Agreement) -> str:
    """Which three scores say most of what all say, and the scores that agree least.

    Args:
        found: the agreement.
    """
    three = ", ".join(f"`{key}`" for key in found.three)
    return (
        f"Spearman's rank correlations of {len(found.keys)} headline scores over {found.n} sets of images: every kind\n"
        "and strength of damage, and models. The three scores whose ranks explain most of the ranks of all (linear\n"
        f"regression, every protocol with the same weight) are {three}: they explain {100 * found.share:.0f} % of\n"
        "the variance.\n"
    )


def _strengths(damages: Sequence[Damage], left_out: Mapping[str, str]) -> str:
    lines = ["| damage | what is done | unit | 1 | 2 | 3 | 4 | 5 |", "|---|---|---|--:|--:|--:|--:|--:|"]
    for damage in damages:
        steps = " | ".join(f"{strength:g}" for strength in damage.strengths)
        lines.append(f"| {damage.name} | {damage.title} | {damage.unit} | {steps} |")
    lines += [f"| {name} | not measured: {reason} | | | | | | |" for name, reason in left_out.items()]
    return "\n".join(lines) + "\n"


def _cell(finding: Finding | None) -> str:
    if finding is None:
        return ""
    return f"{sign(finding)}{'' if finding.monotone else '~'}" + (
        "" if finding.tau is None else f" ({finding.tau:.2f})"
    )
