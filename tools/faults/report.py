"""The campaign's tables: what was tried, how often, and what was wrong."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tools.docs.pages import table
from tools.faults.disk import Failed
from tools.faults.inputs import Refused
from tools.faults.kills import Killed
from tools.faults.races import Raced

COLUMNS = {
    "kills": ["command", "kills", "after output had begun", "resumed to the end", "other results"],
    "disk": ["command", "fault", "file operations", "kinds of file", "cases, one each",
             "wrong ends or results"],
    "races": ["pairs of commands", "one was refused", "both ended well", "wrong ends or results"],
    "inputs": ["input", "kinds", "most processor time", "of these load torch", "most processor time", "wrong ends"],
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One part of the campaign.

    Args:
        name: kills, disk, races or inputs.
        rows: of its table.
        wrong: one sentence for each thing that was wrong.
        made: how the table was made.
    """

    name: str
    rows: list[list[object]]
    wrong: list[str]
    made: str = ""

    @property
    def text(self) -> str:
        """Its table in Markdown, and how it was made."""
        return f"{table(COLUMNS[self.name], self.rows)}\n\n{self.made}"


def kills(found: Sequence[Killed]) -> Part:
    """The part of the kills."""
    rows: list[list[object]] = [[f"`{one.name}`", one.kills, one.begun, one.cases, len(one.wrong)] for one in found]
    total: list[object] = ["all", *(sum(int(str(row[i])) for row in rows) for i in range(1, 5))]
    return Part("kills", [*rows, total], [text for one in found for text in one.wrong])


def disk(found: Sequence[Failed], *tried: Failed | None) -> Part:
    """The part of the disks; `tried` is a mounted one, or None if none can be mounted here."""
    rows: list[list[object]] = [
        [f"`{one.name}`", one.kind, one.operations, one.stages, one.tried, len(one.wrong)] for one in found
    ]
    for one in tried:
        shown = [f"{one.tried} ends", len(one.wrong)] if one else ["skipped: none can be mounted here", "-"]
        rows.append(["`run`", "a mounted tmpfs", "-", "-", *shown])
    return Part("disk", rows, [text for one in [*found, *tried] if one for text in one.wrong])


def races(found: Raced) -> Part:
    """The part of the commands on one folder."""
    return Part("races", [[found.pairs, found.refused, found.both, len(found.wrong)]], found.wrong)


def inputs(found: Sequence[Refused]) -> Part:
    """The part of the bad input."""
    wrong = [text for one in found for text in one.wrong]
    whole = Refused(
        "all", sum(one.kinds for one in found), max(one.slowest for one in found),
        sum(one.with_torch for one in found), max(one.slowest_with_torch for one in found), wrong,
    )  # fmt: skip
    rows: list[list[object]] = [
        [one.name, one.kinds, f"{one.slowest:.1f} s", one.with_torch,
         f"{one.slowest_with_torch:.1f} s" if one.with_torch else "-", len(one.wrong)]
        for one in [*found, whole]
    ]  # fmt: skip
    return Part("inputs", rows, wrong)


def made(part: Part, seed: int, short: bool) -> Part:
    """The part with the command, date and machine that it was made by."""
    text = (
        f"Made by `python -m tools.faults --only {part.name} --seed {seed}{' --short' if short else ''}` on "
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, on {cpu()} ({platform.system()}, "
        f"Python {platform.python_version()})."
    )
    return replace(part, made=text)


def cpu() -> str:
    """The number and the name of this machine's cores."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} cores of {names[0]}" if names else platform.processor() or platform.machine()
