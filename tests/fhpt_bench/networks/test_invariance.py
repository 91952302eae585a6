"""Every registered feature: a row depends on its image alone, not on the batch or the number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fhpt_bench import weights
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.real_images import RealImages
from fhpt_bench.feature import features

# Error of float32 sums in another order, relative to the largest value of a row (or map): 24 bits are 6e-8, a
# convolution's sum has thousands of terms, and there are up to fifty layers.
ROUNDING = 1e-5


@pytest.fixture(autouse=True)
def restored_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def rows(feature: Any, images: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """Vectors or maps as arrays with one row per image."""
    found = feature.extract(images)
    return [np.asarray(part) for part in (found if isinstance(found, tuple) else (found,))]


@pytest.mark.parametrize("name", features.entries())
def test_order_batch_and_threads_do_not_matter(
    name: str, random_inception: Path, random_squeezenet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = features.load(name)
    if any(needed.startswith("inception") for needed in kind.spec.weights):
        monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(random_inception))
    if name == "squeezenet-maps":
        monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(random_squeezenet))
    absent = [needed for needed in kind.spec.weights if not weights.available(needed)]
    if absent:
        pytest.skip(f"the weights {', '.join(absent)} are not on this machine")
    studio = load_benchmark("studio")
    chosen = [image for image in studio.images if "front" in image][:3]
    images = RealImages(studio.folder, studio.image_size, {}).stack(chosen)
    if name not in ("dlib-faces", "mediapipe-holistic"):  # which find no person in small images
        images = images[:, ::4, ::4]
    feature = kind("cpu")
    torch.set_num_threads(2)
    whole = rows(feature, images)
    torch.set_num_threads(1)
    turned = [part[::-1] for part in rows(feature, images[::-1])]
    single = [np.concatenate(parts) for parts in zip(*(rows(feature, image[None]) for image in images), strict=True)]
    for part, *others in zip(whole, turned, single, strict=True):
        assert len(part) == 3
        assert not np.array_equal(part[0], part[1], equal_nan=True), "the images must give different rows"
        largest = np.nanmax(np.abs(part), axis=tuple(range(1, part.ndim)), keepdims=True)
        for other in others:
            np.testing.assert_allclose(other / largest, part / largest, rtol=0, atol=ROUNDING)
