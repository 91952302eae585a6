"""`fhpt-bench validate`: check that a record is consistent."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("record", type=click.Path(path_type=Path))
def validate(record: Path) -> None:
    """Check that a record is consistent with its files.

    RECORD is a folder or a record.json. Everything that follows from the saved values by pair is computed again; what
    cannot be checked is named. The exit code is 1 if anything is wrong.
    """
    from fhpt_bench.errors import plain
    from fhpt_bench.records.schema import read_record
    from fhpt_bench.records.validation import validate_record
    from fhpt_bench.reporting.listing import print_table

    checks = validate_record(read_record(record))
    print_table(("", "check", "found"), [(check.status, check.name, plain(check.detail)) for check in checks])
    wrong = sum(check.status == "WRONG" for check in checks)
    click.echo(f"\n{wrong} wrong." if wrong else "\nNothing is wrong.")
    if wrong:
        raise SystemExit(1)
