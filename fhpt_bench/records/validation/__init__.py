"""Validation of a record: what follows from its files is computed again; what cannot be checked is named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fhpt_bench.data.images import digest_images
from fhpt_bench.errors import UserError
from fhpt_bench.files import explained
from fhpt_bench.reading import read_json
from fhpt_bench.records.pair_table import PAIRS_FILE, images_digest, read_pair_values, read_people
from fhpt_bench.records.schema import Record, ScoreEntry
from fhpt_bench.records.validation.cards import card_checks
from fhpt_bench.records.validation.checks import Check, judge
from fhpt_bench.records.validation.installed import installed_checks
from fhpt_bench.records.validation.pairs import inconsistent, pairs_file_check, table_checks

if TYPE_CHECKING:
    import pandas as pd

_MANY = 20_000  # pairs
_RUN_FILE = "run.json"


@dataclass(frozen=True)
class Validation:
    """The result of checking a record.

    Args:
        checks: the checks with their status.
        followed: keys of the scores whose value and interval follow from the values by pair.
        valued: number of scores with a value.
    """

    checks: tuple[Check, ...]
    followed: frozenset[str]
    valued: int

    @property
    def wrong(self) -> int:
        """The number of checks that found something wrong."""
        return sum(check.status == "WRONG" for check in self.checks)

    @property
    def summary(self) -> str:
        """One line: what is wrong, and how much of the record was checked."""
        found = f"{self.wrong} wrong." if self.wrong else "Nothing that could be checked is wrong."
        return f"{found} {len(self.followed)} of {self.valued} scores follow from {PAIRS_FILE}."


def validate_record(record: Record, data_root: Path | None = None, progress: bool = False) -> Validation:
    """Check a record against its own files, and against what is installed: benchmark, protocols, weights.

    Args:
        record: from `read_record`, which has checked the schema.
        data_root: the folder of the benchmark's data, if it does not ship with the package.
        progress: show a progress bar.

    Raises:
        ValueError: if the record was not read from a folder.
    """
    if record.folder is None:
        raise ValueError("only a record in a folder can be checked")
    checks = [Check("ok", "schema", f"fits version {record.schema_version}; every score occurs once")]
    people: pd.Series[str] | None = None
    tables: Mapping[str, pd.DataFrame] = {}
    followed: set[str] = set()
    try:
        tables = read_pair_values(record.folder, record.pairs.rows)
        people = read_people(record.folder, record.pairs.rows)
    except UserError as error:
        checks.append(Check("WRONG", PAIRS_FILE, f"cannot be read as a table of pairs: {error}"))
    installed = installed_checks(record, people, data_root)
    checks += card_checks(record, tables if people is not None else None)
    checks += judge("fingerprints", _fingerprints(record), "64 hexadecimal digits each")
    if people is not None:
        found = pairs_file_check(record, people, tables)
        checks += found
        # Pairs of which the installed benchmark knows nothing may be so many that nothing else should be computed.
        foreign = len(people) > _MANY and any(check.status == "WRONG" for check in installed)
        if len(people) == record.benchmark.n_pairs and people.index.is_unique and not foreign:
            more, followed = table_checks(record, tables, progress)
            checks += more
    valued = [score for score in record.scores if score.status == "ok"]
    whole = [score for score in valued if score.key not in tables]
    checks += judge("other intervals", inconsistent(whole), "contain their values") if whole else []
    checks += installed
    checks += [*_run(record), *_images(record, people, progress)]
    checks += _cannot(whole)
    return Validation(tuple(checks), frozenset(followed & {score.key for score in valued}), len(valued))


def _fingerprints(record: Record) -> Iterator[str]:
    for score in record.scores:
        if not re.fullmatch(r"[0-9a-f]{64}", score.fingerprint):
            yield f"{score.key} has the fingerprint {score.fingerprint!r}"


def _run(record: Record) -> list[Check]:
    """The folder's `run.json` must be that of the record: two runs may have written into one folder."""
    file = (record.folder or Path()) / _RUN_FILE
    if not file.is_file():
        return []
    try:
        held = read_json(file)
    except UserError as error:
        return [Check("WRONG", _RUN_FILE, str(error))]
    same = isinstance(held, dict) and held.get("run_id") == record.run_id
    return judge(_RUN_FILE, [] if same else ["it belongs to another run than the record"], "belongs to the record")


def _images(record: Record, people: pd.Series[str] | None, progress: bool) -> list[Check]:
    """Each pair needs its generated image, with the pixels that were measured, if the images were kept."""
    folder = (record.folder or Path()) / "images"
    if people is None or not folder.is_dir():
        return [Check("cannot", "images", "the generated images are not in the record's folder")]
    with explained(folder, "read"):
        names = {path.name for path in folder.iterdir()}
    missing = sorted(pair for pair in people.index if f"{pair}.png" not in names)
    if missing:
        return [Check("WRONG", "images", f"{len(missing)} pairs have none, the first is {missing[0]}.png")]
    if record.pairs.images_sha256 is None:
        return [Check("ok", "images", f"one for each of {len(people)} pairs; the record has no digest of their pixels")]
    try:
        digests = digest_images(
            [folder / f"{pair}.png" for pair in people.index], record.benchmark.image_size, progress
        )
    except UserError as error:
        return [Check("WRONG", "images", str(error))]
    found = images_digest({path.stem: digest for path, digest in digests.items()})
    problem = "their pixels are not those that were measured" if found != record.pairs.images_sha256 else ""
    return judge("images", [problem] if problem else [], f"the measured pixels, for each of {len(people)} pairs")


def _cannot(whole: Sequence[ScoreEntry]) -> list[Check]:
    """What files cannot prove."""
    checks = [
        Check("cannot", "values by pair", "whether they belong to the images: `validate --images` measures them again"),
        Check("cannot", "provenance", "wall times, package versions, code and device cannot be checked"),
    ]
    if whole:
        names = ", ".join(score.key for score in whole)
        checks.insert(0, Check("cannot", "whole-set scores", f"no values by pair to compute them from: {names}"))
    return checks
