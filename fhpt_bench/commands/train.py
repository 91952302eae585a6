"""`fhpt-bench train`: learn from a benchmark's training split."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("name", required=False)
@click.option("--benchmark", "-b", default="studio", show_default=True, help="Name, or a TOML file.")
@click.option("--data-root", type=click.Path(path_type=Path), help="Where the benchmark's data lies.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of all that is drawn.")
@click.option(
    "--out", "-o", type=click.Path(path_type=Path), help="The folder to write.  [default: trained/BENCHMARK/NAME]"
)
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="What is there, if not given.")
def train(
    name: str | None, benchmark: str, data_root: Path | None, seed: int, out: Path | None, device: str | None
) -> None:
    """Train NAME on a benchmark's training split; without NAME, list what can be trained.

    What is finished is kept: the same command goes on where a stopped one ended.
    """
    if name is None:
        from fhpt_bench.training.recipe import recipes

        for entry in recipes.entries().values():
            if broken := recipes.broken(entry.name):
                click.echo(f"{entry.name:<24}BROKEN {broken}")
                continue
            card = recipes.load(entry.name).card
            click.echo(f"{entry.name:<24}{card.title} ({entry.origin})")
            click.echo(f"{'':<24}{card.trains}; from {card.needs}")
        return
    from fhpt_bench.training import engine

    facts = engine.train(name, benchmark, data_root=data_root, seed=seed, out=out, device=device, progress=True)
    for fact, value in facts.items():
        click.echo(f"{fact}: {value}")
