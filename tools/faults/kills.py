"""Kills: SIGKILL at random moments, then the same command again until it ends, then the same result."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.faults.commands import TWO_PROCESSES, WRITERS, State, Writer
from tools.faults.material import Material

_MOST = 3  # kills of one command before it may end


@dataclass
class Killed:
    """The kills of one command.

    Args:
        name: the command.
        kills: how many hit the running process.
        begun: how many of these found files in the output folder.
        cases: how many times the command was then resumed to its end.
        wrong: one sentence for each result that differs.
    """

    name: str
    kills: int
    begun: int
    cases: int
    wrong: list[str]


def differences(expected: State, found: State) -> str:
    """The names of what differs, or ""."""
    return ", ".join(sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)))


def result(writer: Writer, material: Material, out: Path) -> tuple[State, float]:
    """What an uninterrupted command leaves, and its time in seconds."""
    seconds = material.call(writer.words(material, out)).seconds
    return writer.state(out), seconds


def resumed(
    writer: Writer, material: Material, out: Path, expected: State, environment: Mapping[str, str] | None = None
) -> str:
    """Run the command to its end; what is wrong then, or ""."""
    ended = material.start(writer.words(material, out), environment=environment or {}).wait()
    if ended.code:
        return f"the same command again: {ended}"
    differs = differences(expected, writer.state(out))
    if differs:
        return f"resumed, it differs in {differs}"
    if writer.is_record and (checked := material.start(["validate", out]).wait()).code:
        return f"validate: {checked}, {checked.out}"
    return ""


def kill(material: Material, seed: int, wanted: int, two_processes: bool) -> Iterator[Killed]:
    """Kill every command.

    Args:
        material: the inputs.
        seed: of the moments.
        wanted: kills of each command that hit the running process.
        two_processes: whether a run of two processes is killed as well.
    """
    for writer in (*WRITERS, *([TWO_PROCESSES] if two_processes else [])):
        draw = random.Random(f"{seed} kills {writer.name}")
        done = Killed(writer.name, 0, 0, 0, [])
        base = material.root / "kills" / writer.name.replace(" ", "-")
        expected, seconds = result(writer, material, base / "uninterrupted")
        while done.kills < wanted:
            done.cases += 1
            out = base / str(done.cases)
            for _ in range(min(draw.randint(1, _MOST), wanted - done.kills)):
                moment = draw.uniform(0, seconds)
                if material.start(writer.words(material, out)).kill(after=moment):
                    done.kills += 1
                    done.begun += out.is_dir() and any(file.is_file() for file in out.rglob("*"))
            if wrong := resumed(writer, material, out, expected):
                done.wrong.append(f"{writer.name}, case {done.cases}: {wrong}")
        yield done
