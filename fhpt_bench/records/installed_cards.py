"""What this installation says of a score: a record is compared with it, never with the card that it brings."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from fhpt_bench.errors import UserError
from fhpt_bench.protocol import MetricCard, ProtocolCard, protocols
from fhpt_bench.records.schema import Record, ScoreEntry


@dataclass(frozen=True)
class Standing:
    """What is known here of a score.

    Args:
        metric: the metric's card by the installed protocol; None if the same version is not installed.
        card: the card of the installed protocol's variant, or None.
        reason: why there is no metric, a clause without a full stop; "" if there is one.
    """

    metric: MetricCard | None
    card: ProtocolCard | None = None
    reason: str = ""


def standing(record: Record, score: ScoreEntry) -> Standing:
    """Find the installed metric of a score.

    Only registered protocols are loaded, since a path in a record could run code.

    Args:
        record: the record.
        score: one of its scores.
    """
    said = record.card(score)
    if said is None:
        return Standing(None, None, "its record has no card of its protocol")
    versions = _versions(score.protocol)
    if isinstance(versions, str):
        return Standing(None, None, versions)
    version, cards = versions
    card = cards.get(score.variant)
    found = card.version if card else version
    if said.version != found:
        raised = f"{score.protocol}:{score.variant}" if found != version else score.protocol
        return Standing(None, None, f"version {said.version} of {raised} is not installed here (found {found})")
    metrics = {metric.name: metric for metric in card.metrics} if card else {}
    if score.metric not in metrics:
        what = f"variant {score.variant!r}" if card is None else f"metric {score.metric!r}"
        return Standing(None, card, f"version {found} of {score.protocol} has no {what}")
    return Standing(metrics[score.metric], card)


@functools.cache
def _versions(name: str) -> tuple[int, dict[str, ProtocolCard]] | str:
    """The version and the cards of a registered protocol, or why there is none."""
    if name not in protocols.entries():
        return f"the protocol {name} is not installed here"
    try:
        kind = protocols.load(name)
        return kind.version, {variant: kind(variant).card for variant in kind.variants}
    except UserError as error:
        return str(error).rstrip(".")


def contradiction(score: ScoreEntry, metric: MetricCard) -> str | None:
    """What a score says against the installed card of its metric, or None.

    Args:
        score: the score.
        metric: from `standing`.

    Returns:
        A clause without a full stop.
    """
    for field in ("label", "unit", "higher_is_better"):
        if getattr(metric, field) != getattr(score, field):
            return f"{score.key} has {field} {getattr(score, field)!r}, the installed card {getattr(metric, field)!r}"
    low, high = metric.range
    for value in () if score.value is None else (score.value,):
        if not low - slack(value) <= value <= high + slack(value):
            return f"{score.key} is {value!r}, outside its range [{low:g}, {high:g}]"
    return None


def slack(value: float) -> float:
    """By how much a value may leave its range: the rounding of sums in another order or on another machine."""
    return 1e-12 * max(1.0, abs(value))
