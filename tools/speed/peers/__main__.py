"""Separate tools against one pass, on the same images: `python -m tools.speed.peers`.

Every round runs each tool as its users run it, in a process of its own, then `evaluate --protocols all` with an empty
cache (cold), again with the cache that this left (warm), and with that cache on the images of another model. Each
result is appended to WORK/measured.jsonl as it comes. With `--write` the tables go into tools/speed/results and
docs/speed.md.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import click

from fhpt_bench.errors import UserError
from fhpt_bench.files import append_line, cache_folder
from fhpt_bench.records.schema import RECORD_FILE
from tools.docs.cpus.settings import SETTINGS, own_cache
from tools.docs.pages import table
from tools.speed import report
from tools.speed.peers import tables
from tools.speed.peers.material import GENERATED, MEASURED, TARGETS, open_work, write_folders, write_networks
from tools.speed.peers.process import Cost, measure
from tools.speed.peers.tables import COLD, OURS, TOOLS, Forward

COMMAND = "python -m tools.speed.peers"
PACKAGES = (
    "torch", "torchvision", "pytorch-fid", "torch-fidelity", "clean-fid", "lpips", "scikit-image", "dlib-bin",
    "mediapipe", "timm", "scipy", "numpy",
)  # fmt: skip
HUB = "HF_HUB_OFFLINE"
UNSAID = "it printed no result"
Reported = TypeVar("Reported", list[float], dict[str, int])


class Bench:
    """The processes of one measurement.

    Args:
        work: the folder of everything that is written.
        limited: "avx2" or "".
    """

    def __init__(self, work: Path, limited: str) -> None:
        self.work = work
        chosen = {"TORCH_HOME": str(work / "torch"), "FHPT_CACHE_DIR": str(cache_folder().resolve()), HUB: "1"}
        self.environment = {**os.environ, **(SETTINGS[limited].variables if limited else {}), **chosen}
        self.pairs = 0

    def prepare(self, images: Path | None, limit: int | None) -> None:
        """Make the images if none are given, and write what the tools read."""
        if images is None:
            out = self.work / "warp"
            count = [] if limit is None else ["--limit", str(limit)]
            cost = self._measure(["fhpt_bench", "run", "-m", "warp", "-p", "psnr", *count, "-o", str(out)])
            if cost.reason:
                raise UserError(f"The images of warp were not made: {cost.reason}")
            images = out / "images"
        self.pairs = write_folders(images, self.work, limit)
        write_networks(self.work / "torch")

    def tool(self, name: str) -> Cost:
        """Run a separate tool."""
        log = self.work / f"{name}.log"
        cost, tool = measure(tables.words(name, self.work, self.pairs), self.environment, log), TOOLS[name]
        if cost.reason and not (tool.refuses and tool.refuses in cost.reason):
            return cost
        if tool.command:  # all of them are Inception on both folders
            count = sum(len(list((self.work / folder).iterdir())) for folder in (GENERATED, TARGETS))
            return dataclasses.replace(cost, forwards={"inception": count}, reason="")
        forwards = reported(log, dict)
        return dataclasses.replace(cost, forwards=forwards or {}, reason="" if forwards is not None else UNSAID)

    def evaluate(self, name: str, limit: int | None) -> Cost:
        """Run `evaluate --protocols all` into a new run folder, for one of `OURS`."""
        out, cache = self.work / "evaluate", self.work / "cache"
        shutil.rmtree(out, ignore_errors=True)
        if name == COLD:
            shutil.rmtree(cache, ignore_errors=True)
        count = [] if limit is None else ["--limit", str(limit)]
        words = ["fhpt_bench", "evaluate", str(self.work / OURS[name]), "--name", "peers", "--protocols", "all"]
        cost = self._measure([*words, *count, "-o", str(out)], FHPT_CACHE_DIR=str(own_cache(cache)))
        if cost.reason:
            return cost
        record = json.loads((out / RECORD_FILE).read_text(encoding="utf-8"))
        # With few pairs some scores average nothing: their work was done all the same.
        failed = [
            score["protocol"]
            for score in record["scores"]
            if score["status"] != "ok" and not score["reason"].startswith("nothing to average")
        ]
        forwards = {stage["name"]: stage["forwards"] for stage in record["stages"] if stage["forwards"]}
        reason = f"without a value: {', '.join(sorted(set(failed)))}" if failed else ""
        return dataclasses.replace(cost, forwards=forwards, reason=reason)

    def best(self, name: str, repeats: int) -> Cost | Forward:
        """The best forward of a network, or the cost of the process that failed."""
        cost = self._measure(["tools.speed.peers.floor", name, str(self.work), str(min(self.pairs, 32)), str(repeats)])
        if cost.reason:
            return cost
        seconds = reported(self.work / "process.log", list)
        return dataclasses.replace(cost, reason=UNSAID) if seconds is None else Forward(*seconds)

    def _measure(self, words: list[str], **more: str) -> Cost:
        return measure([sys.executable, "-m", *words], {**self.environment, **more}, self.work / "process.log")


def kept_costs(file: Path, pairs: int, isa: str | None) -> dict[tuple[int, str], Cost]:
    """The last cost of each tool without failure that an earlier call has measured: (round, tool) -> cost.

    Args:
        file: measured.jsonl.
        pairs: the number of pairs.
        isa: as the option.
    """
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    found = {}
    for line in map(json.loads, filter(None, lines)):  # each line begins after an empty one
        tool, cost = line["name"], Cost(**{one.name: line[one.name] for one in dataclasses.fields(Cost)})
        if line["pairs"] == pairs and line["isa"] == isa and tool in TOOLS and not cost.reason:
            found[line["round"], tool] = cost
    return found


def reported(log: Path, kind: type[Reported]) -> Reported | None:
    """The last line of an output that is a JSON value of this type; libraries may print behind it.

    Args:
        log: the file with the output.
        kind: list or dict.
    """
    for line in reversed(log.read_text(encoding="utf-8", errors="replace").splitlines()):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, kind):
            return value
    return None


@click.command()
@click.option("--images", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Folder of <pair id>.png.  [default: those of `warp`, made here]")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=2), help="Only this many pairs, spread over the people.")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--repeats", type=click.IntRange(min=1), default=3, show_default=True, help="Of each best forward.")
@click.option("--only", type=click.Choice([*TOOLS]), multiple=True, help="Only these tools; there is no sum then.")
@click.option(
    "--resume", is_flag=True, help="Do not run again the tools that measured.jsonl in the folder of --work has."
)
@click.option("--isa", type=click.Choice(["avx2"]), help="Limit torch, oneDNN and MKL to these instructions.")
@click.option("--work", type=click.Path(path_type=Path), default=Path("runs/peers"), show_default=True,
              help="Folder of everything that is written: new, empty, or of an earlier measurement.")  # fmt: skip
@click.option("--write", is_flag=True, help="Write tools/speed/results and docs/speed.md, after each round.")
def main(
    images: Path | None,
    limit: int | None,
    rounds: int,
    repeats: int,
    only: tuple[str, ...],
    resume: bool,
    isa: str | None,
    work: Path,
    write: bool,
) -> None:
    """Run all tools and `evaluate`, in turns, and print the tables."""
    work = work.resolve()
    bench, machine = Bench(work, isa or ""), report.this_machine(isa or "")
    try:
        open_work(work, images)
        bench.prepare(images, limit)
    except UserError as error:
        raise click.ClickException(str(error)) from None
    costs: defaultdict[str, list[Cost]] = defaultdict(list)
    known = kept_costs(work / MEASURED, bench.pairs, isa) if resume else {}
    best: dict[str, Cost | Forward] = {}
    for number in range(1, rounds + 1):
        for name in (*(only or TOOLS), *OURS):
            if (number, name) in known:
                costs[name].append(known[number, name])
                continue
            cost = bench.evaluate(name, limit) if name in OURS else bench.tool(name)
            costs[name].append(cost)
            line = {"pairs": bench.pairs, "round": number, "name": name, "isa": isa, **dataclasses.asdict(cost)}
            append_line(work / MEASURED, json.dumps(line).encode())
            click.echo(f"{number} {name}: {cost.seconds:.1f} s {cost.reason}", err=True)
            if name == COLD and number == rounds:  # at once: a machine that others share does not stay as it is
                best = {network: bench.best(network, repeats) for network in cost.forwards}
        if write:
            _write(table_section(costs, bench.pairs, rounds), machine)
    for section in (
        table_section(costs, bench.pairs, rounds), floor_section(costs, best, bench.pairs, machine.cores)
    ):  # fmt: skip
        if write:
            _write(section, machine)
        click.echo("\n".join([section.title, table(section.header, section.rows), section.note, ""]))


def _write(section: report.Section, machine: report.Machine) -> None:
    report.keep(section, machine)
    report.write_page()


def table_section(costs: tables.Costs, pairs: int, rounds: int) -> report.Section:
    """The section with all tools.

    Args:
        costs: tool, or one of `OURS` -> the cost of each round.
        pairs: the number of pairs.
        rounds: how many rounds were asked for.
    """
    note = [
        *tables.ratio_lines(costs),
        "",
        f"Medians of {rounds} rounds at most (n). In each round every tool ran once, in the order of the table, in a "
        "process of its own with its imports (with `--resume`, in an earlier call). A sum adds medians; its peak is "
        "the largest of its tools. Peak memory adds the processes of a tool, and counts what they share in each. CPU "
        "seconds are those of all of them, in user and system mode.",
        "",
        "The tools have the published convolutions of AlexNet and VGG16, and EfficientNet-lite0's weights; Inception "
        "is random, which costs the same; with it pytorch-fid refuses its value at the very end (an imaginary part of "
        "the matrix root), and its time counts. Cold: an empty cache except for the weights. Warm: the same command "
        "again with the cache that this left, into a new run folder. A second model: the same images, mirrored, with "
        "that cache. The maps of the targets that LPIPS compares are not kept on the disk (21 MiB for each image of "
        "VGG16), so that their forwards are done again. The tools for the same scores leave out what `evaluate` does "
        "in addition: intervals, `face-id:source` and `face-id:strict`, record and figures.",
        "",
        "On a GPU: not measured.",
    ]
    title = f"Separate tools and one pass, {pairs} pairs of studio"
    return report.Section(
        f"peers-{pairs:04}",
        COMMAND,
        title,
        tables.HEADER,
        tables.rows(costs),
        "\n".join(note),
        report.versions(*PACKAGES),
    )


def floor_section(costs: tables.Costs, best: Mapping[str, Cost | Forward], pairs: int, cores: int) -> report.Section:
    """The section with the floor.

    Args:
        costs: as for `table_section`.
        best: network -> its best forward, or the cost of the process that failed.
        pairs: the number of pairs.
        cores: the number of cores.
    """
    kept = tables.good(costs, COLD)
    note = [
        *tables.floor_lines(costs, best, cores),
        "",
        "The forwards are those of the cold pass, as its record has them; the best forwards were measured directly "
        "after it. Alone: the smallest CPU time of one image in a process alone, over batch sizes of 1 to 32, all "
        "numbers of threads, both memory formats and repeats for networks of torch (without reading and resizing); "
        "dlib and MediaPipe take single images. At once: a process of one thread on each core, all of them measuring, "
        "as in a run; the median of the repeats at the best setting, mean of the processes.",
    ]
    header = (
        "network", "forwards", "alone, CPU ms", "CPU seconds", "on all cores at once, CPU ms", "CPU seconds"
    )  # fmt: skip
    rows = tables.floor_rows(kept[-1].forwards if kept else {}, best)
    packages = report.versions("torch", "dlib-bin", "mediapipe")
    title = f"Floor of the pass, {pairs} pairs of studio"
    return report.Section(f"peers-{pairs:04}-floor", COMMAND, title, header, rows, "\n".join(note), packages)


if __name__ == "__main__":
    main()
