"""Two commands started at once on one output folder: what succeeds is right, what is refused says so."""

from __future__ import annotations

import functools
import os
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tools.faults.commands import RIVALS, State, Writer
from tools.faults.kills import differences
from tools.faults.material import Material
from tools.faults.process import Ended

_APART = 1.2  # of every second pair the second command begins during the first one, or shortly after it


@dataclass
class Raced:
    """The pairs of commands.

    Args:
        pairs: how many were started.
        refused: in how many one was refused.
        both: in how many both ended well, one after the other.
        wrong: one sentence for each wrong end or result.
    """

    pairs: int = 0
    refused: int = 0
    both: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Alone:
    """What an uninterrupted command leaves, the scores that it prints, and its time in seconds."""

    state: State
    scores: list[str]
    seconds: float


def race(material: Material, seed: int, pairs: int) -> Iterator[Raced]:
    """Start pairs of commands; yields the counts after each pair.

    Args:
        material: the inputs.
        seed: of the pairs and of the time between the two.
        pairs: how many.
    """
    draw, done = random.Random(f"{seed} races"), Raced()
    alone: dict[str, _Alone] = {}
    for number in range(pairs):
        # The first command of a pair is each one in turn; the second one is the same, of its kind, or any.
        first = RIVALS[number % len(RIVALS)]
        kind = [writer for writer in RIVALS if writer.state is first.state]
        second = draw.choice(([first], kind, kind, list(RIVALS))[number % 4])
        for writer in (first, second):
            if writer.name not in alone:
                alone[writer.name] = _uninterrupted(writer, material)
        wait = draw.uniform(0, _APART * alone[first.name].seconds) if number % 2 else 0.0
        out = material.root / "races" / str(number)
        ends = _together(material, [first, second], out, wait)
        done.pairs += 1
        done.refused += any(ended.code == 2 for ended in ends)
        done.both += all(ended.code == 0 for ended in ends)
        if wrong := _wrong(material, [first, second], ends, out, alone):
            done.wrong.append(f"{first.name} and {second.name}, {wait:.2f} s apart: {wrong}")
        shutil.rmtree(out, ignore_errors=True)
        yield done


def _uninterrupted(writer: Writer, material: Material) -> _Alone:
    out = material.root / "races" / writer.name.replace(" ", "-")
    ended = material.call(writer.words(material, out))
    return _Alone(writer.state(out), _scores(ended), ended.seconds)


def _scores(ended: Ended) -> list[str]:
    """What a command prints of its result: everything but paths and times."""
    lines = ended.out.splitlines()
    return [
        line for line in lines if not line.startswith(("record ", "images ", "time ", "prepared ", "written ", "next "))
    ]


def _together(material: Material, writers: list[Writer], out: Path, wait: float) -> list[Ended]:
    """Let both begin once both processes have started, the second one `wait` seconds after the first."""
    gates = [os.pipe() for _ in writers]
    started = [
        material.start(writer.words(material, out), prepare=functools.partial(os.read, read, 1))
        for writer, (read, _) in zip(writers, gates, strict=True)
    ]
    for number, (read, write) in enumerate(gates):
        time.sleep(wait * number)
        os.write(write, b".")
        os.close(write)
        os.close(read)
    return [command.wait() for command in started]


def _wrong(material: Material, writers: list[Writer], ends: list[Ended], out: Path, alone: dict[str, _Alone]) -> str:
    """What is wrong with the ends or with the folder, or ""."""
    for writer, ended in zip(writers, ends, strict=True):
        if ended.code and not ended.sentence:
            return f"{writer.name} ended with {ended}"
        if not ended.code and _scores(ended) != alone[writer.name].scores:
            return f"{writer.name} printed {_scores(ended)}"
    succeeded = [writer for writer, ended in zip(writers, ends, strict=True) if ended.code == 0]
    if not succeeded:
        return "none succeeded"
    differs = []
    for writer in succeeded:
        try:
            differs.append(differences(alone[writer.name].state, writer.state(out)))
        except FileNotFoundError as error:  # the folder holds the result of the other command
            differs.append(f"{error.filename} is missing")
    if all(differs):
        return f"the folder differs from that of {succeeded[0].name} in {differs[0]}"
    right = succeeded[differs.index("")]
    if right.is_record and (checked := material.start(["validate", out]).wait()).code:
        return f"validate: {checked}, {checked.out}"
    return ""
