"""The records that tables and figures are made from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fhpt_bench.errors import UserError
from fhpt_bench.processes import end_with
from fhpt_bench.records.comparison import MAKE_ONE, find_records, read_values
from fhpt_bench.records.pair_table import PairValues
from fhpt_bench.records.schema import Record
from fhpt_bench.records.submission import CARD_FILE, check_submission, unpack_submission
from fhpt_bench.reporting.formatting import model_label
from fhpt_bench.reporting.listing import echo

if TYPE_CHECKING:
    from leaderboards.ranking import Measured

RUNS = "runs"
_MANY, _PROCESSES = 100, 8  # records from which on processes pay, and how many of them
REFERENCE = Path(__file__).parent / "reference"  # records that ship: reference/<benchmark>/<model>/


def is_reference(record: Record) -> bool:
    """Whether a record ships with this package."""
    return record.folder is not None and record.folder.is_relative_to(REFERENCE)


def origin_of(record: Record) -> str:
    """ "reference" if a record ships with this package, "submission" if it was added from a file of others, else "".

    Args:
        record: the record.
    """
    if is_reference(record):
        return "reference"
    return "submission" if record.folder is not None and (record.folder / CARD_FILE).is_file() else ""


def label_of(record: Record) -> str:
    """A record's model with its badges, and where the record comes from if it is not the user's own.

    Args:
        record: the record.
    """
    origin = origin_of(record)
    return f"{model_label(record.model)}{f' ({origin})' if origin else ''}"


def add_submissions(files: Sequence[Path], folder: Path) -> list[str]:
    """Check submissions, and unpack them so that `read_measured` finds their records.

    Args:
        files: zip files of `fhpt-bench submit`.
        folder: an empty folder to unpack into.

    Returns:
        The folders of the records.

    Raises:
        UserError: if a file is not a submission, or something in it is wrong.
    """
    places = []
    for number, file in enumerate(files):
        place = folder / str(number)
        found = check_submission(unpack_submission(file, place))
        wrong = [check for check in found.checks if check.status == "WRONG"]
        if wrong:
            raise UserError(
                f"{file} is wrong at {wrong[0].name}: {wrong[0].detail.rstrip('.')}; `fhpt-bench validate` shows all."
            )
        unknown = ", ".join(check.name for check in found.checks if check.status == "cannot")
        echo(f"{file}: nothing is wrong; cannot be checked from the file: {unknown}", err=True)
        places.append(str(place))
    return places


def read_measured(
    folders: Sequence[str], optional: bool = False, reference: bool = False, added: Sequence[str] = ()
) -> list[Measured]:
    """Read all records with their values by pair; a message for each record that cannot be used goes to stderr.

    Args:
        folders: where to search; default: `runs`.
        optional: whether it is no error if no record is found in the default folder.
        reference: also read the records that ship, if no folders are given.
        added: further folders, from `add_submissions`.

    Raises:
        UserError: if a folder does not exist, or no record is found.
    """
    chosen = [Path(folder).expanduser() for folder in folders or (RUNS,)]
    if reference and not folders:
        chosen = [*(folder for folder in chosen if folder.is_dir()), REFERENCE]
    elif optional and not folders:
        chosen = [folder for folder in chosen if folder.is_dir()]
    records, problems = find_records([*chosen, *map(Path, added)])
    measured: list[Measured] = []
    for record, values in zip(records, _read_all(records), strict=True):
        if isinstance(values, str):
            problems.append(values)
        else:
            measured.append((record, values))
    for problem in problems:
        echo(f"ignored: {problem}", err=True)
    if not measured and not optional:
        where = ", ".join(folders or (RUNS,))
        raise UserError(f"No readable record was found in {where}: {MAKE_ONE}.")
    return measured


def _read_all(records: Sequence[Record]) -> Iterator[PairValues | str]:
    """The values by pair of each record, or why they cannot be used; of many records in several processes."""
    if len(records) < _MANY:
        yield from map(_read, records)
        return
    from loky import ProcessPoolExecutor, cpu_count

    with ProcessPoolExecutor(min(_PROCESSES, cpu_count()), initializer=end_with, initargs=(os.getpid(),)) as pool:
        yield from pool.map(_read, records, chunksize=8)


def _read(record: Record) -> PairValues | str:
    try:
        return read_values(record)
    except UserError as error:
        return str(error)
