"""Measured times, one file per CPU in tools/speed/results, and docs/speed.md: `python -m tools.speed.report`.

A command that measures calls `keep` with its section, and `write_page` makes the page from all files.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from fhpt_bench.files import write_text
from tools.docs.pages import table

FOLDER = Path(__file__).parent / "results"
CHANGES = Path(__file__).parent / "changes.md"  # the part of the page that is written by hand
PAGE = Path(__file__).parents[2] / "docs" / "speed.md"
COMMAND = "python -m tools.speed.report"
# The instruction sets of x86-64 that libraries choose their code by, as Linux names them.
FEATURES = ("avx", "fma", "avx2", "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "amx_tile")
NO_GPU = (
    "No GPU could be had: neither speed nor scores on one were measured. `python -m tools.speed.gpu --out FOLDER` "
    "measures both in at most nine minutes."
)
_INTRODUCTION = f"""# Speed

Made by `{COMMAND}` from the files in `tools/speed/results/`, one per CPU, and `changes.md`: do not
edit. Times of different CPUs, and of different runs, are not comparable: a ratio is formed only inside one run.
"""


@dataclass(frozen=True)
class Machine:
    """What was measured on.

    Args:
        cpu: the CPU's name.
        cores: the number of cores that the process may use.
        features: its instruction sets among `FEATURES`.
        limited: the instruction set to which the libraries were limited, "avx2", or "".
    """

    cpu: str
    cores: int
    features: tuple[str, ...]
    limited: str = ""

    @property
    def title(self) -> str:
        """Its name in the page.

        Examples:
            >>> Machine("Some CPU", 2, ("avx2",), "avx2").title
            'Some CPU, 2 cores, limited to AVX2'
        """
        limit = f", limited to {self.limited.upper()}" if self.limited else ""
        return f"{self.cpu}, {self.cores} {'core' if self.cores == 1 else 'cores'}{limit}"

    @property
    def file(self) -> str:
        """The name of its file.

        Examples:
            >>> Machine("Some(R) CPU @ 2.80GHz", 2, (), "avx2").file
            'some-r-cpu-2-80ghz-2-cores-limited-to-avx2.json'
        """
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-") + ".json"


@dataclass(frozen=True)
class Section:
    """One table of the page.

    Args:
        id: its name in the file; a section with the same id is replaced, and they are in this order.
        command: the command that measures it.
        title: its heading.
        header: the names of the columns.
        rows: the cells.
        note: text under the table: Markdown, what was and was not measured.
        packages: package -> version.
    """

    id: str
    command: str
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str
    packages: dict[str, str]


def this_machine(limited: str = "") -> Machine:
    """The machine that this process runs on.

    Args:
        limited: the instruction set to which the measured processes are limited, or "".
    """
    file = Path("/proc/cpuinfo")
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^flags\s*:\s*(.+)$", text, re.MULTILINE)
    known = set(flags[1].split()) if flags else set()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cpu = name[1].strip() if name else platform.processor() or platform.machine()
    return Machine(cpu, cores, tuple(feature for feature in FEATURES if feature in known), limited)


def versions(*packages: str) -> dict[str, str]:
    """Package -> its installed version.

    Args:
        packages: names of installed packages.
    """
    return {package: importlib.metadata.version(package) for package in packages}


def keep(section: Section, machine: Machine, folder: Path = FOLDER) -> Path:
    """Write a section into the machine's file, in place of one with the same id.

    Args:
        section: what was measured.
        machine: what it was measured on.
        folder: where the files are.

    Returns:
        The file.
    """
    table(section.header, section.rows)  # a row of another length is refused here, not when the page is made
    file = folder / machine.file
    found = json.loads(file.read_text(encoding="utf-8"))["sections"] if file.is_file() else []
    sections = [*(one for one in found if one["id"] != section.id), asdict(section)]
    content = {"machine": asdict(machine), "sections": sorted(sections, key=lambda one: str(one["id"]))}
    folder.mkdir(parents=True, exist_ok=True)
    write_text(file, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return file


def show(section: Section, write: bool, limited: str = "") -> None:
    """Print a section, and put it into the results of this machine and into the page if it is to be written.

    Args:
        section: what was measured.
        write: whether to write it.
        limited: as for `this_machine`.
    """
    click.echo("\n".join([section.title, table(section.header, section.rows), section.note]))
    if write:
        keep(section, this_machine(limited))
        write_page()


def page(folder: Path = FOLDER) -> str:
    """The text of docs/speed.md.

    Args:
        folder: where the files are.
    """
    parts, on_gpu = [_INTRODUCTION], False
    for file in sorted(folder.glob("*.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        machine = Machine(**{**content["machine"], "features": tuple(content["machine"]["features"])})
        sections = [Section(**one) for one in content["sections"]]
        on_gpu |= any(section.id.startswith("gpu-") for section in sections)
        parts.append("\n".join([f"## {machine.title}", "", _features(machine), "", *_lines(sections)]))
    parts += [] if len(parts) > 1 else ["Nothing was measured yet.\n"]
    if not on_gpu:
        parts.append(f"## A GPU\n\n{NO_GPU}\n")
    return "\n".join([*parts, CHANGES.read_text(encoding="utf-8")])


def write_page() -> None:
    """Write docs/speed.md."""
    write_text(PAGE, page())


def _features(machine: Machine) -> str:
    return f"Instruction sets: {', '.join(machine.features) or 'not known'}."


def _lines(sections: Iterable[Section]) -> list[str]:
    lines: list[str] = []
    for section in sections:
        made = ", ".join(f"{name} {version}" for name, version in section.packages.items())
        rows = [f"### {section.title}", "", f"`{section.command}`, {made}.", ""]
        lines += [*rows, table(section.header, section.rows), "", section.note, ""]
    return lines


if __name__ == "__main__":
    write_page()
