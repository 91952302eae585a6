"""Test and measure on a GPU, in at most nine minutes: `python -m tools.speed.gpu --out FOLDER`.

Runs the tests marked `cuda`, then `run --model drn --protocols all` on all pairs of studio with an empty feature
cache, then the forward pass of each network alone, and compares the scores with those of the CPU's reference record.
The result is one JSON file, `gpu.json`, in the form of the files in tools/speed/results. With `--dry-run` it prints its
plan and does all of it on a CPU with a few pairs, which tests the script and measures nothing.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from fhpt_bench.files import cache_folder, write_text
from fhpt_bench.protocol import protocols
from fhpt_bench.records.schema import Record, read_record
from fhpt_bench.reporting.formatting import score_format
from leaderboards.measured import REFERENCE

FILE = "gpu.json"
LIMIT = 540  # seconds in all
ROOT = Path(__file__).parents[2]
PACKAGES = ("torch", "numpy", "scikit-image", "mediapipe", "dlib-bin", "pillow")
COMMAND = "python -m tools.speed.gpu"
Row = tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What is done, and how long each part may take.

    Args:
        device: "cuda", or "cpu" for a dry run.
        tests: what pytest is given.
        run: the arguments of `fhpt-bench run`, without --out and --device.
        batches: batch sizes of the forward passes.
        tests_s: seconds for the tests at most; those that are left go to the run.
        card_s: seconds for the forward passes, which come last.
    """

    device: str
    tests: tuple[str, ...]
    run: tuple[str, ...]
    batches: tuple[int, ...]
    tests_s: int
    card_s: int

    def lines(self) -> list[str]:
        """The plan in words."""
        return [
            f"1. python -m pytest {' '.join(self.tests)}: at most {self.tests_s} s",
            f"2. fhpt-bench run {' '.join(self.run)} --device {self.device}, with an empty feature cache: at most what "
            f"is left of {LIMIT} s without {self.card_s} s",
            f"3. forward passes in batches of {' and '.join(map(str, self.batches))}: at most {self.card_s} s",
            "4. its scores, compared with those of the CPU's reference record",
        ]


PLAN = Plan("cuda", ("-m", "cuda", "-q"), ("--model", "drn", "--protocols", "all", "--batch-size", "32"),
            (32, 64), 150, 90)  # fmt: skip
DRY = Plan(
    "cpu", ("-q", "tests/fhpt_bench/evaluation/test_pipeline.py", "-k", "threads_for_images"),
    ("--model", "warp", "--limit", "4", "--protocols", "ssim,psnr,lpips:alex-0.1"), (1, 2), 150, 20,
)  # fmt: skip


def limited(command: Sequence[str], seconds: float, env: Mapping[str, str]) -> tuple[int | None, str]:
    """Run a command; end it, with all processes that it started, after some seconds.

    Returns:
        The exit code, or None if it was ended; and what it printed.
    """
    with subprocess.Popen(
        command, cwd=ROOT, env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            said, _ = process.communicate(timeout=max(1, seconds))
            return process.returncode, said
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None, process.communicate()[0]


def best_rate(forward: Callable[[], object], images: int, device: str, until: float) -> float:
    """The most images a second of three rounds of about half a second, after a warm-up."""
    import torch

    def seconds(count: int) -> float:
        start = time.perf_counter()
        for _ in range(count):
            forward()
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    seconds(2)
    count = max(1, int(0.5 / seconds(1)))
    rates = [images * count / seconds(count) for _ in range(3) if time.perf_counter() < until]
    return max(rates, default=0.0)


def forward_rates(plan: Plan, record: Record, until: float) -> dict[str, dict[int, float]]:
    """Network -> batch size -> images a second of its forward pass alone, on tensors that are on the device.

    Args:
        plan: the device and the batch sizes.
        record: the run: its model and the networks that it used.
        until: time at which the measurement ends, by `time.perf_counter`.
    """
    import numpy as np

    from fhpt_bench.benchmark import load_benchmark
    from fhpt_bench.data.real_images import RealImages
    from fhpt_bench.evaluation.pair_batch import pair_batch
    from fhpt_bench.feature import features
    from fhpt_bench.model import models
    from fhpt_bench.networks.convolutions import ConvolutionMaps, exact_float32
    from fhpt_bench.networks.pooled import PooledFeature

    rates: dict[str, dict[int, float]] = {}
    benchmark = load_benchmark(record.benchmark.id)
    used = [stage.name for stage in record.stages if stage.forwards and stage.name in features.entries()]
    generator = models.load(record.model.name)()
    generator.to(plan.device)
    real = RealImages(benchmark.folder, benchmark.image_size, {})
    for size in plan.batches:
        pixels = np.random.default_rng(0).integers(0, 256, (size, *benchmark.image_size, 3), np.uint8)
        for name in used:
            kind = features.load(name)
            if issubclass(kind, (ConvolutionMaps, PooledFeature)) and time.perf_counter() < until:
                network: Any = kind(plan.device)
                with exact_float32(plan.device):
                    x = network.prepare(pixels).contiguous(memory_format=network.layout)
                    rate = best_rate(functools.partial(network.embed, x), size, plan.device, until)
                rates.setdefault(name, {})[size] = rate
        if time.perf_counter() < until:
            batch = pair_batch(benchmark, real, benchmark.pairs[:size], generator.card.conditioning).to(plan.device)
            with exact_float32(plan.device):
                rate = best_rate(functools.partial(generator.generate, batch), size, plan.device, until)
            rates.setdefault("generate", {})[size] = rate
    return rates


def stage_rows(record: Record, rates: Mapping[str, Mapping[int, float]]) -> list[Row]:
    """One row for each stage that handles images: its rate, and its share of the card's limit."""
    rows = []
    for stage in record.stages:
        if stage.images:
            rate = stage.images / max(stage.seconds, 1e-3)
            limit = max(rates.get(stage.name, {}).values(), default=0.0)
            share = [f"{limit:.0f}", f"{rate / limit:.2f}"] if limit else ["", ""]
            rows.append((f"`{stage.name}`", f"{stage.images}", f"{stage.seconds:.1f}", f"{rate:.0f}", *share))
    return rows


def whole_row(record: Record, rates: Mapping[str, Mapping[int, float]], seconds: float) -> Row:
    """The whole run, and what its forward passes would take at the card's limit."""
    least = sum(
        (stage.forwards or stage.images) / max(rates[stage.name].values(), default=0.0)
        for stage in record.stages
        if max(rates.get(stage.name, {}).values(), default=0.0) > 0
    )
    count = record.benchmark.n_pairs if record.benchmark.limit is None else record.benchmark.limit
    share = f"{least / seconds:.2f}" if least else ""
    return (f"{count}", f"{seconds:.1f}", f"{count / seconds:.1f}", f"{least:.1f}", share)


def last_unit(text: str) -> float:
    """One unit of the last digit of a printed number.

    Examples:
        >>> [last_unit(text) for text in ("0.7044", "63.5", "-12", "1.234e-09")]
        [0.0001, 0.1, 1.0, 1e-12]
    """
    digits, _, exponent = text.partition("e")
    return float(f"1e{int(exponent or 0) - len(digits.partition('.')[2])}")


def score_rows(record: Record, reference: Record) -> list[Row]:
    """Each score of both records: docs/precision.md allows one unit of the last digit that tables print."""
    cards = {
        f"{one.id}:{one.variant}:{card.name}": card
        for one in (protocols.load(entry.protocol)(entry.variant).card for entry in record.scores)
        for card in one.metrics
    }
    before, rows = {score.key: score for score in reference.scores}, list[Row]()
    for score in record.scores:
        other = before.get(score.key)
        if other is None or other.value is None or score.value is None:
            continue
        if other.fingerprint != score.fingerprint or other.n != score.n:
            rows.append((f"`{score.key}`", f"{other.value:.6g}", f"{score.value:.6g}", "", "", "not comparable"))
            continue
        text = format(other.value, score_format([other.value], cards.get(score.key)))
        unit, apart = last_unit(text), abs(score.value - other.value)
        inside = "yes" if apart <= unit else "no"
        rows.append((f"`{score.key}`", f"{other.value:.6g}", f"{score.value:.6g}", f"{apart:.1e}", f"{unit:g}", inside))
    return rows


def section(id: str, title: str, header: Row, rows: Sequence[Row], note: str) -> dict[str, Any]:
    """A table, in the form of tools/speed/results."""
    versions = {package: importlib.metadata.version(package) for package in PACKAGES}
    return {"id": id, "command": COMMAND, "title": title, "header": header, "rows": rows, "note": note,
            "packages": versions}  # fmt: skip


def measure(plan: Plan, work: Path) -> dict[str, Any]:
    """Do what the plan says; a part that fails or takes too long is named in its section.

    Args:
        plan: what to do.
        work: an empty folder for the run and its cache.

    Returns:
        The content of the file.
    """
    start = time.perf_counter()
    env = {**os.environ, "FHPT_CACHE_DIR": str(work / "cache")}
    env.setdefault("FHPT_WEIGHTS_DIR", str(cache_folder() / "weights"))
    # With the own cache: each test makes one, and finds the weights in this one.
    code, said = limited([sys.executable, "-m", "pytest", *plan.tests], plan.tests_s, os.environ)
    told = next((line for line in reversed(said.splitlines()) if line.strip()), "nothing")
    ended = f"exit code {code}" if code is not None else f"ended after {plan.tests_s} s"
    failed = "; ".join(line for line in said.splitlines() if line.startswith(("FAILED", "ERROR")))[:5000]
    rows: list[Row] = [(ended, told.strip("= "))]
    sections = [section("gpu-1-tests", "Tests marked cuda", ("result", "last line"), rows, failed)]
    out, begun = work / "run", time.perf_counter()
    words = [sys.executable, "-m", "fhpt_bench", "run", *plan.run, "--device", plan.device, "--out", str(out)]
    left = LIMIT - plan.card_s - (begun - start)
    code, said = limited(words, left, env)
    seconds = time.perf_counter() - begun
    if code != 0:
        why = said[-2000:] if code is not None else f"ended after {left:.0f} s"
        return {"machine": machine(plan), "sections": [
            *sections, section("gpu-2-run", "The run failed", ("exit code", "why"), [(str(code), why)], ""),
        ]}  # fmt: skip
    record = read_record(out)
    rates = forward_rates(plan, record, time.perf_counter() + plan.card_s)
    header = ("stage", "images", "s", "images/s", "forward pass alone, images/s", "ratio")
    note = (
        "Stages of a run on a GPU overlap, so that their times add up to more than the run takes; times of "
        "`mediapipe-holistic` and `dlib-faces` are sums over worker processes."
    )
    alone = [(f"`{name}`", *(f"{of.get(size, 0):.0f}" for size in plan.batches)) for name, of in rates.items()]
    sections += [
        section("gpu-2-run", "A whole run, with the start of the program and an empty feature cache",
                ("pairs", "s", "pairs/s", "forward passes alone, s", "ratio"), [whole_row(record, rates, seconds)], ""),
        section("gpu-3-stages", "Images a second by stage", header, stage_rows(record, rates), note),
        section("gpu-4-forward", "Forward passes alone, images a second",
                ("network", *(f"batch of {size}" for size in plan.batches)),
                alone, "Exact float32, as in a run; best of three rounds, the input on the device; 0: no time left."),
    ]  # fmt: skip
    reference = REFERENCE / record.benchmark.id / record.model.name
    rows = score_rows(record, read_record(reference)) if reference.is_dir() else []
    sections.append(
        section("gpu-5-scores", "Scores, compared with the CPU's reference record",
                ("score", "CPU", "here", "difference", "unit of the last printed digit", "within"), rows,
                "docs/precision.md: a printed number may differ by one unit of its last digit.")
    )  # fmt: skip
    return {"machine": machine(plan), "sections": sections}


def machine(plan: Plan) -> dict[str, Any]:
    """What was measured on, in the form of tools/speed/results."""
    name = platform.processor() or platform.machine()
    if plan.device == "cuda":
        import torch

        name = f"{torch.cuda.get_device_name()} beside {name}"
    return {"cpu": name, "cores": len(os.sched_getaffinity(0)), "features": [], "limited": ""}


@click.command()
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the result.")
@click.option("--dry-run", is_flag=True, help="Print the plan, and try it on a CPU with a few pairs.")
def main(out: Path, dry_run: bool) -> None:
    """Test and measure on a GPU, in at most nine minutes."""
    import torch

    plan = DRY if dry_run else PLAN
    if plan.device == "cuda" and not torch.cuda.is_available():
        raise click.ClickException("torch finds no GPU here: give --dry-run to try the script on the CPU.")
    click.echo("\n".join((PLAN if dry_run else plan).lines()))
    with tempfile.TemporaryDirectory() as work:
        found = measure(plan, Path(work))
    write_text(out / FILE, json.dumps({**found, "plan": asdict(plan)}, indent=1) + "\n")
    for one in found["sections"]:
        click.echo(f"{one['title']}: {len(one['rows'])} rows, first {one['rows'][:1]}")
    click.echo(str(out / FILE))


if __name__ == "__main__":
    main()
