"""Time what `make run` does, with an empty cache and again: `python -m tools.speed.whole_run`.

The command runs in a pseudo-terminal, so that its progress bars are drawn as for a user, in a folder and with a cache
of its own. Weights of networks are in the cache before. With `--write` the table goes into tools/speed/results and
docs/speed.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from fhpt_bench.records.schema import RECORD_FILE
from tools.docs.cpus.settings import SETTINGS, own_cache
from tools.speed import report
from tools.speed.peers.process import adopt_orphans, waited

_BAR = "━".encode()  # what a progress bar is drawn with
_LONG = 5.0  # seconds of a stage that is named


@dataclass(frozen=True)
class Timed:
    """What a command took.

    Args:
        seconds: wall seconds, from its start to its end.
        cpu: CPU seconds of it and of all processes that it started.
        bar: wall seconds until its first progress bar; NaN if it drew none.
    """

    seconds: float
    cpu: float
    bar: float


def timed(words: Sequence[str], environment: Mapping[str, str]) -> Timed:
    """Run a command in a pseudo-terminal.

    Args:
        words: the command.
        environment: its whole environment.

    Raises:
        SystemExit: if it fails; with the end of its output.
    """
    adopt_orphans()
    ours, its = pty.openpty()
    start, bar, output = time.perf_counter(), float("nan"), b""
    process = subprocess.Popen(
        words, env=dict(environment), stdin=subprocess.DEVNULL, stdout=its, stderr=its, start_new_session=True
    )
    os.close(its)
    with contextlib.suppress(OSError):  # Linux ends a pseudo-terminal that nobody writes to any more with an error
        while part := os.read(ours, 1 << 16):
            output += part
            if bar != bar and _BAR in output:
                bar = time.perf_counter() - start
    os.close(ours)
    seconds, cpu = waited(process, start)
    if process.returncode:
        raise SystemExit(output.decode(errors="replace")[-2000:])
    return Timed(seconds, cpu, bar)


def section(
    options: Sequence[str], pairs: int, stages: Mapping[str, float], cold: Timed, warm: Sequence[Timed]
) -> report.Section:
    """The section of a model; a run on some of the pairs has a section of its own.

    Args:
        options: `--model NAME`, and `--limit N` if it was given.
        pairs: the number of pairs.
        stages: stage of the record of the cold run -> seconds.
        cold: the run with an empty cache.
        warm: the runs after it.
    """
    named = [("empty cache", cold), *((f"again ({number})", run) for number, run in enumerate(warm, 1))]
    rows = [(what, f"{run.seconds:.1f}", f"{run.cpu:.1f}", f"{run.bar:.1f}") for what, run in named]
    longest = sorted(stages.items(), key=lambda stage: -stage[1])
    parts = ", ".join(f"{name} {seconds:.0f}" for name, seconds in longest if seconds >= _LONG)
    note = (
        f"n = {pairs} pairs, one run with an empty cache (but for the weights), {len(warm)} after it into the same "
        f"folder: median {statistics.median(run.seconds for run in warm):.1f} s. Seconds of the stages with an empty "
        f"cache, added over the processes of the run: {parts}."
    )
    return report.Section(
        "-".join(["run", *options[1::2]]), f"python -m tools.speed.whole_run {' '.join(options)}",
        f"`fhpt-bench run {' '.join(options)} --protocols all`, {pairs} pairs of studio",
        ("", "seconds", "CPU seconds", "seconds until the first progress bar"), rows, note, report.versions("torch"),
    )  # fmt: skip


def main() -> None:
    """Run the command with an empty cache and again, and show the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="drn")
    parser.add_argument("--again", type=int, default=3, help="runs with the cache that the first one left")
    parser.add_argument("--limit", type=int, help="only this many pairs")
    parser.add_argument("--isa", choices=["avx2"], help="limit torch, oneDNN and MKL to these instructions")
    parser.add_argument("--write", action="store_true", help="write tools/speed/results and docs/speed.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        limits = SETTINGS[given.isa].variables if given.isa else {}
        environment = {**os.environ, **limits, "FHPT_CACHE_DIR": str(own_cache(Path(folder) / "cache"))}
        options = ["--model", given.model, *([] if given.limit is None else ["--limit", str(given.limit)])]
        words = [sys.executable, "-m", "fhpt_bench", "run", *options, "--protocols", "all"]
        runs: list[Timed] = []
        for number in range(1 + given.again):
            runs.append(timed([*words, "--out", str(out)], environment))
            click.echo(runs[-1], err=True)
            if number == 0:
                record = json.loads((out / RECORD_FILE).read_text(encoding="utf-8"))
    stages = {stage["name"]: float(stage["seconds"]) for stage in record["stages"]}
    found = section(options, record["benchmark"]["n_pairs"], stages, runs[0], runs[1:])
    report.show(found, given.write, given.isa or "")


if __name__ == "__main__":
    main()
