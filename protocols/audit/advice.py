"""What a score may be used for, from what it notices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protocols.audit.confusion import Confusion
from protocols.audit.findings import Finding
from protocols.audit.groups import GROUPS

EARLY = 3  # strength: what is noticed from here on is noticed before it is obvious
ORDERED = 0.5  # Kendall's tau: most pairs of strengths are in the right order
_EXAMPLES = 3
_HOW = ("reliably", "reliably, but confused with mild damage", "only when strong or not in order", "not")


def reliable(finding: Finding) -> bool:
    """Whether a score notices a damage before it is obvious, and puts most strengths in the right order."""
    noticed = finding.noticed_from
    in_order = finding.tau is None or finding.tau >= ORDERED
    return noticed is not None and noticed <= EARLY and in_order and not any(finding.better)


def by_group(row: Mapping[str, Finding]) -> dict[str, dict[str, Finding]]:
    """Name of a group of damage -> name of the damage -> finding, without what cannot be told."""
    told = {name: finding for name, finding in row.items() if any(finding.decided)}
    groups = {group: {name: told[name] for name in names if name in told} for group, names in GROUPS.items()}
    return {group: found for group, found in groups.items() if found}


def advice(row: Mapping[str, Finding], confusions: Sequence[Confusion]) -> dict[str, str]:
    """What a score may be used for.

    Args:
        row: name of the damage -> finding, of one score.
        confusions: what this score confuses.

    Returns:
        Heading -> what is said under it, a list without a full stop.
    """
    groups = by_group(row)
    if not groups:
        return {"Cannot be told": "the score has a value for fewer than ten people"}
    confused = {item.serious for item in confusions}
    good = [
        group for group, found in groups.items() if all(map(reliable, found.values())) and confused.isdisjoint(found)
    ]
    blind = [group for group, found in groups.items() if all(f.noticed_from is None for f in found.values())]
    partly = [
        f"{group} ({_parts(found, confused)})"
        for group, found in groups.items()
        if group not in good and group not in blind
    ]
    fooled = [name for name, finding in row.items() if any(finding.better)]
    said = {
        "Use it for": ", ".join(good) or "no group of damage as a whole",
        "In part": "; ".join(partly),
        "Does not notice": ", ".join(blind),
        "Better with damage": ", ".join(fooled),
        "Confuses": _examples(confusions),
    }
    return {heading: text for heading, text in said.items() if text}


def _parts(found: Mapping[str, Finding], confused: set[str]) -> str:
    """Which damage of a group is noticed reliably, is confused with mild damage, is noticed late, and not at all."""
    words: dict[str, list[str]] = {how: [] for how in _HOW}
    reliably, confusedly, late, never = words.values()
    for name, finding in found.items():
        if reliable(finding):
            (confusedly if name in confused else reliably).append(name)
        else:
            (never if finding.noticed_from is None else late).append(name)
    return "; ".join(f"{how}: {', '.join(names)}" for how, names in words.items() if names)


def _examples(confusions: Sequence[Confusion]) -> str:
    """For each serious damage the weakest mild one that is worse, at most three."""
    first: dict[str, Confusion] = {}
    for item in sorted(confusions, key=lambda item: item.number):
        first.setdefault(item.serious, item)
    shown = [f"{item.mild} at strength {item.number} is worse than {item.serious}" for item in first.values()]
    more = len(confusions) - len(shown[:_EXAMPLES])
    return "; ".join(shown[:_EXAMPLES]) + (f"; {more} more in confusions.csv" if more else "")
