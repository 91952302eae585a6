"""What images retrieve from the source images of a benchmark, for figures of any kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.benchmark import Benchmark, Pair
from fhpt_bench.data.images import read_image
from fhpt_bench.evaluation.feature_cache import CachedFeature
from fhpt_bench.progress import progress_bar
from protocols.semantic.retrieval import Retrieval

DEPTH = 10


@dataclass(frozen=True)
class Retrieved:
    """What one image retrieved.

    Args:
        names: the source images, the most similar first.
        right: whether each is an image of the query's item.
        total: the number of images of the item in the gallery.
    """

    names: tuple[str, ...]
    right: tuple[bool, ...]
    total: int


class Gallery:
    """The source images of a benchmark, with their features.

    Args:
        protocol: a variant of retrieval.
        benchmark: the benchmark.
        progress: show a progress bar; after a run here, all features are in the cache.

    Raises:
        WeightsMissing: if the weights of the network are not here.
        UserError: if an image cannot be read.
    """

    def __init__(self, protocol: Retrieval, benchmark: Benchmark, progress: bool = False) -> None:
        self._protocol, self._benchmark = protocol, benchmark
        (name,) = protocol.features
        self._feature = CachedFeature(name, "cpu")
        sources = [pair.source for pair in benchmark.pairs]
        self.unique = sorted(set(sources))
        vectors = {}
        with progress_bar(f"{name} of the gallery", len(self.unique), progress) as done:
            for image in self.unique:
                vectors[image] = self._feature(read_image(benchmark.folder / image, benchmark.image_size))
                done(1)
        self._sources = np.stack([vectors[image] for image in sources])

    def rank(self, pairs: Sequence[Pair], queries: Sequence[NDArray[np.uint8]]) -> list[Retrieved]:
        """Rank the source images for images.

        Args:
            pairs: the pair of each query.
            queries: (H, W, 3) uint8 each.
        """
        features = np.stack([self._feature(query) for query in queries])
        names, found = self._protocol.rank(self._benchmark, pairs, features, self._sources)
        results = []
        for ranked, right, total in zip(found.ranked, found.relevant, found.total, strict=True):
            places = [place for place in ranked.tolist() if place >= 0][:DEPTH]
            results.append(Retrieved(tuple(names[places].tolist()), tuple(right.tolist()[: len(places)]), int(total)))
        return results
