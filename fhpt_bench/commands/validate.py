"""`fhpt-bench validate`: check that a record is consistent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fhpt_bench.records.validation import Validation


@click.command()
@click.argument("record", type=click.Path(path_type=Path))
@click.option("--data-root", type=click.Path(path_type=Path), help="Folder of the benchmark's data.")
@click.option("--images", is_flag=True, help="Also measure the record's images again, which takes as long as a run.")
def validate(record: Path, data_root: Path | None, images: bool) -> None:
    """Check that a record is consistent with its files.

    RECORD is a folder, a record.json, or a zip file of `fhpt-bench submit`. It is held against the installed benchmark
    and protocols. Everything that follows from the saved values by pair is computed again; what cannot be checked is
    named. The exit code is 1 if anything is wrong.
    """
    from fhpt_bench.reporting.listing import echo, print_table

    if record.suffix == ".zip":
        found = _check_file(record.expanduser(), data_root, images)
    else:
        found = _check_folder(record, data_root, images)
    checks = found.checks
    print_table(("", "check", "found"), [(check.status, check.name, check.detail) for check in checks])
    echo(f"\n{found.summary}{'' if images else ' The images were not measured again: --images does.'}")
    if found.wrong:
        raise SystemExit(1)


def _check_folder(record: Path, data_root: Path | None, images: bool) -> Validation:
    from fhpt_bench.records.schema import read_record
    from fhpt_bench.records.validation import validate_record

    given = read_record(record)
    found = validate_record(given, data_root, progress=True)
    if not images:
        return found
    from fhpt_bench.evaluation.remeasure import remeasure

    return replace(found, checks=(*found.checks, *remeasure(given, data_root, progress=True)))


def _check_file(file: Path, data_root: Path | None, images: bool) -> Validation:
    import tempfile

    from fhpt_bench.errors import UserError
    from fhpt_bench.records.submission import check_submission, unpack_submission

    if images:
        raise UserError(f"{file} does not contain the images: leave --images out, or give the folder of the run.")
    with tempfile.TemporaryDirectory() as place:
        return check_submission(unpack_submission(file, Path(place)), data_root, progress=True)
