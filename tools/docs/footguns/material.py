"""What the traps are measured on: images that a run has left behind, the real ones, and what networks say of them."""

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
    """Generated images of all pairs, and the benchmark that they belong to.

    Args:
        benchmark: with all pairs, sorted by target.
        run: the folder of a run of it.
    """

    benchmark: Benchmark
    run: Path

    @classmethod
    def of(cls, run: Path, name: str) -> Material:
        """Of a run's folder and the name or TOML file of its benchmark; training images are `train/`, if not named."""
        loaded = load_benchmark(name)
        if not loaded.train_images:
            folder = loaded.folder.parent / "train"
            loaded = replace(loaded, train_folder=folder, train_images=read_image_list(folder.with_suffix(".lst")))
        return cls(loaded, run)

    @property
    def few(self) -> tuple[Pair, ...]:
        """The 100 pairs that most tables are of, spread over the people as `--limit 100` does."""
        return self.benchmark.limited(SUBSET).pairs

    @property
    def unique(self) -> list[str]:
        """The target images, each once."""
        return sorted({pair.target for pair in self.benchmark.pairs})

    def generated(self, pairs: Sequence[Pair]) -> Images:
        """(N, H, W, 3) uint8."""
        return self._source.images(0, pairs)

    def targets(self, pairs: Sequence[Pair]) -> Images:
        """(N, H, W, 3) uint8, repeats included."""
        return self.real([pair.target for pair in pairs])

    def real(self, names: Sequence[str]) -> Images:
        """(N, H, W, 3) uint8 of test images."""
        return np.stack([read_image(self.benchmark.folder / name) for name in names])

    @functools.cached_property
    def train(self) -> Images:
        """(M, H, W, 3) uint8 of all training images."""
        return np.stack([read_image(self.benchmark.train_folder / name) for name in self.benchmark.train_images])

    @functools.cached_property
    def _source(self) -> FolderImages:
        return FolderImages(match_folder(self.run / "images", self.benchmark), "warp", self.benchmark)


def look(feature: str, images: Images) -> Vectors:
    """What a network says of each image, from the cache where it has been asked before.

    Args:
        feature: its id.
        images: (N, H, W, 3) uint8 RGB.
    """
    spec = features.load(feature).spec
    cache = FeatureCache(spec.identity({name: weights.fetch(name) for name in spec.weights}))
    return _kept(cache, feature, images, lambda: network(feature).extract)


def _kept(
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
    """A vector network on the CPU, made once."""
    made = features.load(feature)("cpu")
    if not isinstance(made, VectorFeature):
        raise TypeError(f"{feature} gives no vectors")
    return made
