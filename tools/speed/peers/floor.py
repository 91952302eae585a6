"""The best forward of each network of a run: `python -m tools.speed.peers.floor NAME FOLDER MOST REPEATS`.

Prints the CPU seconds of one image: the smallest over batch sizes, numbers of threads, memory formats and repeats.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
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
_SIDES = {"efficientnet-lite0": 224}  # of networks that see resized images


def best(name: str, folder: Path, most: int, repeats: int) -> float:
    """The CPU seconds of one image.

    Args:
        name: a feature, as a run's record names it.
        folder: the folder of `material.py`.
        most: the largest batch size.
        repeats: how often each setting is measured.

    Raises:
        ValueError: if the feature's network is not known here.
    """
    kind: Any = features.load(name)
    if name == "mediapipe-holistic":
        shown = _spread(files(folder, GENERATED), most)  # the ground truth of the real images is known
        return _least(_holistic(shown), repeats, len(shown))
    if issubclass(kind, VectorFeature) and kind.in_workers:
        images = np.stack([read(file) for file in _spread(files(folder, GENERATED) + files(folder, GALLERY), most)])
        feature = kind("cpu")
        return _least(lambda: feature.extract(images), repeats, len(images))
    if issubclass(kind, MapSummary):
        kind = kind.maps
    if issubclass(kind, ConvolutionMaps):
        height, width = read(files(folder, GENERATED)[0]).shape[:2]
        return _network(kind.layers(), (height, width), most, repeats)
    if issubclass(kind, PooledFeature) and name in _SIDES:
        return _network(kind.network(), (_SIDES[name], _SIDES[name]), most, repeats)
    raise ValueError(f"the network of {name} is not known here")


def _spread(found: list[Path], most: int) -> list[Path]:
    """Images from everywhere in the list: one with a face or a hand costs several times as much as one without."""
    return [found[place] for place in np.linspace(0, len(found) - 1, min(most, len(found))).round().astype(int)]


def _network(network: Any, size: tuple[int, int], most: int, repeats: int) -> float:
    """Random weights cost the same, unless numbers become so small that they are denormal: they are flushed."""
    import torch

    torch.set_flush_denormal(True)
    found = []
    for layout in (torch.contiguous_format, torch.channels_last):
        model = network.eval().to(memory_format=layout)
        for threads in range(1, len(os.sched_getaffinity(0)) + 1):
            torch.set_num_threads(threads)
            for batch in (batch for batch in BATCHES if batch <= most):
                x = torch.rand(batch, 3, *size).contiguous(memory_format=layout)
                with torch.inference_mode():
                    found.append(_least(lambda model=model, x=x: model(x), repeats, batch))  # type: ignore[misc]
    return min(found)


def _holistic(shown: list[Path]) -> Callable[[], object]:
    from mediapipe.python.solutions.holistic import Holistic

    holistic = Holistic(static_image_mode=True, model_complexity=1)
    images = [Image.open(file).convert("RGB") for file in shown]
    large = [np.asarray(one.resize((one.width * 2, one.height * 2), Image.Resampling.BICUBIC)) for one in images]
    return lambda: [holistic.process(image) for image in large]


def _least(work: Callable[[], object], repeats: int, images: int) -> float:
    """The smallest CPU time of one image, after one call that is not counted."""
    work()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds) / images


if __name__ == "__main__":
    show(best(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
