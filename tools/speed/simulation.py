"""Runs with many small pairs and no network, watched from outside: time, memory and files by phase."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (64, 48)
VIEWS = ("1front", "2side", "3back", "4full", "7additional")
PAIRS_EACH = len(VIEWS) * (len(VIEWS) - 1)  # of a person: each ordered pair of two views
_EVERY = 0.25  # seconds between two looks at the process
_STAGES = ("start", "pass", "scores")

PLUGINS = '''"""A generator, a feature and two protocols that compute almost nothing."""
import numpy as np
from fhpt_bench.feature import FeatureSpec, VectorFeature
from fhpt_bench.model import Generator, ModelCard
from fhpt_bench.protocol import MetricCard, PairValues, PairwiseProtocol, Protocol, Score

class Tint(Generator):
    card = ModelCard("tint", "the source, darker by a constant of the target pose", conditioning=("pose",))
    def generate(self, batch):
        return batch.source * (0.5 + 0.4 * batch.target_pose.nanmean((1, 2)).sin())[:, None, None, None]

class Colour(VectorFeature):
    spec = FeatureSpec("mean-colour", 1, (), "mean of 64 parts", backend="numpy")
    def __init__(self, device): pass
    def extract(self, images):
        return images.reshape(len(images), 64, -1).mean(2).astype(np.float32)

class Difference(PairwiseProtocol):
    id, title, citation = "difference", "mean absolute difference", ""
    variants = {"canonical": ""}
    metrics = (MetricCard("difference", "D", False),)
    def compare(self, images):
        difference = np.abs(images.generated.astype(np.int16) - images.target)
        return {"difference": PairValues.of(difference.mean((1, 2, 3)))}

class Distance(Protocol):
    id, title, citation = "distance", "distance of the mean colours of two sets", ""
    variants = {"canonical": ""}
    metrics = (MetricCard("distance", "M", False, per_pair=False),)
    features = (__file__ + ":Colour",)
    def score(self, evidence):
        a, b = (evidence.vectors(self.features[0], role) for role in ("generated", "target"))
        return (Score("distance", float(np.abs(a.mean(0) - b.mean(0)).sum()), len(a)),)
'''


def build(folder: Path, pairs: int) -> None:
    """Write a benchmark `simulated.toml` and the plugins.

    Args:
        folder: a new folder.
        pairs: the number of pairs, rounded up to whole people.
    """
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    listed, keypoints = ["from,to"], ["name:keypoints_y:keypoints_x"]
    for person in range(-(-pairs // PAIRS_EACH)):
        names = [f"fashionWOMENTees_Tanksid{person:08d}01_{view}.jpg" for view in VIEWS]
        for name in names:
            blocks = rng.integers(0, 256, (SIZE[0] // 8, SIZE[1] // 8, 3), dtype=np.uint8)
            Image.fromarray(blocks).resize(SIZE[::-1], Image.Resampling.BICUBIC).save(folder / "images" / name)
            y, x = rng.integers(0, np.array(SIZE)[:, None], (2, 18)).tolist()
            keypoints.append(f"{name}: {y}: {x}")
        listed += [f"{a},{b}" for a in names for b in names if a != b]
    for file, lines in (("pairs.csv", listed), ("keypoints.csv", keypoints)):
        (folder / file).write_text("\n".join(lines) + "\n")
    (folder / "plugins.py").write_text(PLUGINS)
    (folder / "simulated.toml").write_text(
        'id = "simulated"\nversion = "1"\ntitle = "coloured noise"\nroot = "."\nimages = "images"\n'
        f'image_size = {list(SIZE)}\npairs = "pairs.csv"\nkeypoints = "keypoints.csv"\nprotocols = ["psnr"]\n'
    )


@dataclass(frozen=True)
class Look:
    """What a look at the process has shown: its processor time, resident bytes, bytes of finished work."""

    seconds: float
    memory: int
    finished: int


@dataclass(frozen=True)
class Watched:
    """A run, seen from outside.

    Args:
        seconds: phase -> processor time, which other programs on the machine change little.
        memory: phase -> largest resident memory in bytes.
        first, last: processor time of the first and of the last tenth of the pass.
        bytes: what the run's folder and the cache hold, in bytes of their files.
        files: how many files these are.
    """

    seconds: dict[str, float]
    memory: dict[str, int]
    first: float
    last: float
    bytes: int
    files: int


def watch(folder: Path) -> Watched:
    """Run the simulated benchmark in one process with one thread and look at it until it ends.

    Args:
        folder: from `build`.

    Raises:
        SystemExit: if the run fails.
    """
    out, plugins = folder / "run", folder / "plugins.py"
    command: list[str | Path] = [
        sys.executable, "-m", "fhpt_bench", "run", "-m", f"{plugins}:Tint", "-b", folder / "simulated.toml", "-p",
        f"{plugins}:Difference,{plugins}:Distance", "--processes", "1", "--device", "cpu", "-o", out,
    ]  # fmt: skip
    own = {**os.environ, "OMP_NUM_THREADS": "1", "FHPT_CACHE_DIR": str(folder / "cache")}
    looks = []
    with (folder / "log").open("wb") as log, subprocess.Popen(command, env=own, stdout=log, stderr=log) as process:
        while process.poll() is None:
            progress = out / "progress" / "rank-0.jsonl"
            finished = progress.stat().st_size if progress.exists() else 0
            looks.append(Look(*_used(process.pid), finished))
            time.sleep(_EVERY)
    if process.returncode:
        raise SystemExit((folder / "log").read_text(errors="replace"))
    sizes = [file.stat().st_size for part in (out, folder / "cache") for file in part.rglob("*") if file.is_file()]
    return _phases(looks, sum(sizes), len(sizes))


def _phases(looks: list[Look], size: int, files: int) -> Watched:
    whole = looks[-1].finished
    begin = next(look.seconds for look in looks if look.finished)
    end = next(look.seconds for look in looks if look.finished == whole)
    bounds = dict(zip(_STAGES, pairwise((0.0, begin, end, looks[-1].seconds)), strict=True))
    tenth = [next(look.seconds for look in looks if look.finished >= whole * share) for share in (0.1, 0.9)]
    return Watched(
        {phase: last - first for phase, (first, last) in bounds.items()},
        {
            phase: max(look.memory for look in looks if first <= look.seconds <= last)
            for phase, (first, last) in bounds.items()
        },
        tenth[0] - begin,
        end - tenth[1],
        size,
        files,
    )


def _used(process: int) -> tuple[float, int]:
    """Processor time and resident bytes of a process that has not been waited for; no bytes once it has ended."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])  # user and system time: fields 14 and 15 of proc(5)
    return ticks / os.sysconf("SC_CLK_TCK"), int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
