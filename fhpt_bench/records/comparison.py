"""Find the records to compare, and read their values by pair."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fhpt_bench.errors import UserError, did_you_mean
from fhpt_bench.reading import sha256_file
from fhpt_bench.records.installed_cards import contradiction, slack, standing
from fhpt_bench.records.pair_table import PAIRS_FILE, PairValues, read_pair_values
from fhpt_bench.records.schema import AUDIT_FILE, RECORD_FILE, Record, ScoreEntry, read_record
from fhpt_bench.statistics import METHOD

if TYPE_CHECKING:
    pass

_ROUNDING = 1e-9  # of sums, as a fraction of the mean absolute value
MAKE_ONE = "make a record with `fhpt-bench run --model warp`"


def find_records(folders: Iterable[Path]) -> tuple[list[Record], list[str]]:
    """Read every record at or below some folders, without those of an audit below them.

    Args:
        folders: the folders to search; repeated folders count once, and links are not followed.

    Returns:
        The records by path, and one sentence for each record that could not be read.

    Raises:
        UserError: if a folder does not exist.
    """
    files: dict[Path, Path] = {}
    problems: list[str] = []
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"There is no folder {folder}: {MAKE_ONE}, or name the right folder with --records.")
        for here, below, names in os.walk(folder, onerror=lambda error: problems.append(f"Cannot read {error}.")):
            below.sort()
            if AUDIT_FILE in names and Path(here) != folder:
                below.clear()
            if RECORD_FILE in names:
                file = Path(here) / RECORD_FILE
                files.setdefault(file.resolve(), file)
    records = []
    for file in files.values():
        try:
            records.append(read_record(file))
        except UserError as error:
            problems.append(str(error))
    return records, problems


def read_values(record: Record) -> PairValues:
    """Read a record's values by pair, and check that the file has not changed since the run.

    Args:
        record: a record that was read from a folder.

    Returns:
        Score key -> table, index = pair id, columns person, value, weight, skipped.

    Raises:
        UserError: if `pairs.csv` is missing, was changed, is not a table of pairs, or the record contradicts it or
            the installed protocols.
    """
    file = (record.folder or Path()) / PAIRS_FILE
    if sha256_file(file) != record.pairs.sha256:
        raise UserError(f"{file} has changed since its record was written: `fhpt-bench validate` shows details.")
    values = read_pair_values(file.parent, record.pairs.rows)
    if not values.people.index.is_unique:
        raise UserError(f"{file} is not a table of pairs: a pair occurs twice.")
    if problem := _contradiction(record, values):
        raise UserError(f"In {file.parent}, {problem}: `fhpt-bench validate` shows details.")
    return values


def _contradiction(record: Record, values: PairValues) -> str | None:
    """What a record says against the installed protocols or its own values by pair, without slow checks."""
    if record.pairs.rows != record.benchmark.n_pairs:
        return f"{PAIRS_FILE} has {record.pairs.rows} pairs, the benchmark of the record {record.benchmark.n_pairs}"
    for score in record.scores:
        metric = standing(record, score).metric
        if metric is not None and (problem := contradiction(score, metric)):
            return problem
        if metric is not None and score.value is not None and metric.per_pair != (score.key in values):
            return f"{score.key} has {'no values' if metric.per_pair else 'values'} by pair, unlike its protocol"
        if score.interval is not None and score.value is not None:
            low, high, method = score.interval
            # Equal values of all people: the resampled means differ from the mean by rounding.
            if not low - slack(score.value) <= score.value <= high + slack(score.value):
                return f"{score.key} is {score.value!r}, outside its interval [{low}, {high}]"
            if metric is not None and metric.per_pair and method != METHOD:
                return f"{score.key} has an interval by {method!r}, its protocol resamples people"
        if score.key in values and score.value is not None:
            value, weight = values.counted(score.key)
            mass = weight.sum()
            mean, size = ((weight * part).sum() / mass if mass > 0 else None for part in (value, np.abs(value)))
            rounding = _ROUNDING * (size or 0.0)
            if mean is None or not abs(mean - score.value) <= rounding:
                return f"{score.key} is {score.value!r}, but its values by pair give {mean!r}"
    return None


def records_called(name: str, records: Iterable[Record]) -> list[Record]:
    """The records that a name or path fits.

    Args:
        name: a model's name, or the path of a record or of its folder.
        records: the records to search.

    Raises:
        UserError: if there is none, or the path holds no record.
    """
    if is_record_path(name):
        return [read_record(Path(name))]
    records = list(records)
    found = [record for record in records if record.model.name == name]
    if not found:
        hint = did_you_mean(name, {record.model.name for record in records}) if records else f"{MAKE_ONE}."
        raise UserError(f"No record of a model {name!r} was found: {hint}")
    return found


def is_record_path(name: str) -> bool:
    """Whether a string is the path of a record or of a folder that holds one."""
    return Path(name).is_file() or (Path(name) / RECORD_FILE).is_file()


def choose_two(called_a: list[Record], called_b: list[Record]) -> tuple[Record, Record]:
    """Choose the two records that can be compared.

    Args:
        called_a: the records that the first name fits.
        called_b: the records that the second name fits.

    Raises:
        UserError: if both are the same record, or more than two can be compared.
    """
    pairs = [(a, b) for a in called_a for b in called_b if a.folder != b.folder]
    if not pairs:
        raise UserError(f"Both names mean the record in {called_a[0].folder}: give the paths of two records.")
    if len(pairs) > 1:
        sharing = [(a, b) for a, b in pairs if _fingerprints(a) & _fingerprints(b)]
        if len(sharing) != 1:
            folders = sorted({str(record.folder) for pair in sharing or pairs for record in pair})
            raise UserError(f"Several records fit: give two of these paths instead of names: {', '.join(folders)}.")
        pairs = sharing
    return pairs[0]


def two_records(a: str, b: str, folders: Sequence[Path]) -> tuple[Record, Record, list[str]]:
    """The two records that two names or paths mean.

    Args:
        a: a model's name, or the path of a record.
        b: another one.
        folders: the folders to search for names; none for `runs`.

    Returns:
        The records, and one sentence for each record that could not be read.

    Raises:
        UserError: as `records_called` and `choose_two`.
    """
    records: list[Record] = []
    problems: list[str] = []
    if not (is_record_path(a) and is_record_path(b)):
        records, problems = find_records(folders or (Path("runs"),))
    first, second = choose_two(records_called(a, records), records_called(b, records))
    return first, second, problems


def _fingerprints(record: Record) -> set[str]:
    return {score.fingerprint for score in record.scores if score.value is not None}


def what_differs(a: Record, b: Record, score: ScoreEntry) -> list[str]:
    """Why two records' values of one score are not comparable, as far as the records show.

    Args:
        a: a record with the score.
        b: a record in which the score has another fingerprint.
        score: the score of either.

    Returns:
        What differs, each with a's and b's value.
    """
    facts: list[tuple[str, object, object]] = [
        (name, getattr(a.benchmark, field), getattr(b.benchmark, field))
        for name, field in (
            ("benchmark", "id"), ("benchmark version", "version"), ("pairs", "n_pairs"), ("pair list", "pairs_sha256"),
            ("images or poses", "data_sha256"), ("image size", "image_size"), ("landmarks", "landmarks_sha256"),
            ("parsing maps", "parsing_sha256"),
        )
    ]  # fmt: skip
    cards = a.card(score), b.card(score)
    facts += [
        (f"protocol's {field}", getattr(cards[0], field, None), getattr(cards[1], field, None))
        for field in ("version", "features", "numerics")
    ]
    weights_a, weights_b = a.provenance.weights, b.provenance.weights
    facts += [(f"weights {name}", weights_a[name], weights_b[name]) for name in sorted({*weights_a} & {*weights_b})]
    differing = [f"{name} ({_short(x)} / {_short(y)})" for name, x, y in facts if x != y]
    return differing or ["something that the records do not show, such as a feature's version"]


def _short(value: object) -> str:
    """A value as text; only the first digits of a digest."""
    text = str(value)
    return text[:6] if isinstance(value, str) and len(text) == 64 else text
