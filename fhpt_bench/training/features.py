"""Features of training images, from the feature cache that evaluation uses as well."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.evaluation.feature_cache import CachedFeature
from fhpt_bench.progress import progress_bar
from fhpt_bench.training.recipe import Task

Change = Callable[[int, NDArray[np.uint8]], NDArray[np.uint8]]


def training_features(task: Task, name: str, changes: Sequence[Change]) -> list[NDArray[np.float32]]:
    """Extract a feature from each training image, unchanged and changed. Cached values are not recomputed.

    Args:
        task: gives the training images and the device.
        name: name of the feature.
        changes: functions (position of the image, (H, W, 3) uint8) -> the changed image.

    Returns:
        (N, ...) float32 for the images in the order of their list, then the same for each change.

    Raises:
        WeightsMissing: if no source has the network's weights.
        UserError: if the feature is not a vector.
    """
    feature = CachedFeature(name, task.device)
    rows: list[list[NDArray[np.float32]]] = [[] for _ in range(1 + len(changes))]
    with progress_bar(f"{name} of training images", len(task.images.digests) * len(rows), task.progress) as done:
        for position, image in enumerate(task.images.digests):
            (original,) = task.images.stack([image])
            for way, kept in enumerate(rows):
                pixels = np.ascontiguousarray(changes[way - 1](position, original)) if way else original
                kept.append(feature(pixels))
                done(1)
    return [np.stack(kept) for kept in rows]


def mirrored(position: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the image with left and right swapped."""
    return image[:, ::-1]
