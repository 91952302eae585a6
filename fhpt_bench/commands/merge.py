"""`fhpt-bench merge`: scores and record of a run whose pairs several jobs have measured."""

from __future__ import annotations

import time
from pathlib import Path

import click


@click.command()
@click.argument("folders", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--allow-failed", is_flag=True, help="Make the record without protocols that failed in a shard.")
@click.option("--full", is_flag=True, help="Print every score, not only the headline metrics.")
def merge(folders: tuple[Path, ...], allow_failed: bool, full: bool) -> None:
    """Make the record of a run from its shards (`run --shard 3/16`).

    FOLDERS are what the shards had as --out; the record goes into the first one. A shard that is missing, has not
    ended or in which a protocol failed is named, with the command that redoes it.
    """
    start = time.perf_counter()
    from fhpt_bench.evaluation.merge import merge as merge_shards
    from fhpt_bench.reporting.terminal import report

    record = merge_shards(folders, progress=True, allow_failed=allow_failed)
    report(record, time.perf_counter() - start, full)
