"""The variants of a protocol next to each other: what each gives for the same images, and which papers use it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fhpt_bench.errors import plain
from fhpt_bench.records.installed_cards import standing
from fhpt_bench.records.schema import Record, ScoreEntry
from fhpt_bench.reporting.formatting import model_label, score_format

VARIANTS_FILE = "variants.md"
COLUMNS = ("variant", "value", "95 % interval", "n", "used by")
FOOTER = (
    "Same images, same pairs. What a variant computes: fhpt-bench protocols ID:VARIANT. Why padding, windows, data "
    "ranges and references move such numbers: docs/footguns.md."
)


@dataclass(frozen=True)
class VariantTable:
    """The variants of one protocol.

    Args:
        title: the title of the table.
        rows: one per variant: its name, value, interval, n, and which papers use it.
        reasons: why variants have no value.
    """

    title: str
    rows: tuple[tuple[str, str, str, str, str], ...]
    reasons: tuple[str, ...]


def variant_tables(record: Record) -> list[VariantTable]:
    """The protocols of a record that were measured in several variants of which papers use some.

    Args:
        record: any record; without such variants there is no table.

    Returns:
        One table per protocol, for the headline metric of its first variant.
    """
    return list(_tables(record))


def variants_text(record: Record) -> str:
    """The tables as Markdown; "" if there are none.

    Args:
        record: any record.
    """
    tables = variant_tables(record)
    return "\n".join([*map(_markdown, tables), _escaped(FOOTER), ""]) if tables else ""


def _tables(record: Record) -> Iterator[VariantTable]:
    used = {(card.id, card.variant): card.used_by for card in record.protocols}
    headlines = {card.id: card.metrics[0].name for card in reversed(record.protocols)}
    for protocol, metric in reversed(headlines.items()):
        scores = [score for score in record.scores if (score.protocol, score.metric) == (protocol, metric)]
        if len(scores) > 1 and any(used[protocol, score.variant] for score in scores):
            values = [score.value for score in scores if score.value is not None]
            spec = score_format(values, standing(record, scores[0]).metric)
            arrow, unit = "↑" if scores[0].higher_is_better else "↓", scores[0].unit and f" ({scores[0].unit})"
            benchmark = f"{record.benchmark.id} {record.benchmark.version}"
            yield VariantTable(
                plain(f"Why your {scores[0].label} differs: {scores[0].label} {arrow}{unit} of ")
                + plain(f"{model_label(record.model)} on {benchmark}"),
                tuple(_row(score, spec, used[protocol, score.variant]) for score in scores),
                tuple(plain(f"{', '.join(names)} {why}") for why, names in _without_value(scores).items()),
            )


def _row(score: ScoreEntry, spec: str, used: str) -> tuple[str, str, str, str, str]:
    name = plain(score.variant)
    if score.variant == "canonical":
        used = f"recommended here; {used}" if used else "recommended here"
    if score.value is None:
        return name, score.status, "", "", plain(used)
    interval = " - ".join(format(end, spec) for end in score.interval[:2]) if score.interval else ""
    return name, format(score.value, spec), interval, str(score.n), plain(used)


def _without_value(scores: Sequence[ScoreEntry]) -> dict[str, list[str]]:
    """Reason -> the variants without a value for that reason."""
    reasons: dict[str, list[str]] = {}
    for score in scores:
        if score.value is None:
            reasons.setdefault(f"{score.status}: {score.reason}", []).append(score.variant)
    return reasons


def _markdown(table: VariantTable) -> str:
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(map(_escaped, cells))} |"

    head = [f"## {_escaped(table.title)}", "", line(COLUMNS), "|---|--:|--:|--:|---|"]
    reasons = [f"- {_escaped(reason)}" for reason in table.reasons]
    return "\n".join([*head, *map(line, table.rows), "", *(reasons and [*reasons, ""])])


def _escaped(text: str) -> str:
    """Text with all characters escaped that Markdown or HTML would interpret."""
    return "".join(f"\\{c}" if c in r"\`*_[]<>|#&~!" else c for c in text)
