"""The real side of repeated measurements: images, their features, and the networks, all in memory."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.benchmark import Benchmark, Pair
from fhpt_bench.data.real_images import RealImages
from fhpt_bench.errors import UserError
from fhpt_bench.evaluation.accounting import Accounting
from fhpt_bench.evaluation.embedder import Embedder
from fhpt_bench.evaluation.exchange import from_all, process_group
from fhpt_bench.evaluation.kept_maps import KeptMaps, joined
from fhpt_bench.evaluation.plan import Step, of_real_images
from fhpt_bench.feature import MapFeature, MapSummary, VectorFeature
from fhpt_bench.score import ImagePairs, View

if TYPE_CHECKING:
    from torch import Tensor

_MEMORY = 1 << 30  # bytes of decoded real images, and of maps of targets, that stay in memory


class RealSide:
    """The real images of a benchmark and their features, which each process holds.

    The processes share the work of computing the vectors, which are also kept in the user's cache folder.

    Args:
        benchmark: the benchmark.
        steps: the protocols.
        digests: image name -> digest of its pixels.
        train: the training images; none if no protocol needs them.
        device: "cpu", "cuda" or "cuda:N".
        batch_size: images per batch.
        progress: show a progress bar.

    Attributes:
        images: the real images.
        maps: id -> loaded `MapFeature`.
        embedders: id -> loaded `VectorFeature`, without those in `summaries`.
        summaries: id -> `MapSummary` that follows from one of `maps`.

    Raises:
        UserError: if the network of a protocol fails.
    """

    def __init__(
        self,
        benchmark: Benchmark,
        steps: Sequence[Step],
        digests: dict[str, str],
        train: RealImages,
        device: str,
        batch_size: int,
        progress: bool,
    ) -> None:
        self._benchmark = benchmark
        height, width = benchmark.image_size
        kept = _MEMORY // (height * width * 3)
        self.images, self._train = RealImages(benchmark.folder, benchmark.image_size, digests, kept), train
        self._target_maps = KeptMaps(_MEMORY)
        count, _ = process_group()
        accounting = Accounting(steps, main=True, device=device)
        embedder = Embedder(steps, device, accounting, count)
        try:
            digests_seen = [
                digest
                for images in (self.images, train)
                for digest in _embed(
                    embedder, images, of_real_images(accounting.steps(images is train), benchmark), batch_size
                )
            ]
            embedder.finish(progress)
        finally:
            embedder.close()
        self.maps = embedder.wanted(MapFeature, steps)
        plugins = {name: plugin for step in steps for name, plugin in step.features.items()}
        self.summaries = {
            name: plugin
            for name, plugin in plugins.items()
            if issubclass(plugin, MapSummary) and plugin.maps.spec.id in self.maps
        }
        # Not loaded: networks whose maps another feature has anyway.
        others = [step for step in steps if set(step.features) - set(self.summaries)]
        loaded = embedder.wanted(VectorFeature, others)
        self.embedders = {name: feature for name, feature in loaded.items() if name not in self.summaries}
        names = [name for name, plugin in plugins.items() if issubclass(plugin, VectorFeature)]
        mine = {(name, digest): embedder.vector(name, digest) for name in names for digest in digests_seen}
        parts = from_all((mine, accounting.failed))
        for _, failed in parts:
            for key, reason in failed.items():
                raise UserError(f"{key} cannot be measured here: leave it out. {reason}")
        self._vectors = {key: vector for part, _ in parts for key, vector in part.items() if vector is not None}

    def vectors(self, feature: str, role: str, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """Vectors of real images.

        Args:
            feature: id of the feature.
            role: "source" or "target" for an image of each pair, "train" for each training image.
            pairs: n pairs.

        Returns:
            (n, ...), or one row per training image.
        """
        if role == "train":
            digests = list(self._train.digests.values())
        else:
            digests = [self.images.digests[pair.source if role == "source" else pair.target] for pair in pairs]
        return np.stack([self._vectors[feature, digest] for digest in digests])

    def seen(
        self, view: View | None, steps: Sequence[Step], images: NDArray[np.uint8], targets: Sequence[str]
    ) -> tuple[ImagePairs, dict[str, NDArray[np.float32]]]:
        """A batch of generated images as protocols see it.

        Args:
            view: what they see, or None for whole images.
            steps: the protocols.
            images: (B, H, W, 3) uint8, the generated images.
            targets: names of their B targets.

        Returns:
            The pairs with the maps that the protocols use, and id -> (B, ...) vectors of the generated images.
        """
        real = self.images.stack(targets)
        if view is not None:
            images, real = (view.show(whole, self._benchmark, targets) for whole in (images, real))
        used = {name for step in steps for name in step.features}
        summaries = {name: kind for name, kind in self.summaries.items() if name in used}
        of_summaries = {kind.maps.spec.id for kind in summaries.values()}
        maps = {name: found.extract(images) for name, found in self.maps.items() if name in used | of_summaries}
        target_maps = {
            name: self.target_maps(name, targets) if view is None else self.maps[name].extract(real)
            for name in maps
            if name in used
        }
        vectors = {name: found.extract(images) for name, found in self.embedders.items() if name in used}
        vectors |= {name: kind.summary(maps[kind.maps.spec.id]) for name, kind in summaries.items()}
        regions = self._benchmark.regions if any(step.protocol.parsing for step in steps) else None
        located = regions.stack(targets) if regions is not None else None
        return ImagePairs(images, real, maps, target_maps, located), vectors

    def target_maps(self, feature: str, targets: Sequence[str]) -> tuple[Tensor, ...]:
        """Maps of target images, which stay in memory as long as there is room.

        Args:
            feature: id of a feature of `maps`.
            targets: names of B images.

        Returns:
            Maps of (B, C, h, w).
        """
        digests = [self.images.digests[name] for name in targets]
        found, _ = self._target_maps.add(
            self.maps[feature], digests, lambda places: self.images.stack([targets[place] for place in places])
        )
        return joined(found, digests)


def _embed(embedder: Embedder, images: RealImages, steps: Sequence[Step], batch_size: int) -> list[str]:
    """Compute the vectors of this process's part of the whole images; returns their digests."""
    count, rank = process_group()
    names = list(images.digests)[rank::count] if embedder.embeds(steps) else []
    for i in range(0, len(names), batch_size):
        chunk = names[i : i + batch_size]
        embedder.embed(functools.partial(images.stack, chunk), [images.digests[name] for name in chunk], steps)
    return [images.digests[name] for name in names]
