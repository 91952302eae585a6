"""`fhpt-bench train`: learn from a benchmark's training split."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import click

_SECONDS = {"h": 3600, "m": 60, "s": 1, "": 1}


def _seconds(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Seconds of `8h`, `30m`, `45s` or `600`."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([hms]?)", value)
    if not found:
        raise click.BadParameter(f"{value!r} is no duration: give hours, minutes or seconds, as in 8h, 30m or 600.")
    return float(found[1]) * _SECONDS[found[2]]


@click.command()
@click.argument("name", required=False)
@click.option("--benchmark", "-b", default="studio", show_default=True, help="Name, or a TOML file.")
@click.option("--preset", help="Which of NAME's presets, such as paper or small.  [default: its first]")
@click.option("--data-root", type=click.Path(path_type=Path), help="Where the benchmark's data lies.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of all that is drawn.")
@click.option(
    "--out", "-o", type=click.Path(path_type=Path),
    help="The folder to write.  [default: trained/BENCHMARK/NAME, with -PRESET if it has several]",
)  # fmt: skip
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="What is there, if not given.")
@click.option(
    "--mixed-precision", type=click.Choice(["no", "bf16"]),
    help="What the settings say, if not given, or else bf16 on a GPU that has it.",
)  # fmt: skip
@click.option(
    "--time-budget",
    callback=_seconds,
    metavar="DURATION",
    help="Stop after 8h, 30m or 600 (seconds), and go on another time.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done, and for how long; nothing is written.")
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
    """Train NAME on a benchmark's training split; without NAME, list what can be trained.

    What is finished is kept: the same command goes on where a stopped one ended. For several processes:
    torchrun --nproc-per-node 2 -m fhpt_bench train NAME.
    """
    if name is None:
        _list()
        return
    from fhpt_bench.processes import launched
    from fhpt_bench.training.train import train as run_training

    facts = run_training(
        name, benchmark, preset=preset, data_root=data_root, seed=seed, out=out, device=device,
        mixed_precision=mixed_precision, time_budget=time_budget, dry_run=dry_run, progress=True,
    )  # fmt: skip
    if launched()[1] == 0:
        for fact, value in facts.items():
            click.echo(f"{fact}: {value}")


def _list() -> None:
    from fhpt_bench.training.recipe import recipes

    for entry in recipes.entries().values():
        if broken := recipes.broken(entry.name):
            click.echo(f"{entry.name:<24}BROKEN {broken}")
            continue
        plugin = recipes.load(entry.name)
        click.echo(f"{entry.name:<24}{plugin.card.title} ({entry.origin})")
        click.echo(f"{'':<24}{plugin.card.trains}; from {plugin.card.needs}")
        if names := ", ".join(filter(None, plugin.presets)):
            click.echo(f"{'':<24}--preset {names}")
