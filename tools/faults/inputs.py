"""Bad input of every kind: exit code 2, one sentence, soon, and nothing written elsewhere."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.faults.bad.images import IMAGES, KEYPOINT_FILES
from tools.faults.bad.lists import KEYPOINTS, PAIRS, PEOPLE, TABLES, TOML
from tools.faults.bad.options import FOLDERS, NAMES, OPTIONS
from tools.faults.bad.place import Kinds, Place, write_template
from tools.faults.bad.records import PLUGINS, RECORDS, TRAININGS
from tools.faults.material import Material
from tools.faults.process import Ended, without_bars

# Group -> its kinds, as rows of the table.
KINDS: dict[str, Kinds] = {
    "names": NAMES, "options": OPTIONS, "folders": FOLDERS, "pair lists": PAIRS, "keypoint lists": KEYPOINTS,
    "tables of people": PEOPLE, "benchmark files": TOML, "truth tables and manifests": TABLES, "images": IMAGES,
    "keypoint files of tools": KEYPOINT_FILES, "records and finished work": RECORDS,
    "trainings and weights": TRAININGS, "plugins": PLUGINS,
}  # fmt: skip
CPU = 3.0  # seconds of processor time that a refusal may take
_SHORT = 2  # kinds of a group in the short campaign


@dataclass
class Refused:
    """The kinds of a group.

    Args:
        name: the group.
        kinds: how many were tried.
        slowest: the longest processor time in seconds.
        wrong: one sentence for each wrong end.
    """

    name: str
    kinds: int
    slowest: float
    wrong: list[str]


def refuse(material: Material, seed: int, short: bool) -> Iterator[Refused]:
    """Give every kind of bad input.

    Args:
        material: the inputs.
        seed: of the choice of kinds in the short campaign.
        short: whether only some kinds are tried.
    """
    template = write_template(material)
    for group, kinds in KINDS.items():
        chosen = random.Random(f"{seed} {group}").sample(sorted(kinds), _SHORT) if short else list(kinds)
        done = Refused(group, 0, 0.0, [])
        for number, name in enumerate(chosen):
            place = Place(material.root / "inputs" / f"{group.replace(' ', '-')}-{number}")
            shutil.copytree(template, place.root)
            seconds, wrong = _case(material, place, kinds[name](place))
            done.kinds += 1
            done.slowest = max(done.slowest, seconds)
            if wrong:
                done.wrong.append(f"{name}: {wrong}")
            shutil.rmtree(place.root)
        yield done


def _case(material: Material, place: Place, words: list[object]) -> tuple[float, str]:
    """The processor time, and what is wrong, or ""."""
    log, errors = place.root / "operations", place.root / "errors"
    given = [str(word) for word in words]
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "tools.faults.watched", str(log), *given], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=stderr, cwd=place.root,
            env={**os.environ, **material.environment, **place.environment},
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = usage.ru_utime + usage.ru_stime
    ended = Ended(process.returncode, "", without_bars(errors.read_text(errors="replace")), seconds)
    if not ended.sentence:
        return seconds, f"it ended with {ended}, not with exit code 2 and one sentence"
    if seconds > CPU:
        return seconds, f"it took {seconds:.1f} s of processor time"
    allowed = [place.out, place.record, Path(material.environment["FHPT_CACHE_DIR"])]
    if "FHPT_CACHE_DIR" in place.environment:
        allowed.append(Path(place.environment["FHPT_CACHE_DIR"]))
    written = [line.partition(" ")[2] for line in log.read_text().splitlines()] if log.exists() else []
    outside = [path for path in written if not _inside(path, [*allowed, Path("/dev"), log, place.root / "runs"])]
    return seconds, f"it wrote {outside[0]}" if outside else ""


def _inside(path: str, folders: list[Path]) -> bool:
    return any(Path(path).is_relative_to(folder) for folder in folders)
