"""`fhpt-bench validate`: check that a record is consistent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fhpt_bench.records.validation import Validation


_OWN = "-"  # --images without a folder: those of the record


@click.command()
@click.argument("record", type=click.Path(path_type=Path))
@click.option("--data-root", type=click.Path(path_type=Path), help="Folder of the benchmark's data.")
@click.option(
    "--images", is_flag=False, flag_value=_OWN, metavar="[DIR]",
    help="Also measure the images in DIR again, which takes as long as a run.  [default DIR: images/ of the record]",
)  # fmt: skip
@click.option("--recompute", metavar="SHARE", help="Measure only a share of the pairs again, such as 5%, at random.")
def validate(record: Path, data_root: Path | None, images: str | None, recompute: str | None) -> None:
    """Check that a record is consistent with its files.

    RECORD is a folder, a record.json, or a zip file of `fhpt-bench submit`. It is compared with the installed
    benchmark and protocols. Everything that follows from the saved values by pair is computed again; what cannot be
    checked is named. The exit code is 1 if anything is wrong.

    With --recompute, the values by pair of pairs chosen at random are compared; scores that need all pairs, such as
    Fréchet distances, are named.
    """
    from fhpt_bench.reporting.listing import echo, print_table

    share = _share(recompute) if recompute is not None else 1.0
    if recompute is not None and images is None:
        images = _OWN
    found = _check(record.expanduser(), data_root, images, share)
    checks = found.checks
    print_table(("", "check", "found"), [(check.status, check.name, check.detail) for check in checks])
    echo(f"\n{found.summary}{'' if images else ' The images were not measured again: --images does.'}")
    if found.wrong:
        raise SystemExit(1)


def _share(text: str) -> float:
    """A share of the pairs: "5%" is 0.05."""
    from fhpt_bench.errors import UserError

    try:
        share = float(text.removesuffix("%")) / 100
    except ValueError:
        share = 0.0
    if not (text.endswith("%") and 0 < share <= 1):
        raise UserError(f"--recompute {text} is not a share of the pairs: give a percentage such as 5%.")
    return share


def _check(record: Path, data_root: Path | None, images: str | None, share: float) -> Validation:
    import contextlib
    import tempfile

    from fhpt_bench.errors import UserError
    from fhpt_bench.records.schema import read_record
    from fhpt_bench.records.submission import check_submission, unpack_submission
    from fhpt_bench.records.validation import validate_record

    packed = record.suffix == ".zip"
    if packed and images == _OWN:
        raise UserError(f"{record} does not contain the images: give their folder, --images DIR, or leave it out.")
    with tempfile.TemporaryDirectory() if packed else contextlib.nullcontext() as place:
        if place is not None:
            submission = unpack_submission(record, Path(place))
            given, found = submission.record, check_submission(submission, data_root, progress=True)
        else:
            given = read_record(record)
            found = validate_record(given, data_root, progress=True)
        if images is None:
            return found
        from fhpt_bench.evaluation.remeasure import remeasure

        folder = None if images == _OWN else Path(images).expanduser()
        return replace(found, checks=(*found.checks, *remeasure(given, data_root, True, folder, share)))
