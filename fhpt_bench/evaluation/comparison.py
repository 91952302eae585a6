"""Batches of generated images are compared with their targets, by all protocols that compare pairs."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.benchmark import Benchmark, Pair
from fhpt_bench.data.real_images import RealImages
from fhpt_bench.evaluation.accounting import Accounting
from fhpt_bench.evaluation.embedder import Embedder
from fhpt_bench.evaluation.finished import PairResult, Work
from fhpt_bench.evaluation.kept_maps import joined, maps_of_pairs
from fhpt_bench.evaluation.memory import Portions
from fhpt_bench.evaluation.plan import Step
from fhpt_bench.feature import MapFeature
from fhpt_bench.protocol import ImagePairs, PairValues, View

if TYPE_CHECKING:
    from torch import Tensor

Values = dict[str, dict[str, PairResult]]  # protocol fingerprint -> pair id -> result


@dataclass(frozen=True)
class Seen:
    """A batch of B pairs as the protocols of one view see it.

    Args:
        pairs: the pairs.
        images: returns (B, H, W, 3) uint8, what is seen of the generated images; raises what the view raises.
        digests: digests of what is seen.
        view: the view; None for whole images.
    """

    pairs: tuple[Pair, ...]
    images: Callable[[], NDArray[np.uint8]]
    digests: list[str]
    view: View | None

    def part(self, part: slice) -> Seen:
        """A part of the batch."""
        return replace(self, pairs=self.pairs[part], images=lambda: self.images()[part], digests=self.digests[part])


class Comparison:
    """Compares generated images with their targets.

    Args:
        benchmark: the benchmark.
        real: its images.
        embedder: has the networks.
        accounting: records cost and failures.
    """

    def __init__(self, benchmark: Benchmark, real: RealImages, embedder: Embedder, accounting: Accounting) -> None:
        self._benchmark, self._real, self._embedder, self._accounting = benchmark, real, embedder, accounting

    def see(
        self, view: View | None, pairs: tuple[Pair, ...], images: NDArray[np.uint8], digests: Sequence[str]
    ) -> Seen:
        """A batch through a view; the view is asked for the images when they are needed.

        Args:
            view: the view, or None.
            pairs: B pairs.
            images: (B, H, W, 3) uint8, the generated images.
            digests: their digests.
        """
        targets = [pair.target for pair in pairs]
        shown = functools.cache(lambda: self._show(view, images, targets))
        seen = [self.digest(view, *entry) for entry in zip(digests, targets, strict=True)]
        return Seen(pairs, shown, seen, view)

    def digest(self, view: View | None, image_sha256: str, target: str) -> str:
        """The digest of what a view shows of an image.

        Args:
            view: the view, or None.
            image_sha256: digest of the whole image.
            target: name of its target image.
        """
        return image_sha256 if view is None else view.digest(image_sha256, self._benchmark, target)

    def compare(self, todo: Sequence[Step], seen: Seen, portions: Portions) -> Values:
        """Compare a batch all together, or in parts if the memory is too small.

        Args:
            todo: the protocols.
            seen: the batch.
            portions: remembers how large the parts may be.

        Returns:
            The results of the protocols that have not failed.
        """
        values: Values = {}
        for found in portions(lambda part: self._compare(todo, seen.part(part)), len(seen.pairs)):
            for fingerprint, results in found.items():
                values.setdefault(fingerprint, {}).update(results)
        return values

    def _show(self, view: View | None, images: NDArray[np.uint8], targets: Sequence[str]) -> NDArray[np.uint8]:
        return images if view is None else view.show(images, self._benchmark, targets)

    def _compare(self, todo: Sequence[Step], seen: Seen) -> Values:
        unique = sorted({pair.target for pair in seen.pairs})
        position = [unique.index(pair.target) for pair in seen.pairs]
        real, targets = self._real.stack(unique), None
        with self._accounting.guarded(*todo):
            images, targets = seen.images(), self._show(seen.view, real, unique)
        if targets is None:  # the view has just failed
            return {}
        own, of_targets = self._maps(todo, seen.digests, images, targets, self._digests(seen.view, unique), position)
        regions = self._benchmark.regions if any(step.protocol.parsing for step in todo) else None
        located = regions.stack([pair.target for pair in seen.pairs]) if regions is not None else None
        pairs = ImagePairs(images, targets[position], own, of_targets, located)
        values: Values = {}
        for step in todo:
            if step.protocol.card.key in self._accounting.failed:  # its network has just failed
                continue
            count = len(seen.pairs)
            with self._accounting.guarded(step, images=count), self._accounting.timed(step.protocol.card.key, count):
                measured = _checked(step.protocol.compare(pairs), count)
                rows = {
                    metric: list(zip(v.value.tolist(), v.weight.tolist(), v.skipped, strict=True))
                    for metric, v in measured.items()
                }
                values[step.fingerprint] = {
                    pair.id: {metric: row[i] for metric, row in rows.items()} for i, pair in enumerate(seen.pairs)
                }
        return values

    def _digests(self, view: View | None, targets: Sequence[str]) -> list[str]:
        return [self.digest(view, self._real.digests[target], target) for target in targets]

    def _maps(
        self,
        todo: Sequence[Step],
        digests: list[str],
        images: NDArray[np.uint8],
        targets: NDArray[np.uint8],
        of_targets: list[str],
        position: Sequence[int],
    ) -> tuple[dict[str, tuple[Tensor, ...]], dict[str, tuple[Tensor, ...]]]:
        """Feature -> maps of B generated images, and of their targets, whose positions among T targets are given."""
        own: dict[str, tuple[Tensor, ...]] = {}
        of_pairs: dict[str, tuple[Tensor, ...]] = {}
        for name, feature in self._embedder.wanted(MapFeature, todo).items():
            users = [step for step in todo if name in step.features]
            with self._accounting.guarded(*users, images=len(digests)):
                start = time.perf_counter()
                made, known, count = maps_of_pairs(feature, images, digests, targets.__getitem__, of_targets)
                own[name], of_pairs[name] = made, joined(known, [of_targets[i] for i in position])
                self._embedder.summarise(name, functools.partial(tuple, made), digests)
                self._embedder.summarise(name, functools.partial(joined, known, of_targets), of_targets)
                device = self._accounting.device
                work = Work(time.perf_counter() - start, count, count, {device: count} if count else {})
                self._accounting.book(name, work)
        return own, of_pairs


def _checked(measured: Mapping[str, PairValues], count: int) -> Mapping[str, PairValues]:
    """What a protocol's `compare` returned, if it is what its card says."""
    if not isinstance(measured, Mapping) or not all(isinstance(value, PairValues) for value in measured.values()):
        raise TypeError(f"compare returned {type(measured).__name__}, not a mapping of metric to PairValues")
    for metric, values in measured.items():
        if len(values.value) != count:
            raise ValueError(f"compare returned {len(values.value)} values of {metric} for {count} pairs")
    return measured
