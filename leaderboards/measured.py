"""The records that tables and figures are made from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fhpt_bench.errors import UserError
from fhpt_bench.records.comparison import MAKE_ONE, find_records, read_values
from fhpt_bench.records.schema import Record
from fhpt_bench.reporting.formatting import model_label
from fhpt_bench.reporting.listing import echo

if TYPE_CHECKING:
    from leaderboards.ranking import Measured

RUNS = "runs"
REFERENCE = Path(__file__).parent / "reference"  # records that ship: reference/<benchmark>/<model>/


def is_reference(record: Record) -> bool:
    """Whether a record ships with this package."""
    return record.folder is not None and record.folder.is_relative_to(REFERENCE)


def label_of(record: Record) -> str:
    """A record's model with its badges; `(reference)` if the record ships with this package.

    Args:
        record: the record.
    """
    return f"{model_label(record.model)}{' (reference)' if is_reference(record) else ''}"


def read_measured(folders: Sequence[str], optional: bool = False, reference: bool = False) -> list[Measured]:
    """Read all records with their values by pair; a message for each record that cannot be used goes to stderr.

    Args:
        folders: where to search; default: `runs`.
        optional: whether it is no error if no record is found in the default folder.
        reference: also read the records that ship, if no folders are given.

    Raises:
        UserError: if a folder does not exist, or no record is found.
    """
    chosen = [Path(folder).expanduser() for folder in folders or (RUNS,)]
    if reference and not folders:
        chosen = [*(folder for folder in chosen if folder.is_dir()), REFERENCE]
    elif optional and not folders and not chosen[0].is_dir():
        return []
    records, problems = find_records(chosen)
    measured: list[Measured] = []
    for record in records:
        try:
            measured.append((record, read_values(record)))
        except UserError as error:
            problems.append(str(error))
    for problem in problems:
        echo(f"ignored: {problem}", err=True)
    if not measured and not optional:
        where = ", ".join(folders or (RUNS,))
        raise UserError(f"No readable record was found in {where}: {MAKE_ONE}.")
    return measured
