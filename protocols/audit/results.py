"""The results of an audit as files that other programs read: a JSON file with the heading, and three tables."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fhpt_bench.errors import UserError
from fhpt_bench.files import write_text
from fhpt_bench.reading import LIST_BYTES, read_file
from fhpt_bench.records.schema import AUDIT_FILE
from protocols.audit.adversaries import Standing
from protocols.audit.confusion import Confusion
from protocols.audit.damage import Damage
from protocols.audit.findings import AuditedScore, Finding, Range

MARKER = AUDIT_FILE
FINDINGS, CONFUSIONS, STANDINGS = "audit.csv", "confusions.csv", "models.csv"
FILES = (MARKER, FINDINGS, CONFUSIONS, STANDINGS)
_SCORE = ("score", "label", "headline", "higher_is_better")
_FINDING = (
    "damage", "number", "strength", "real", "value", "difference_low", "difference_high", "worse", "better", "decided",
    "tau", "tau_low", "tau_high", "n",
)  # fmt: skip
_STANDING = ("model", "real", "value", "n", "better_than", "compared")
_CONFUSION = ("mild", "number", "mild_value", "serious", "serious_value")


@dataclass(frozen=True)
class Results:
    """What an audit found.

    Args:
        heading: benchmark and pairs, in words.
        findings: what every score says of every damage.
        confusions: what every score confuses.
        standings: what every score says of adversaries and other models.
    """

    heading: str
    findings: tuple[Finding, ...]
    confusions: tuple[Confusion, ...]
    standings: tuple[Standing, ...]

    @property
    def table(self) -> dict[AuditedScore, dict[str, Finding]]:
        """Score -> name of the damage -> finding, in the order of the findings."""
        found: dict[AuditedScore, dict[str, Finding]] = {}
        for finding in self.findings:
            found.setdefault(finding.score, {})[finding.damage] = finding
        return found

    def write(self, folder: Path, damages: Sequence[Damage]) -> list[Path]:
        """Write the files.

        Args:
            folder: an existing folder.
            damages: the kinds of damage that were measured.

        Returns:
            Their paths.
        """
        strengths = {damage.name: damage.strengths for damage in damages}
        rows = (line for finding in self.findings for line in _lines(finding, strengths[finding.damage]))
        mark(folder, self.heading)
        write_text(folder / FINDINGS, _csv((*_SCORE, *_FINDING), rows))
        write_text(folder / CONFUSIONS, _csv((*_SCORE, *_CONFUSION), map(_line, self.confusions)))
        write_text(
            folder / STANDINGS, _csv((*_SCORE, *_STANDING), (row for one in self.standings for row in _ranks(one)))
        )
        return [folder / name for name in FILES]

    @classmethod
    def read(cls, folder: Path) -> Results:
        """Read the files that `write` wrote.

        Args:
            folder: their folder, with the audit's marker.

        Raises:
            UserError: if a file is missing or was changed.
        """
        try:
            heading = _heading(folder / MARKER)
            lines = _rows(folder / FINDINGS, (*_SCORE, *_FINDING))
            groups: dict[tuple[AuditedScore, str], list[Mapping[str, str]]] = {}
            for line in lines:
                groups.setdefault((_score(line), line["damage"]), []).append(line)
            findings = tuple(_finding(score, damage, rows) for (score, damage), rows in groups.items())
            confusions = tuple(map(_confusion, _rows(folder / CONFUSIONS, (*_SCORE, *_CONFUSION))))
            ranks: dict[AuditedScore, list[Mapping[str, str]]] = {}
            for line in _rows(folder / STANDINGS, (*_SCORE, *_STANDING)):
                ranks.setdefault(_score(line), []).append(line)
            standings = tuple(_standing(score, rows) for score, rows in ranks.items())
        except (ValueError, KeyError, TypeError):
            raise UserError(f"{folder}: the files of the audit were changed: run the audit again.") from None
        return cls(heading, findings, confusions, standings)


def mark(folder: Path, heading: str) -> None:
    """Mark a folder as that of an audit.

    Args:
        folder: the folder; may be missing.
        heading: benchmark and pairs, in words.

    Raises:
        UserError: if it is the folder of an audit of other pairs.
    """
    marker = folder / MARKER
    if marker.is_file() and (kept := _heading(marker)) != heading:
        raise UserError(
            f"{folder} holds the audit of {kept}, this one is of {heading}: give another folder with --out."
        )
    write_text(marker, json.dumps({"heading": heading}) + "\n")


def _heading(marker: Path) -> str:
    try:
        return str(json.loads(read_file(marker, LIST_BYTES))["heading"])
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{marker} is damaged: give another folder with --out.") from None


def _lines(finding: Finding, strengths: Sequence[float]) -> Iterator[tuple[object, ...]]:
    flags = zip(finding.worse, finding.better, finding.decided, strict=True)
    columns = zip(strengths, finding.values, finding.differences, flags, strict=True)
    for number, (strength, value, difference, flag) in enumerate(columns, 1):
        yield (
            *_key(finding.score), finding.damage, number, strength, finding.real, value, *(difference or (None, None)),
            *flag, finding.tau, *(finding.interval or (None, None)), finding.n,
        )  # fmt: skip


def _line(item: Confusion) -> tuple[object, ...]:
    return (*_key(item.score), item.mild, item.number, item.mild_value, item.serious, item.serious_value)


def _ranks(one: Standing) -> Iterator[tuple[object, ...]]:
    for name, (value, n) in one.values.items():
        beaten = " ".join(faithful for wrong, faithful in one.fooled if wrong == name)
        yield (*_key(one.score), name, one.real, value, n, beaten, one.compared)


def _key(score: AuditedScore) -> tuple[object, ...]:
    return score.key, score.label, score.headline, score.higher_is_better


def _csv(head: Sequence[str], rows: Iterable[tuple[object, ...]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(tuple(f"{cell:.9g}" if isinstance(cell, float) else cell for cell in row) for row in rows)
    return buffer.getvalue()


def _rows(file: Path, head: Sequence[str]) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(read_file(file, LIST_BYTES).decode()))
    if tuple(reader.fieldnames or ()) != tuple(head):
        raise ValueError("another heading")
    return list(reader)


def _score(line: Mapping[str, str]) -> AuditedScore:
    return AuditedScore(line["score"], line["label"], line["headline"] == "True", line["higher_is_better"] == "True")


def _finding(score: AuditedScore, damage: str, lines: Sequence[Mapping[str, str]]) -> Finding:
    first = lines[0]
    return Finding(
        score,
        damage,
        float(first["real"]),
        tuple(_number(line["value"]) for line in lines),
        tuple(line["worse"] == "True" for line in lines),
        tuple(line["better"] == "True" for line in lines),
        tuple(line["decided"] == "True" for line in lines),
        tuple(_range(line["difference_low"], line["difference_high"]) for line in lines),
        _number(first["tau"]),
        _range(first["tau_low"], first["tau_high"]),
        int(first["n"]),
    )


def _confusion(line: Mapping[str, str]) -> Confusion:
    values = float(line["mild_value"]), float(line["serious_value"])
    return Confusion(_score(line), line["mild"], int(line["number"]), line["serious"], *values)


def _standing(score: AuditedScore, lines: Sequence[Mapping[str, str]]) -> Standing:
    values = {line["model"]: (float(line["value"]), int(line["n"])) for line in lines}
    fooled = tuple((line["model"], name) for line in lines for name in line["better_than"].split())
    return Standing(score, float(lines[0]["real"]), values, fooled, int(lines[0]["compared"]))


def _number(text: str) -> float | None:
    return float(text) if text else None


def _range(low: str, high: str) -> Range | None:
    return (float(low), float(high)) if low else None
