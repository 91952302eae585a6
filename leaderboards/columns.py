"""The columns of a table: one per score and fingerprint, in the order of the records."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from fhpt_bench.errors import UserError, did_you_mean, plain
from fhpt_bench.protocol import MetricCard, Protocol, protocols
from fhpt_bench.records.installed_cards import standing
from fhpt_bench.records.schema import Record


@dataclass(frozen=True)
class Column:
    """One score with one fingerprint; only values with the same fingerprint share a column.

    Args:
        key: `protocol:variant:metric`.
        fingerprint: fingerprint of its values, or "" if no model has a value.
        label: the metric's name in tables.
        unit: the metric's unit, "" for a pure number.
        higher_is_better: the direction of the metric.
        tag: the fingerprint's first digits if the table has several columns of this key, else "".
        metric: the card of the metric if the protocol is installed here in the records' version; otherwise None, and
            models are not ranked.
    """

    key: str
    fingerprint: str
    label: str
    unit: str
    higher_is_better: bool
    tag: str
    metric: MetricCard | None

    @property
    def installed(self) -> bool:
        """Whether the protocol is installed here in the records' version."""
        return self.metric is not None

    @property
    def name(self) -> str:
        """The column's name in footnotes."""
        return plain(f"{self.key}{f' #{self.tag}' if self.tag else ''}")


def find_columns(records: Iterable[Record]) -> list[Column]:
    """One column per key and fingerprint, in the order of the record that has the most scores.

    Label, unit and direction are those of the installed protocol. A score of a protocol or version that is not
    installed gets a column of its own, whatever its fingerprint, with what its record says.

    Args:
        records: the records of one table.
    """
    valued: dict[tuple[str, bool], dict[str, Column]] = {}
    for record in sorted(records, key=lambda record: -len(record.scores)):
        for score in record.scores:
            metric = standing(record, score).metric
            prints = valued.setdefault((score.key, metric is not None), {})
            card = metric or score
            label, unit, better = card.label, card.unit, card.higher_is_better
            if score.value is not None:
                column = Column(score.key, score.fingerprint, label, unit, better, "", metric)
                prints.setdefault(score.fingerprint, column)
            elif not prints:  # keeps the key's place until a value is found
                prints[""] = Column(score.key, "", label, unit, better, "", metric)
    columns = []
    for prints in valued.values():
        if len(prints) > 1:
            prints.pop("", None)
        tagged = len(prints) > 1
        columns += [replace(c, tag=plain(c.fingerprint[:6]) if tagged else "") for c in prints.values()]
    return columns


def choose_columns(
    columns: Sequence[Column], wanted: Sequence[str], headlines: Collection[str] | None, sort: str | None
) -> list[Column]:
    """The columns that a table shows.

    Args:
        columns: from `find_columns`.
        wanted: `protocol`, `protocol:variant` or `protocol:variant:metric`; if given, only the columns that match.
        headlines: the keys of the headline scores; None for all columns. Without `wanted`, each protocol shows those
            of its first variant; with it, a protocol or variant shows its own, and a metric is shown in any case.
        sort: the column to sort by, which is shown in addition to the headlines.
    """
    if wanted:
        fitting = [column for column in columns if any(fits(column.key, word) for word in wanted)]
        shown = {c.key for c in fitting if headlines is None or c.key in headlines or c.key in wanted}
        # A variant without a headline score is not left out.
        whole = {word for word in wanted if not any(fits(key, word) for key in shown)}
        return [c for c in fitting if c.key in shown or any(fits(c.key, word) for word in whole)]
    if headlines is None:
        return list(columns)
    first: dict[str, str] = {}
    for column in columns:
        protocol, variant, _ = column.key.split(":", 2)
        first.setdefault(protocol, f"{protocol}:{variant}")
    shown = {key for key in headlines if any(fits(key, word) for word in first.values())}
    shown.update([column.key for column in columns if sort and fits(column.key, sort)][:1])
    return [column for column in columns if column.key in shown]


def fits(key: str, wanted: str) -> bool:
    """Whether a score's key is, or starts with, `protocol`, `protocol:variant` or `protocol:variant:metric`.

    Examples:
        >>> fits("ssim:patn:ssim", "ssim"), fits("ssim:patn:ssim", "ssim:gfla")
        (True, False)
    """
    return key == wanted or key.startswith(f"{wanted}:")


def check_wanted(words: Sequence[str], known: Collection[str]) -> None:
    """Refuse a word that matches no score.

    Args:
        words: each as `protocol`, `protocol:variant` or `protocol:variant:metric`.
        known: keys of all available scores.

    Raises:
        UserError: if a word matches none of them.
    """
    for word in words:
        if not any(fits(key, word) for key in known):
            alike = {":".join(key.split(":")[: word.count(":") + 1]) for key in known}
            raise UserError(f"There is no score {word!r} to show: {did_you_mean(word, alike)}")


def sees_pose(key: str) -> bool:
    """Whether a score sees the pose; unknown protocols count as if they did.

    Args:
        key: `protocol:variant:metric`; only a registered name is looked up, since a path could run code.

    Examples:
        >>> sees_pose("ssim:canonical:ssim"), sees_pose("face-id:canonical:face-id")
        (True, False)
    """
    kind = installed(key.partition(":")[0])
    return kind is None or kind.sees_pose


def installed(name: str) -> type[Protocol] | None:
    """A registered protocol, or None. A path in a record could run code, so only names are looked up."""
    if name not in protocols.entries():
        return None
    try:
        return protocols.load(name)
    except UserError:
        return None
