"""The command: `python -m tools.faults`."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import click

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
PARTS = ("kills", "disk", "races", "inputs")


def _chosen(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    if not names or set(names) - set(PARTS):
        raise click.BadParameter(f"choose of {', '.join(PARTS)}.")
    return names


@click.command()
@click.option("--only", default=",".join(PARTS), show_default=True, callback=_chosen, help="Parts of the campaign.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of moments, pairs and choices.")
@click.option("--short", is_flag=True, help="A few cases of each part, in under a minute.")
@click.option("--write", is_flag=True, help="Write the tables of these parts into docs/reliability.md.")
def main(only: tuple[str, ...], seed: int, short: bool, write: bool) -> None:
    """Put faults into the commands, and print what was wrong.

    The exit code is 1 if anything was. Everything is written into a temporary folder, which is removed. The commands
    are processes forked from this one, which needs Linux or macOS.
    """
    if not hasattr(os, "fork"):
        raise click.ClickException("the campaign needs fork: run it on Linux or macOS")
    if write and short:
        raise click.ClickException("--write needs the whole campaign: leave --short out")
    # Before a library starts threads, of which a forked process would have none.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", CUDA_VISIBLE_DEVICES="")
    from tools.docs.pages import fill
    from tools.faults.campaign import run_parts

    root = Path(tempfile.mkdtemp(prefix="fhpt-faults-"))
    try:
        parts = run_parts(root, only, seed, short, lambda line: click.echo(line, err=True))
    finally:
        shutil.rmtree(root, ignore_errors=True)
    blocks = {part.name: part.text for part in parts}
    if write:
        PAGE.write_text(fill(PAGE.read_text(encoding="utf-8"), blocks), encoding="utf-8")
    click.echo("\n\n".join(blocks.values()))
    wrong = [text for part in parts for text in part.wrong]
    for text in wrong:
        click.echo(f"WRONG {text}", err=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
