"""`fhpt-bench validate`: check that a record is consistent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click


@click.command()
@click.argument("record", type=click.Path(path_type=Path))
@click.option("--data-root", type=click.Path(path_type=Path), help="Folder of the benchmark's data.")
@click.option("--images", is_flag=True, help="Also measure the record's images again, which takes as long as a run.")
def validate(record: Path, data_root: Path | None, images: bool) -> None:
    """Check that a record is consistent with its files.

    RECORD is a folder or a record.json. It is held against the installed benchmark and protocols. Everything that
    follows from the saved values by pair is computed again; what cannot be checked is named. The exit code is 1 if
    anything is wrong.
    """
    from fhpt_bench.records.schema import read_record
    from fhpt_bench.records.validation import validate_record
    from fhpt_bench.reporting.listing import echo, print_table

    given = read_record(record)
    found = validate_record(given, data_root, progress=True)
    checks = list(found.checks)
    if images:
        from fhpt_bench.evaluation.remeasure import remeasure

        checks += remeasure(given, data_root, progress=True)
    found = replace(found, checks=tuple(checks))
    print_table(("", "check", "found"), [(check.status, check.name, check.detail) for check in checks])
    echo(f"\n{found.summary}{'' if images else ' The images were not measured again: --images does.'}")
    if found.wrong:
        raise SystemExit(1)
