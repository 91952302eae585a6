"""Data for the measurements: generated images of a run, real images, and their features."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fhpt_bench import weights
from fhpt_bench.benchmark import Benchmark, Pair, load_benchmark
from fhpt_bench.data.images import pixels_sha256, read_image
from fhpt_bench.data.pairs import read_image_list
from fhpt_bench.evaluation.feature_cache import FeatureCache
from fhpt_bench.evaluation.generated_folder import match_folder
from fhpt_bench.evaluation.generated_images import FolderImages
from fhpt_bench.feature import VectorFeature, features
from fhpt_bench.progress import progress_bar

SUBSET = 100
Images = NDArray[np.uint8]
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Material:
    """Generated images of all pairs, and their benchmark.

    Args:
        benchmark: the benchmark with all pairs, sorted by target.
        run: folder of a run on this benchmark.
    """

    benchmark: Benchmark
    run: Path

    @classmethod
    def of(cls, run: Path, name: str) -> Material:
        """Load a run's folder and its benchmark (name or TOML file); training images default to `train/`."""
        loaded = load_benchmark(name)
        if not loaded.train_images:
            folder = loaded.folder.parent / "train"
            loaded = replace(loaded, train_folder=folder, train_images=read_image_list(folder.with_suffix(".lst")))
        return cls(loaded, run)

    @property
    def few(self) -> tuple[Pair, ...]:
        """The 100 pairs of most tables, spread over the people, the same as with `--limit 100`."""
        return self.benchmark.limited(SUBSET).pairs

    @property
    def unique(self) -> list[str]:
        """The names of the target images, each once."""
        return sorted({pair.target for pair in self.benchmark.pairs})

    def generated(self, pairs: Sequence[Pair]) -> Images:
        """(N, H, W, 3) uint8 generated images."""
        return self._source.images(0, pairs)

    def targets(self, pairs: Sequence[Pair]) -> Images:
        """(N, H, W, 3) uint8 target images, repeats included."""
        return self.real([pair.target for pair in pairs])

    def real(self, names: Sequence[str]) -> Images:
        """(N, H, W, 3) uint8 test images."""
        return np.stack([read_image(self.benchmark.folder / name) for name in names])

    @functools.cached_property
    def train(self) -> Images:
        """(M, H, W, 3) uint8, all training images."""
        return np.stack([read_image(self.benchmark.train_folder / name) for name in self.benchmark.train_images])

    @functools.cached_property
    def _source(self) -> FolderImages:
        return FolderImages(match_folder(self.run / "images", self.benchmark), "warp", self.benchmark)


def extract(feature: str, images: Images) -> Vectors:
    """Extract a feature of each image, or read it from the cache.

    Args:
        feature: id of the feature.
        images: (N, H, W, 3) uint8 RGB.
    """
    spec = features.load(feature).spec
    cache = FeatureCache(spec.identity({name: weights.fetch(name) for name in spec.weights}))
    return _cached(cache, feature, images, lambda: network(feature).extract)


def _cached(
    cache: FeatureCache, title: str, images: Images, network: Callable[[], Callable[[Images], Vectors]]
) -> Vectors:
    rows = []
    with progress_bar(title, len(images), shown=True) as done:
        for image in images:
            digest = pixels_sha256(image)
            row = cache.get(digest)
            if row is None:
                row = network()(image[np.newaxis])[0]
                cache.put(digest, row)
            rows.append(row)
            done(1)
    return np.stack(rows)


@functools.cache
def network(feature: str) -> Any:
    """A vector network on the CPU, created once."""
    made = features.load(feature)("cpu")
    if not isinstance(made, VectorFeature):
        raise TypeError(f"{feature} gives no vectors")
    return made
