"""A record checked against cards: those that it brings, and those of the installed protocols."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator

from fhpt_bench.errors import name_some
from fhpt_bench.protocol import ProtocolCard
from fhpt_bench.records.installed_cards import contradiction, slack, standing
from fhpt_bench.records.schema import CardPart, MetricPart, Record, ScoreEntry
from fhpt_bench.records.validation.checks import Check, judge


def card_checks(record: Record, columns: Collection[str] | None) -> list[Check]:
    """Check every score against the card of the record, and against the installed one.

    Args:
        record: from `read_record`.
        columns: keys of the scores that have values by pair; None if they cannot be read.
    """
    checks = judge("cards", _own(record), f"{len(record.scores)} scores fit their protocol's card and range")
    unknown: dict[str, list[str]] = defaultdict(list)
    held, problems = 0, list(_incomplete(record))
    for score in record.scores:
        found = standing(record, score)
        if found.metric is None:
            unknown[found.reason].append(score.key)
            continue
        held += 1
        if problem := contradiction(score, found.metric):
            problems.append(problem)
        elif columns is not None and score.status == "ok" and found.metric.per_pair != (score.key in columns):
            lacks = "no values by pair, which its protocol gives" if found.metric.per_pair else "values by pair"
            problems.append(f"{score.key} has {lacks}")
    if problems or held:
        checks += judge("installed protocols", problems, f"{held} scores fit the installed protocols' cards")
    for reason, keys in unknown.items():
        checks.append(Check("cannot", "installed protocols", f"{reason}: {name_some(keys, 10)}"))
    return checks


def _own(record: Record) -> Iterator[str]:
    """Each score must be on a card of the record, and within that card's range."""
    for score in record.scores:
        card = record.card(score)
        metric = next((m for m in card.metrics if m.name == score.metric), None) if card else None
        if metric is None:
            yield f"{score.key} is on no card of the record"
            continue
        for field in ("label", "unit", "higher_is_better"):
            if getattr(metric, field) != getattr(score, field):
                yield f"{score.key} has {field} {getattr(score, field)!r}, its card {getattr(metric, field)!r}"
        yield from _outside(score, metric)


def _outside(score: ScoreEntry, metric: MetricPart) -> Iterator[str]:
    if score.value is not None:
        low, high = metric.range
        reach = slack(score.value)
        if (low is not None and score.value < low - reach) or (high is not None and score.value > high + reach):
            yield f"{score.key} is {score.value!r}, outside its range [{low}, {high}]"


def _incomplete(record: Record) -> Iterator[str]:
    """A card that differs from the installed one of its version, or whose metrics are not all there."""
    keys = {score.key for score in record.scores}
    for card in record.protocols:
        yield from (
            f"the score {card.id}:{card.variant}:{metric.name} of a card is missing"
            for metric in card.metrics
            if f"{card.id}:{card.variant}:{metric.name}" not in keys
        )
        scores = [score for score in record.scores if (score.protocol, score.variant) == (card.id, card.variant)]
        installed = standing(record, scores[0]).card if scores else None
        if installed is not None:
            yield from _differences(card, installed)


def _differences(card: CardPart, installed: ProtocolCard) -> Iterator[str]:
    said = {metric.name: metric for metric in card.metrics}
    for metric in installed.metrics:
        if metric.name not in said:
            yield f"the card {card.id}:{card.variant} lacks the metric {metric.name}"
            continue
        ends = tuple(None if abs(end) == float("inf") else end for end in metric.range)
        if said[metric.name].range != ends:
            yield f"the card {card.id}:{card.variant} gives {metric.name} another range than the installed one"
    if card.numerics != installed.numerics:
        yield f"the card {card.id}:{card.variant} has other arithmetic than the installed one"
