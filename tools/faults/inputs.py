"""Bad input of every kind: exit code 2, one sentence, soon, and nothing written elsewhere."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.faults.bad.encoders import ENCODERS
from tools.faults.bad.images import IMAGES, KEYPOINT_FILES
from tools.faults.bad.lists import KEYPOINTS, PAIRS, PEOPLE, TABLES, TOML
from tools.faults.bad.options import FOLDERS, NAMES, OPTIONS
from tools.faults.bad.place import Kinds, Place, write_template
from tools.faults.bad.records import PLUGINS, RECORDS, TRAININGS
from tools.faults.material import Material
from tools.faults.process import Ended, without_bars
from tools.faults.watched import TORCH

# Group -> its kinds, as rows of the table.
KINDS: dict[str, Kinds] = {
    "names": NAMES, "options": OPTIONS, "folders": FOLDERS, "pair lists": PAIRS, "keypoint lists": KEYPOINTS,
    "tables of people": PEOPLE, "benchmark files": TOML, "truth tables and manifests": TABLES, "images": IMAGES,
    "keypoint files of tools": KEYPOINT_FILES, "records and finished work": RECORDS,
    "trainings and weights": TRAININGS, "plugins": PLUGINS, "encoders": ENCODERS,
}  # fmt: skip
CPU = 3.0  # seconds of processor time that a refusal may take, without the import of torch if a plugin needs it
_AT_ONCE = 2  # processes


@dataclass
class Refused:
    """The kinds of a group.

    Args:
        name: the group.
        kinds: how many were tried.
        slowest: the longest processor time in seconds, of those that do not load torch.
        with_torch: how many load torch, because a plugin of the case needs it.
        slowest_with_torch: their longest processor time in seconds.
        wrong: one sentence for each wrong end.
    """

    name: str
    kinds: int
    slowest: float
    with_torch: int
    slowest_with_torch: float
    wrong: list[str]


def refuse(material: Material, seed: int, short: bool) -> Iterator[Refused]:
    """Give every kind of bad input.

    Args:
        material: the inputs.
        seed: of the choice of kinds in the short campaign.
        short: whether only one kind of each group is tried.
    """
    template, torch = write_template(material), _cpu([sys.executable, "-c", "import torch"])[1]
    for group, kinds in KINDS.items():
        chosen = random.Random(f"{seed} {group}").sample(sorted(kinds), 1) if short else list(kinds)
        done = Refused(group, 0, 0.0, 0, 0.0, [])

        def tried(number: int, name: str, kinds: Kinds = kinds, group: str = group) -> tuple[float, bool, str]:
            place = Place(material.root / "inputs" / f"{group.replace(' ', '-')}-{number}")
            shutil.copytree(template, place.root)
            try:
                return _case(material, place, kinds[name](place))
            finally:
                shutil.rmtree(place.root)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            ends = list(pool.map(tried, range(len(chosen)), chosen))
        for name, (seconds, loads_torch, wrong) in zip(chosen, ends, strict=True):
            done.kinds += 1
            if loads_torch:
                done.with_torch += 1
                done.slowest_with_torch = max(done.slowest_with_torch, seconds)
            else:
                done.slowest = max(done.slowest, seconds)
            if not wrong and seconds > CPU + (torch if loads_torch else 0):
                wrong = f"it took {seconds:.1f} s of processor time"
            if wrong:
                done.wrong.append(f"{name}: {wrong}")
        yield done


def _cpu(words: list[str], **options: Any) -> tuple[int, float]:
    """The exit code of a process, and its processor time in seconds."""
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **options)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_utime + usage.ru_stime


def _case(material: Material, place: Place, words: list[object]) -> tuple[float, bool, str]:
    """The processor time, whether torch was imported, and what is wrong, or ""."""
    log, errors = place.root / "operations", place.root / "errors"
    environment = {**os.environ, **material.environment, **place.environment}
    # A new folder that the case names; what it tries there may fail. A folder that exists must not be written.
    outputs = [Path(str(words[i + 1])) for i, word in enumerate(words[:-1]) if word == "-o"]
    named = [output for output in outputs if not os.path.isdir(output)]
    with errors.open("wb") as stderr:
        given = [sys.executable, "-m", "tools.faults.watched", str(log), *map(str, words)]
        code, seconds = _cpu(given, stderr=stderr, cwd=place.root, env=environment)
    ended = Ended(code, "", without_bars(errors.read_text(errors="replace")), seconds)
    operations = log.read_text().splitlines() if log.exists() else []
    wrong = "" if ended.sentence else f"it ended with {ended}, not with exit code 2 and one sentence"
    own = [place.out, place.record, place.root / "runs", Path(environment["FHPT_CACHE_DIR"]), log, Path("/dev")]
    written = [line.partition(" ")[2] for line in operations if line != TORCH]
    outside = [path for path in written if not any(Path(path).is_relative_to(folder) for folder in [*own, *named])]
    return seconds, TORCH in operations, wrong or (f"it wrote {outside[0]}" if outside else "")
