"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def measuring_options(command: Command) -> Command:
    """The options of every command that measures images."""
    for option in reversed(
        [
            click.option("--protocols", "-p", default="all", show_default=True,
                         help="`all` (the benchmark's list), or some with commas between: ssim,lpips:vgg-0.1."),
            click.option("--benchmark", "-b", default="studio", show_default=True, help="Name, or a TOML file."),
            click.option("--data-root", type=click.Path(path_type=Path), help="Where the benchmark's data lies."),
            click.option("--subset", help="Only these pairs: leak-free, men, women, or view=front (side, back, …)."),
            click.option("--limit", type=int, help="Only so many pairs, spread over the people."),
            click.option("--out", "-o", type=click.Path(path_type=Path),
                         help="The run's folder.  [default: runs/BENCHMARK/MODEL]"),
            click.option("--batch-size", type=int, default=16, show_default=True, help="Pairs at a time."),
            click.option("--device", type=click.Choice(["cpu", "cuda"]), help="What is there, if not given."),
            click.option("--keypoints", type=click.Path(path_type=Path), metavar="DIR",
                         help="Folder of OpenPose's <pair id>_keypoints.json, read in place of MediaPipe's keypoints."),
            click.option("--processes", type=click.IntRange(1),
                         help="How many share the work.  [default: on a CPU one a core]"),
            click.option("--variants", type=click.Choice(["literature"]),
                         help="Beside each chosen protocol, every variant of it that papers have used."),
            click.option("--overwrite", is_flag=True, help="Start anew in a folder that holds a run."),
        ]
    ):  # fmt: skip
        command = option(command)
    return command
