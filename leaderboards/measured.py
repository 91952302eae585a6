"""The records that tables and figures are made from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fhpt_bench.errors import UserError
from fhpt_bench.records.comparison import MAKE_ONE, find_records, read_values
from fhpt_bench.reporting.listing import echo

if TYPE_CHECKING:
    from leaderboards.ranking import Measured

RUNS = "runs"


def read_measured(folders: Sequence[str], optional: bool = False) -> list[Measured]:
    """Read all records with their values by pair; a message for each record that cannot be used goes to stderr.

    Args:
        folders: where to search; default: `runs`.
        optional: whether it is no error if no record is found in the default folder.

    Raises:
        UserError: if a folder does not exist, or no record is found.
    """
    chosen = [Path(folder).expanduser() for folder in folders or (RUNS,)]
    if optional and not folders and not chosen[0].is_dir():
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
        raise UserError(f"No readable record was found in {', '.join(map(str, chosen))}: {MAKE_ONE}.")
    return measured
