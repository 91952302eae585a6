"""The best forward of each network of a run: `python -m tools.speed.peers.floor NAME FOLDER MOST REPEATS`.

Prints the CPU seconds of one image, twice: the smallest over batch sizes, numbers of threads, memory formats and
repeats, in a process alone; and the best setting's median with a process of one thread on each core at once.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fhpt_bench.feature import MapSummary, VectorFeature, features
from fhpt_bench.networks.convolutions import ConvolutionMaps
from fhpt_bench.networks.pooled import PooledFeature
from tools.speed.peers.material import GALLERY, GENERATED
from tools.speed.peers.recipes import files, read, show

BATCHES = (1, 2, 4, 8, 16, 32)
_BUSY = "at-once"
_SIDES = {"efficientnet-lite0": 224}  # of networks that see resized images


@dataclass(frozen=True)
class Measuring:
    """How a setting is measured.

    Args:
        most: the largest batch size.
        repeats: how often.
        threads: the largest number of threads.
        of: which of the repeats counts.
    """

    most: int
    repeats: int
    threads: int
    of: Callable[[list[float]], float]

    def seconds(self, work: Callable[[], object], images: int) -> float:
        """The CPU seconds of one image, after one call that is not counted."""
        work()
        found = []
        for _ in range(self.repeats):
            start = time.process_time()
            work()
            found.append(time.process_time() - start)
        return self.of(found) / images


def best(name: str, folder: Path, how: Measuring) -> float:
    """The CPU seconds of one image.

    Args:
        name: a feature, as a run's record names it.
        folder: the folder of `material.py`.
        how: how each setting is measured.

    Raises:
        ValueError: if the feature's network is not known here.
    """
    kind: Any = features.load(name)
    if name == "mediapipe-holistic":
        shown = _spread(files(folder, GENERATED), how.most)  # the ground truth of the real images is known
        return how.seconds(_holistic(shown), len(shown))
    if issubclass(kind, VectorFeature) and kind.in_workers:
        images = np.stack([read(file) for file in _spread(files(folder, GENERATED) + files(folder, GALLERY), how.most)])
        feature = kind("cpu")
        return how.seconds(lambda: feature.extract(images), len(images))
    if issubclass(kind, MapSummary):
        kind = kind.maps
    if issubclass(kind, ConvolutionMaps):
        height, width = read(files(folder, GENERATED)[0]).shape[:2]
        return _network(kind.layers(), (height, width), how)
    if issubclass(kind, PooledFeature) and name in _SIDES:
        return _network(kind.network(), (_SIDES[name], _SIDES[name]), how)
    raise ValueError(f"the network of {name} is not known here")


def _spread(found: list[Path], most: int) -> list[Path]:
    """Images from everywhere in the list: one with a face or a hand costs several times as much as one without."""
    return [found[place] for place in np.linspace(0, len(found) - 1, min(most, len(found))).round().astype(int)]


def _network(network: Any, size: tuple[int, int], how: Measuring) -> float:
    """Random weights cost the same, unless numbers become so small that they are denormal: they are flushed."""
    import torch

    torch.set_flush_denormal(True)
    found = []
    for layout in (torch.contiguous_format, torch.channels_last):
        model = network.eval().to(memory_format=layout)
        for threads in range(1, how.threads + 1):
            torch.set_num_threads(threads)
            for batch in (batch for batch in BATCHES if batch <= how.most):
                x = torch.rand(batch, 3, *size).contiguous(memory_format=layout)
                with torch.inference_mode():
                    found.append(how.seconds(lambda model=model, x=x: model(x), batch))  # type: ignore[misc]
    return min(found)


def _holistic(shown: list[Path]) -> Callable[[], object]:
    from mediapipe.python.solutions.holistic import Holistic

    holistic = Holistic(static_image_mode=True, model_complexity=1)
    images = [Image.open(file).convert("RGB") for file in shown]
    large = [np.asarray(one.resize((one.width * 2, one.height * 2), Image.Resampling.BICUBIC)) for one in images]
    return lambda: [holistic.process(image) for image in large]


def _at_once(words: list[str], count: int) -> float:
    """The mean of what some processes of one thread print, which run at once."""
    command = [sys.executable, "-m", "tools.speed.peers.floor", *words, _BUSY]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    started = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    printed = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise SystemExit("one of the processes that run at once has failed")
    return statistics.mean(float(output.split()[-1]) for output in printed)


def main(words: list[str]) -> None:
    """Measure a network alone, then on all cores at once; or be one of the processes of the latter."""
    name, folder, most, repeats, *busy = words
    cores = len(os.sched_getaffinity(0))
    if busy:
        show(best(name, Path(folder), Measuring(int(most), int(repeats), 1, statistics.median)))
        return
    alone = best(name, Path(folder), Measuring(int(most), int(repeats), cores, min))
    show(json.dumps([alone, _at_once(words, cores)]))


if __name__ == "__main__":
    main(sys.argv[1:])
