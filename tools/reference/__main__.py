"""The command: `python -m tools.reference --only NAMES --seconds 520`."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from fhpt_bench.errors import UserError
from tools.reference.fitting import TRIAL, fitting_iterations
from tools.reference.packing import archive_name, pack
from tools.reference.plan import Training, make_plan, setting
from tools.reference.running import RESERVE, finished, progress, run_all


@click.command()
@click.option("--only", required=True, metavar="NAMES", help="Recipes, separated by commas; or path/to/file.py:Class.")
@click.option(
    "--seconds", type=click.FloatRange(min=0, min_open=True), help="Time limit of this call.  [default: none]"
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the results: at most 8 files of at most 16 MiB."
              "  [default: trained/reference-results/PRESET, or PRESET-ITERATIONS]")  # fmt: skip
@click.option("--work", type=click.Path(path_type=Path), default=Path("trained/reference"), show_default=True,
              help="Folder of checkpoints, from which the same command resumes.")  # fmt: skip
@click.option("--iterations", type=click.IntRange(min=1), help="Length of the trainings.  [default: the preset's]")
@click.option("--fit", is_flag=True, help="Shorten all trainings to the number of iterations that --seconds allow: a "
              "trial measures their times.")  # fmt: skip
@click.option("--preset", default="small", show_default=True)
@click.option("--benchmark", "-b", default="studio", show_default=True)
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="[default: cuda if available]")
@click.option("--mixed-precision", type=click.Choice(["no", "bf16"]),
              help="[default: the preset's, or no if the device has no native bfloat16]")  # fmt: skip
@click.option("--side-by-side/--one-by-one", default=None, help="[default: side by side on a GPU]")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--dry-run", is_flag=True, help="Print the plan; train and write nothing.")
def main(
    only: str, seconds: float | None, out: Path | None, work: Path, iterations: int | None, fit: bool, preset: str,
    benchmark: str, device: str | None, mixed_precision: str | None, side_by_side: bool | None, seed: int,
    dry_run: bool,
) -> None:  # fmt: skip
    """Train the reference models within a time limit, and pack weights, logs and contact sheets.

    The same command resumes what is not finished. On a CPU a training stops after the iteration in which its time ends.
    """
    start = time.monotonic()
    if fit and (seconds is None or iterations is not None):
        raise UserError("--fit computes the number of iterations from --seconds: give --seconds, without --iterations.")
    # The processes of the trainings start in the repository's folder.
    work = work.expanduser().resolve()
    names = [name.strip() for name in only.split(",") if name.strip()]
    make_plan(names, preset, work, iterations)  # refuses what cannot be trained, before anything starts
    chosen = device or _best_device()
    together = chosen == "cuda" if side_by_side is None else side_by_side
    how = "side by side, a process each" if together else "one after the other"
    precision = mixed_precision or "as in the preset"
    click.echo(f"{len(names)} trainings on {chosen}, {how}; mixed precision: {precision}")
    options: dict[str, Any] = {
        "benchmark": benchmark, "device": chosen, "mixed_precision": mixed_precision, "seed": seed,
    }  # fmt: skip
    if fit and seconds is not None and not dry_run:
        iterations = fitting_iterations(names, preset, work, options, seconds, together, click.echo)
        click.echo(f"{iterations:,} iterations fit; to resume, give --iterations {iterations} in place of --fit")
        seconds -= time.monotonic() - start
    out = (out or Path("trained/reference-results") / setting(preset, iterations)).expanduser().resolve()
    trainings = make_plan(names, preset, work, iterations)
    for line in _plan_lines(trainings, seconds, work, out):
        click.echo(line)
    if dry_run:
        click.echo(
            f"--fit: a trial of {TRIAL} iterations of each comes first, and may shorten them" if fit else "", nl=fit
        )
        return
    states = run_all(trainings, options, seconds, together, click.echo)
    # What is in the folder of a failed training may be another one's.
    files, notes = pack([one for one, state in zip(trainings, states, strict=True) if state != "failed"], out)
    for note in notes:
        click.echo(note)
    for file in files:
        click.echo(f"{file}  {file.stat().st_size:,} bytes")
    click.echo(f"{time.monotonic() - start:.0f} s in all")
    if set(states) != {"done"}:
        sys.exit(1)


def _best_device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _plan_lines(trainings: Sequence[Training], seconds: float | None, work: Path, out: Path) -> list[str]:
    """What is trained, how long, and what it leaves."""
    lines = []
    for one in trainings:
        h, (done, spent) = one.hparams, progress(one)
        phases = ", ".join(
            f"{value:,} {name.removesuffix('_iterations').replace('_', ' ')}"
            for name, value in vars(h).items()
            if name.endswith("_iterations") and value not in (0, h.iterations)
        )
        state = "finished" if finished(one) else f"{done:,} done in {spent:.0f} s" if done else "not begun"
        lines.append(
            f"  {one.name} ({one.preset}): {h.iterations:,} iterations of {h.batch_size} pairs ({phases}); {state}"
        )
    if seconds is not None:
        lines.append(
            f"time: {seconds:.0f} s, of which up to {RESERVE:.0f} s to load and to write; what is not finished then "
            "stops with a checkpoint and its weights"
        )
    else:
        lines.append("time: no limit")
    weights = ", ".join(f"{one.name}.safetensors" for one in trainings)
    return [*lines, f"checkpoints: {work}", f"results: {out}: {weights}, {archive_name(trainings)}"]


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
