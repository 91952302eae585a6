"""Published numbers: the value, its source, and how it was measured as far as is known."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fhpt_bench.errors import UserError
from fhpt_bench.files import explained
from fhpt_bench.protocol import MetricCard, protocols
from leaderboards.columns import fits

FOLDER = Path(__file__).parent / "published"
UNKNOWN = "unknown"
# Metrics that papers report and no protocol here measures.
_FOREIGN = {
    "cx-reference": MetricCard("cx-reference", "CX(real, generated)", higher_is_better=False),
    "cx-generated": MetricCard("cx-generated", "CX(generated, real)", higher_is_better=False),
}

_Text = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Part):
    """The source of some rows.

    Args:
        name: a few words, shown with each row.
        url: address of the page.
        grade: A: the text of a paper; B: an author's repository or an issue thread. Second-hand numbers have no grade
            and are not included.
        note: what applies to all its rows.
    """

    name: _Text
    url: Annotated[str, Field(pattern=r"^https?://\S+$")]
    grade: Literal["A", "B"]
    note: str = ""


class _Row(_Part):
    system: _Text
    setting: str = ""
    measured_by: str = ""
    n: Annotated[int, Field(gt=0)] | None = None
    scores: Annotated[dict[str, Decimal], Field(min_length=1)]
    note: str = ""


class _SourceWithRows(Source):
    row: Annotated[tuple[_Row, ...], Field(min_length=1)]


class _File(_Part):
    benchmark: _Text
    source: Annotated[tuple[_SourceWithRows, ...], Field(min_length=1)]


@dataclass(frozen=True)
class PublishedScore:
    """A number with all digits that its source prints; a share is never in percent.

    Args:
        protocol: the protocol that measures this quantity.
        variant: the protocol's definition that the source used, or "unknown".
        metric: label, direction and unit.
        value: the number.
    """

    protocol: str
    variant: str
    metric: MetricCard
    value: Decimal

    @property
    def key(self) -> str:
        """`protocol:variant:metric`."""
        return f"{self.protocol}:{self.variant}:{self.metric.name}"


@dataclass(frozen=True)
class PublishedRow:
    """The numbers that a source reports for a system.

    Args:
        benchmark: id of the benchmark whose images were used.
        system: the system's name, the same in all files.
        setting: image size and version of the system.
        measured_by: who computed the numbers, or "" if the source does not state it.
        n: number of pairs, or None if unknown.
        scores: at most one per metric.
        note: what applies to this row only.
        source: the source of the row.
    """

    benchmark: str
    system: str
    setting: str
    measured_by: str
    n: int | None
    scores: tuple[PublishedScore, ...]
    note: str
    source: Source

    @property
    def remarks(self) -> str:
        """The notes of the source and of the row."""
        return " ".join(filter(None, (self.source.note, self.note)))


def load_published(folder: Path = FOLDER) -> list[PublishedRow]:
    """Read all published rows.

    Args:
        folder: a folder of TOML files; `docs/published.md` describes their format.

    Returns:
        The rows sorted by system, source and setting; the order is not a ranking.

    Raises:
        UserError: if a file or a row is wrong.

    Examples:
        >>> {row.source.grade for row in load_published()} == {"A", "B"}
        True
    """
    rows = [row for path in sorted(folder.glob("*.toml")) for row in _read(path)]
    return sorted(rows, key=lambda row: (row.system.casefold(), row.source.name.casefold(), row.setting.casefold()))


def select(rows: Iterable[PublishedRow], benchmark: str | None, wanted: Sequence[str]) -> list[PublishedRow]:
    """The rows of a benchmark with the wanted scores; rows without such a score are left out.

    Args:
        rows: from `load_published`.
        benchmark: its id, or None for all benchmarks.
        wanted: each `protocol`, `protocol:variant` or `protocol:variant:metric`; all scores if empty.
    """
    own = [row for row in rows if benchmark in (None, row.benchmark)]
    cut = [
        replace(row, scores=tuple(s for s in row.scores if not wanted or any(fits(s.key, word) for word in wanted)))
        for row in own
    ]
    return [row for row in cut if row.scores]


def _read(path: Path) -> list[PublishedRow]:
    with explained(path, "read"):
        raw = path.read_bytes()
    try:
        # A Decimal keeps the digits that the source prints: 0.090 is not 0.09.
        content = tomllib.loads(raw.decode(), parse_float=Decimal)
        file = _File.model_validate(content)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"The file of published rows {path} is not valid TOML: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise _wrong(path, content, first["loc"], first["msg"].lower()) from error
    rows = []
    for i, source in enumerate(file.source):
        plain = Source(**source.model_dump(exclude={"row"}))
        for j, row in enumerate(source.row):
            try:
                scores = _scores(row.scores)
            except (UserError, ValueError) as error:
                raise _wrong(path, content, ("source", i, "row", j, "scores"), str(error)) from error
            more = row.model_dump(exclude={"scores"})
            rows.append(PublishedRow(benchmark=file.benchmark, scores=scores, source=plain, **more))
    return rows


def _wrong(path: Path, content: Mapping[str, Any], place: tuple[int | str, ...], reason: str) -> UserError:
    """An error that names the source and the row by number and by name: a number alone is hard to find in a file."""
    words: list[str] = []
    here: Any = content
    for step in place:
        try:
            here = here[step]
        except (KeyError, IndexError, TypeError):
            here = None
        if isinstance(step, int) and words:
            name = (here.get("name") or here.get("system")) if isinstance(here, dict) else None
            words[-1] += f" {step + 1}" + (f" ({name})" if name else "")
        else:
            words.append(str(step))
    return UserError(f"The file of published rows {path} is wrong at {', '.join(words)}: {reason.rstrip('.')}.")


def _scores(given: Mapping[str, Decimal]) -> tuple[PublishedScore, ...]:
    scores: dict[tuple[str, str], PublishedScore] = {}
    for key, value in given.items():
        protocol, _, rest = key.partition(":")
        variant, _, name = rest.partition(":")
        if not variant:
            raise ValueError(f"{key!r} is not protocol:variant or protocol:variant:metric; the variant may be unknown")
        metric = _metric(protocol, variant, name or protocol)
        low, high = metric.range
        if not low <= value <= high:
            raise ValueError(f"{key!r} is {value}, outside {low:g} to {high:g} (shares are not given in percent)")
        if (protocol, metric.name) in scores:
            raise ValueError(f"{metric.name!r} of {protocol} is given twice: use two rows")
        scores[protocol, metric.name] = PublishedScore(protocol, variant, metric, value)
    return tuple(scores.values())


def _metric(protocol: str, variant: str, name: str) -> MetricCard:
    if protocol in _FOREIGN:
        return _FOREIGN[protocol]
    cards = {card.name: card for card in protocols.load(protocol)(None if variant == UNKNOWN else variant).metrics}
    if name not in cards:
        raise ValueError(f"{protocol} has no metric {name!r}: {', '.join(cards)}")
    return cards[name]
