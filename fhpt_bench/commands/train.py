"""`fhpt-bench train`: train a recipe on a benchmark's training split."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import click

from fhpt_bench.commands.completion import names_of
from fhpt_bench.commands.options import OutputFolder, device_option

_SECONDS = {"h": 3600, "m": 60, "s": 1, "": 1}


def _seconds(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Seconds of `8h`, `30m`, `45s` or `600`."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([hms]?)", value)
    if not found:
        raise click.BadParameter(f"{value!r} is not a duration: give hours, minutes or seconds, as in 8h, 30m or 600.")
    return float(found[1]) * _SECONDS[found[2]]


@click.command()
@click.argument("name", required=False, shell_complete=names_of("recipes"))
@click.option(
    "--benchmark", "-b", default="studio", show_default=True, help="A name, or a TOML file.",
    shell_complete=names_of("benchmarks"),
)  # fmt: skip
@click.option("--preset", help="Which of NAME's presets, such as paper or small.  [default: its first]")
@click.option("--data-root", type=click.Path(path_type=Path), help="Folder of the benchmark's data.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of all random numbers.")
@click.option(
    "--out", "-o", type=OutputFolder(),
    help="The folder to write.  [default: trained/BENCHMARK/NAME, with -PRESET if it has several]",
)  # fmt: skip
@device_option
@click.option(
    "--mixed-precision", type=click.Choice(["no", "bf16"]),
    help="[default: bf16 if the preset asks for it and the device has it natively]",
)  # fmt: skip
@click.option(
    "--time-budget",
    callback=_seconds,
    metavar="DURATION",
    help="Stop with a checkpoint after this time: 8h, 30m or 600 (seconds).",
)
@click.option("--dry-run", is_flag=True, help="Print what would be done and how long it would take; write nothing.")
def train(
    name: str | None,
    benchmark: str,
    preset: str | None,
    data_root: Path | None,
    seed: int,
    out: Path | None,
    device: str | None,
    mixed_precision: Literal["no", "bf16"] | None,
    time_budget: float | None,
    dry_run: bool,
) -> None:
    """Train a recipe, or list the recipes.

    Trains NAME on a benchmark's training split. Finished work is kept: the same command resumes a training that was
    stopped. For several processes: torchrun --nproc-per-node 2 -m fhpt_bench train NAME.
    """
    if name is None:
        _list()
        return
    from fhpt_bench.processes import launched
    from fhpt_bench.reporting.listing import echo
    from fhpt_bench.training.train import train as run_training

    facts = run_training(
        name, benchmark, preset=preset, data_root=data_root, seed=seed, out=out, device=device,
        mixed_precision=mixed_precision, time_budget=time_budget, dry_run=dry_run, progress=True,
    )  # fmt: skip
    if launched()[1] == 0:
        for fact, value in facts.items():
            echo(f"{fact}: {value}")


def _list() -> None:
    from fhpt_bench.reporting.listing import echo
    from fhpt_bench.training.recipe import recipes

    for found in recipes.listed():
        entry, plugin = found.entry, found.plugin
        if plugin is None:
            echo(f"{entry.name:<24}{f'BROKEN {found.broken}' if found.broken else f'not loaded ({entry.origin})'}")
            continue
        echo(f"{entry.name:<24}{plugin.card.title} ({entry.origin})")
        echo(f"{'':<24}{plugin.card.trains}; from {plugin.card.needs}")
        if names := ", ".join(filter(None, plugin.presets)):
            echo(f"{'':<24}--preset {names}")
