"""Features of training images, from the same cache that runs use."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from fhpt_bench import weights
from fhpt_bench.data.images import pixels_sha256
from fhpt_bench.errors import UserError
from fhpt_bench.evaluation.feature_cache import FeatureCache
from fhpt_bench.feature import VectorFeature, features
from fhpt_bench.progress import progress_bar
from fhpt_bench.training.recipe import Task

Change = Callable[[int, NDArray[np.uint8]], NDArray[np.uint8]]


def training_features(task: Task, name: str, changes: Sequence[Change]) -> list[NDArray[np.float32]]:
    """What a network says of each training image, as it is and changed; what was looked at once is not again.

    Args:
        task: whose images.
        name: of the feature.
        changes: (position of the image, (H, W, 3) uint8) -> the image changed.

    Returns:
        (N, ...) float32 of the images in the order of their list, then the same for each change.

    Raises:
        WeightsMissing: where the network's weights can be had from no source.
    """
    plugin = features.load(name)
    if not issubclass(plugin, VectorFeature):
        raise UserError(f"The feature {name} gives maps, which are not kept: a recipe needs a vector.")
    cache = FeatureCache(plugin.spec.identity({weight: weights.fetch(weight) for weight in plugin.spec.weights}))
    network: VectorFeature | None = None
    rows: list[list[NDArray[np.float32]]] = [[] for _ in range(1 + len(changes))]
    with progress_bar(f"{name} of training images", len(task.images.digests) * len(rows), task.progress) as done:
        for position, image in enumerate(task.images.digests):
            (original,) = task.images.stack([image])
            for way, kept in enumerate(rows):
                pixels = np.ascontiguousarray(changes[way - 1](position, original)) if way else original
                digest = pixels_sha256(pixels)
                value = cache.get(digest)
                if value is None:
                    network = network or plugin(task.device)
                    # One at a time: a row's last bits must not depend on what else was new.
                    value = network.extract(pixels[None])[0]
                    cache.put(digest, value)
                kept.append(value)
                done(1)
    return [np.stack(kept) for kept in rows]


def mirrored(position: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image with left and right swapped."""
    return image[:, ::-1]
