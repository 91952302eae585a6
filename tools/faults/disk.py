"""Disks that are full or read-only from some file operation on, and kills there, then the same command again."""

from __future__ import annotations

import functools
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.faults.commands import WRITERS, State, Writer
from tools.faults.files import KINDS, Disk, Kind, Operation, failing
from tools.faults.kills import resumed
from tools.faults.material import Material
from tools.faults.process import Ended


@dataclass
class Failed:
    """The failing disks of one command.

    Args:
        name: the command.
        kind: full, read-only or kill.
        operations: how many file operations of the uninterrupted command can fail so.
        stages: how many kinds of file these write.
        tried: how many of them were the first to fail, at least one of each stage.
        wrong: one sentence for each wrong end or result.
    """

    name: str
    kind: str
    operations: int
    stages: int
    tried: int
    wrong: list[str]


def end_problem(ended: Ended) -> str:
    """What is wrong with the end of a command that could not write, or ""."""
    return "" if ended.sentence else f"it ended with {ended}, not with exit code 2 and one sentence"


def fail(material: Material, seed: int, short: bool) -> Iterator[Failed]:
    """Let the disk of every command fail at every stage of its writing.

    Args:
        material: the inputs.
        seed: of the choice within a stage.
        short: whether only one stage of each command is tried.
    """
    for writer in WRITERS:
        base = material.root / "disk" / writer.name.replace(" ", "-")
        operations, expected = _watched(writer, material, base / "uninterrupted")
        for kind in random.Random(f"{seed} disk {writer.name}").sample(KINDS, 1) if short else KINDS:
            draw = random.Random(f"{seed} disk {writer.name} {kind}")
            stages: dict[str, list[int]] = {}
            for number in failing(operations, kind):
                stages.setdefault(operations[number].stage(base / "uninterrupted"), []).append(number)
            chosen = sorted(draw.choice(numbers) for numbers in stages.values())
            chosen = draw.sample(chosen, 1) if short else chosen
            done = Failed(writer.name, kind, len(failing(operations, kind)), len(stages), len(chosen), [])
            for number in chosen:
                if wrong := _case(writer, material, base / f"{kind}-{number}", number, kind, expected):
                    stage = operations[number].stage(base / "uninterrupted")
                    done.wrong.append(f"{writer.name}, {kind} from `{operations[number].what} {stage}` on: {wrong}")
            yield done


def _folders(out: Path) -> dict[str, str]:
    """A cache folder of the case's own, on the disk that fails."""
    return {"FHPT_CACHE_DIR": str(out / "cache")}


def _watched(writer: Writer, material: Material, out: Path) -> tuple[list[Operation], State]:
    """The file operations of an uninterrupted command, and its result."""
    out.mkdir(parents=True)
    log = out.with_name("operations")
    disk = functools.partial(_install, [out], log=log)
    material.call(writer.words(material, out / "out"), environment=_folders(out), prepare=disk)
    operations = [Operation(*line.split(" ", 1)) for line in log.read_text().splitlines()]
    return operations, writer.state(out / "out")


def _install(roots: Sequence[Path], **more: object) -> None:
    Disk(roots, **more).install()  # type: ignore[arg-type]


def _case(writer: Writer, material: Material, out: Path, number: int, kind: Kind, expected: State) -> str:
    out.mkdir(parents=True)
    disk = functools.partial(_install, [out], first=number, kind=kind)
    words = writer.words(material, out / "out")
    ended = material.start(words, environment=_folders(out), prepare=disk).wait()
    killed = kind == "kill" and ended.code == -signal.SIGKILL
    wrong = ("" if killed else end_problem(ended)) or resumed(writer, material, out / "out", expected, _folders(out))
    shutil.rmtree(out)
    return wrong


def real_disk(material: Material, seed: int) -> Failed | None:
    """Small disks in memory of several sizes, and one that becomes read-only; None if none can be mounted here."""
    writer = WRITERS[0]
    draw = random.Random(f"{seed} mounted disk")
    base = material.root / "mounted"
    whole = base / "uninterrupted"
    material.call(writer.words(material, whole))
    expected, size = writer.state(whole), sum(file.stat().st_size for file in whole.rglob("*") if file.is_file())
    done = Failed(f"{writer.name}, mounted disk", "full or read-only", 0, 0, 0, [])
    disk = base / "disk"
    disk.mkdir()
    for kilobytes in sorted({4, *(draw.randrange(64, size >> 10) for _ in range(4))}):
        if _mount(disk, f"size={kilobytes}k"):
            return None
        try:
            wrong = end_problem(material.start(writer.words(material, disk / "out")).wait())
            _mount(disk, "remount,size=64m")
            wrong = wrong or resumed(writer, material, disk / "out", expected)
            _mount(disk, "remount,ro")
            read_only = end_problem(material.start([*writer.words(material, disk / "other")]).wait())
            done.tried += 2
            done.wrong += [f"{kilobytes} KiB: {text}" for text in (wrong, read_only) if text]
        finally:
            subprocess.run(["umount", str(disk)], check=True)
    return done


def _mount(folder: Path, options: str) -> str:
    """Mount a disk in memory, or change it; why it failed, or ""."""
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    return done.stderr.strip() or f"exit code {done.returncode}" if done.returncode else ""
