"""The options that `run` and `evaluate` share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from fhpt_bench.commands.completion import names_of


class OutputFolder(click.Path):
    """A folder to write into; an empty string is refused, because it would mean the current folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path.

        Raises:
            BadParameter: if it is empty.
        """
        if value == "":
            self.fail("the path is empty: give a new folder.", param, ctx)
        return super().convert(value, param, ctx)


def shard_measured(shard: str, command: str, arguments: dict[str, Any]) -> None:
    """Measure one shard, and say where it is; if several processes run, only the first one prints.

    Args:
        shard: the option's value.
        command: "run" or "evaluate".
        arguments: of the command.

    Raises:
        SystemExit: with code 1 if a protocol failed.
    """
    from fhpt_bench.evaluation.shards import measure_shard

    part = measure_shard(shard, command, arguments, progress=True)
    if os.environ.get("RANK", "0") != "0":
        return
    but = f", but {', '.join(part.failed)} failed" if part.failed else ""
    click.echo(f"shard {part.shard}: {part.content['ended']['pairs']:,} pairs are measured{but}, in {part.folder}")
    if part.failed:
        click.echo("the same command again measures only what failed")
        sys.exit(1)
    click.echo(f"when all are: fhpt-bench merge {part.whole}")


Command = TypeVar("Command", bound=Callable[..., Any])

device_option = click.option(
    "--device", metavar="cpu|cuda|cuda:N", help="cuda:1 is the second GPU.  [default: cuda if available]",
    shell_complete=lambda ctx, param, incomplete: [name for name in ("cpu", "cuda") if name.startswith(incomplete)],
)  # fmt: skip


def _tables(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from fhpt_bench.data.parsing_maps import LABELS

    return [name for name in LABELS if name.startswith(incomplete)]


def measuring_options(command: Command) -> Command:
    """Add the options that `run` and `evaluate` share to a command."""
    for option in reversed(
        [
            click.option("--protocols", "-p", default="all", show_default=True,
                         shell_complete=names_of("protocols", several=True),
                         help="`all` (the benchmark's list), or a list, such as ssim,lpips:vgg-0.1."),
            click.option("--benchmark", "-b", default="studio", show_default=True, help="A name, or a TOML file.",
                         shell_complete=names_of("benchmarks")),
            click.option("--data-root", type=click.Path(path_type=Path), help="Folder of the benchmark's data."),
            click.option("--subset", help="Only these pairs: leak-free, men, women, or view=front (side, back, …)."),
            click.option("--limit", type=int, help="Only this many pairs, spread over the people."),
            click.option("--out", "-o", type=OutputFolder(),
                         help="The run's folder.  [default: runs/BENCHMARK/MODEL]"),
            click.option("--batch-size", type=int, default=16, show_default=True, help="Pairs per batch."),
            device_option,
            click.option("--keypoints", type=click.Path(path_type=Path), metavar="DIR",
                         help="Folder of keypoint files <pair id>_keypoints.json, in place of the built-in estimator."),
            click.option("--parsing", type=click.Path(path_type=Path), metavar="DIR",
                         help="Folder of parsing maps <target image stem>.png, in place of the benchmark's own."),
            click.option("--parsing-labels", metavar="TABLE", shell_complete=_tables,
                         help="Labels of --parsing: schp-lip, schp-atr, cihp or fhpt-bench (docs/evaluate.md)."),
            click.option("--encoders", type=click.Path(path_type=Path), metavar="FILE",
                         help="TOML file of encoders of your own, for fd:NAME, similarity:NAME and the like.  "
                         "[default: the file in FHPT_ENCODERS]"),
            click.option("--processes", type=click.IntRange(1),
                         help="Number of processes.  [default: on a CPU one per core]"),
            click.option("--shard", metavar="I/N",
                         help="Measure only part I of N, without a record; `fhpt-bench merge` joins the parts."),
            click.option("--variants", type=click.Choice(["literature"]),
                         help="Add every variant that papers have used of each chosen protocol."),
            click.option("--overwrite", is_flag=True, help="Delete the run that the folder holds, and start again."),
            click.option("--full", is_flag=True, help="Print every score, not only the headline metrics."),
        ]
    ):  # fmt: skip
        command = option(command)
    return command
