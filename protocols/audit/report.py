"""The findings of an audit as a page and as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from protocols.audit.damage import Damage
from protocols.audit.findings import Finding

STRANGER = "other-person"


def by_score(found: Sequence[Finding]) -> dict[str, dict[str, Finding]]:
    """Score key -> name of the damage -> finding."""
    table: dict[str, dict[str, Finding]] = {}
    for finding in found:
        table.setdefault(finding.key, {})[finding.damage] = finding
    return table


def severity(finding: Finding, row: Mapping[str, Finding], strength: int) -> float | None:
    """The loss at a strength as a share of that of another person's image for every pair; None if it is not known.

    Args:
        finding: a finding of the row.
        row: name of the damage -> finding, of one score.
        strength: 1 to 5.
    """
    whole = row[STRANGER].loss(5) if STRANGER in row else None
    loss = finding.loss(strength)
    return loss / whole if loss is not None and whole is not None and whole > 0 else None


def csv_table(found: Sequence[Finding], damages: Sequence[Damage]) -> str:
    """One line for each score, damage and strength.

    Args:
        found: the findings.
        damages: the kinds of damage.
    """
    strengths = {damage.name: damage.strengths for damage in damages}
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("score", "damage", "number", "strength", "real", "value", "worse", "better", "tau", "n"))
    for finding in found:
        for number, (strength, value) in enumerate(zip(strengths[finding.damage], finding.values, strict=True), 1):
            writer.writerow((
                finding.key, finding.damage, number, strength, finding.real, value, finding.worse[number - 1],
                finding.better[number - 1], finding.tau, finding.n,
            ))  # fmt: skip
    return buffer.getvalue()


def page(found: Sequence[Finding], damages: Sequence[Damage], left_out: Mapping[str, str], heading: str) -> str:
    """The report as Markdown.

    Args:
        found: the findings.
        damages: the kinds of damage that were measured.
        left_out: name -> reason of those that were not.
        heading: benchmark and pairs, in words.
    """
    table = by_score(found)
    names = [damage.name for damage in damages]
    lines = [
        f"# Audit: {heading}",
        "",
        "Each kind of damage was done to the real target images in five strengths. A cell shows the weakest",
        "strength from which on the score is significantly worse than that of the undamaged images (paired by person",
        "where there are values by pair; Holm's correction for the five strengths), and Kendall's rank correlation of",
        "strength and loss. `-`: not noticed at the strongest. `!`: significantly *better* at some strength. `~`: not",
        "monotone. Scores that have no value for undamaged images (PSNR of equal images is infinite) are not shown.",
        "",
        "| score | " + " | ".join(names) + " |",
        "|---|" + "---|" * len(names),
    ]
    for key, row in table.items():
        lines.append(f"| {key} | " + " | ".join(_cell(row.get(name)) for name in names) + " |")
    lines += [
        "",
        "## Strengths",
        "",
        "| damage | what is done | unit | 1 | 2 | 3 | 4 | 5 |",
        "|---|---|---|--:|--:|--:|--:|--:|",
    ]
    for damage in damages:
        steps = " | ".join(f"{strength:g}" for strength in damage.strengths)
        lines.append(f"| {damage.name} | {damage.title} | {damage.unit} | {steps} |")
    lines += [f"| {name} | not measured: {reason} | | | | | | |" for name, reason in left_out.items()]
    lines += ["", "## What each score does not see, and what it takes for worse than it is", ""]
    for key, row in table.items():
        lines.append(f"- `{key}`: {_sentences(row)}")
    return "\n".join(lines) + "\n"


def _cell(finding: Finding | None) -> str:
    if finding is None:
        return ""
    noticed = "-" if finding.noticed_from is None else str(finding.noticed_from)
    marks = ("!" if any(finding.better) else "") + ("" if finding.monotone else "~")
    return noticed + marks + ("" if finding.tau is None else f" ({finding.tau:.2f})")


def _sentences(row: Mapping[str, Finding]) -> str:
    blind = [name for name, finding in row.items() if finding.noticed_from is None]
    fooled = [name for name, finding in row.items() if any(finding.better)]
    said = [f"does not notice {', '.join(blind)}" if blind else "notices every damage at its strongest"]
    if fooled:
        said.append(f"is better with {', '.join(fooled)}")
    over = []
    for name, finding in row.items():
        share = None if name == STRANGER else severity(finding, row, 5)
        if share is not None and share > 1:
            over.append(f"{name} ({share:.1f} times)")
    if over:
        said.append(f"at the strongest, loses more than with another person's image for {', '.join(over)}")
    return "; ".join(said) + "."
