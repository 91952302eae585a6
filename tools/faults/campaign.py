"""The parts of the campaign, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from tools.faults import report
from tools.faults.disk import Failed, fail, real_disk
from tools.faults.inputs import Refused, refuse
from tools.faults.kills import Killed, kill
from tools.faults.material import Material
from tools.faults.process import load_libraries
from tools.faults.races import Raced, race

KILLS, PAIRS = 6, 40  # kills of each command, and pairs of commands
_SHORT_KILLS, _SHORT_PAIRS = 1, 2

Found = TypeVar("Found", Killed, Failed, Raced, Refused)


def run_parts(
    root: Path, names: Sequence[str], seed: int, short: bool, echo: Callable[[str], None]
) -> list[report.Part]:
    """Run parts of the campaign.

    Args:
        root: an empty folder, for everything that is written.
        names: the parts.
        seed: of all random choices.
        short: a few cases of each part.
        echo: prints a line of progress.
    """
    load_libraries()
    material = Material.make(root, short)
    echo("inputs are ready")

    def shown(found: Iterable[Found]) -> list[Found]:
        every = []
        for one in found:
            counts = {**vars(one), "wrong": len(one.wrong)}
            echo(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in counts.items()))
            every.append(one)
        return every

    def kills() -> report.Part:
        return report.kills(shown(kill(material, seed, _SHORT_KILLS if short else KILLS, two_processes=not short)))

    def disk() -> report.Part:
        failed = shown(fail(material, seed, short))
        return report.disk(failed, *([] if short else [real_disk(material, seed)]))

    def races() -> report.Part:
        return report.races(shown(race(material, seed, _SHORT_PAIRS if short else PAIRS))[-1])

    def inputs() -> report.Part:
        return report.inputs(shown(refuse(material, seed, short)))

    parts: dict[str, Callable[[], report.Part]] = {"kills": kills, "disk": disk, "races": races, "inputs": inputs}
    return [report.made(parts[name](), seed, short) for name in names]
