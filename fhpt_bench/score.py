"""What protocols receive and return: evidence, values by pair, scores."""

from __future__ import annotations

import abc
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fhpt_bench.benchmark import Benchmark, Pair
from fhpt_bench.feature import SuppliedFeature
from fhpt_bench.files import sha256_bytes, sha256_json
from fhpt_bench.statistics import Interval, cluster_bootstrap, weighted_mean

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray
    from torch import Tensor


@dataclass(frozen=True)
class Score:
    """One metric's value on one set of pairs.

    Args:
        metric: a name on the protocol's card.
        value: None if no pair could be measured (never NaN).
        n: the number of pairs (or images) that the value is computed from.
        per_pair: index = pair id; columns value (NaN if skipped), weight, skipped (reason or ""); None for a
            metric of the whole set.
        interval: None if it cannot be computed (fewer than 10 people).
        skipped: reason -> number of pairs that were left out.
        details: further results, JSON values only.
    """

    metric: str
    value: float | None
    n: int
    per_pair: pd.DataFrame | None = None
    interval: Interval | None = None
    skipped: Mapping[str, int] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PairValues:
    """A metric's values on B pairs.

    Args:
        value: (B,) float64, NaN if a pair is skipped.
        weight: (B,) float64; a mean is sum(weight * value) / sum(weight), so that ratios can be resampled.
        skipped: B reasons, "" if the pair counts.

    Raises:
        ValueError: if they are not lists of one length, a value or weight that counts is not finite, or a weight is
            negative.
    """

    value: NDArray[np.float64]
    weight: NDArray[np.float64]
    skipped: tuple[str, ...]

    def __post_init__(self) -> None:
        if not np.shape(self.value) == np.shape(self.weight) == (len(self.skipped),):
            shapes = f"{np.shape(self.value)}, {np.shape(self.weight)} and ({len(self.skipped)},)"
            raise ValueError(f"values, weights and reasons have the shapes {shapes}, not one number for each pair")
        counts = np.array([not reason for reason in self.skipped], bool)
        if not np.isfinite(self.value[counts]).all():
            raise ValueError("a pair that is not skipped has a value that is not finite")
        if not (np.isfinite(self.weight) & (self.weight >= 0)).all():
            raise ValueError("a weight is negative or not finite")

    @classmethod
    def of(cls, value: NDArray[np.float64], skipped: Sequence[str] | None = None) -> PairValues:
        """Values with equal weights.

        Examples:
            >>> PairValues.of(np.array([0.5, np.nan]), ["", "identical"]).weight.tolist()
            [1.0, 1.0]
        """
        return cls(value.astype(np.float64), np.ones(len(value)), tuple(skipped or [""] * len(value)))


class View(abc.ABC):
    """What a protocol sees of images in place of the whole ones, such as the person without the background.

    It depends on the pair's target, and is the same for the generated image and the target image of a pair.
    """

    id: ClassVar[str]  # part of the cache keys of features: it changes with what the view does

    @abc.abstractmethod
    def show(self, images: NDArray[np.uint8], benchmark: Benchmark, targets: Sequence[str]) -> NDArray[np.uint8]:
        """What is seen.

        Args:
            images: (B, H, W, 3) uint8 RGB.
            benchmark: the benchmark, for what it knows of the targets.
            targets: name of the target image of each.

        Returns:
            (B, h, w, 3) uint8 RGB.
        """

    @abc.abstractmethod
    def basis(self, benchmark: Benchmark, target: str) -> bytes:
        """Everything of a target that the view depends on."""

    def digest(self, image_sha256: str, benchmark: Benchmark, target: str) -> str:
        """A digest of what is seen of an image.

        Args:
            image_sha256: digest of the whole image's pixels.
            benchmark: the benchmark.
            target: name of the target image.
        """
        return sha256_json([image_sha256, self.id, sha256_bytes(self.basis(benchmark, target))])


@dataclass(frozen=True)
class ImagePairs:
    """B generated images and their targets, as a per-pair protocol receives them.

    Args:
        generated: (B, H, W, 3) uint8 RGB.
        target: (B, H, W, 3) uint8 RGB, the real target images.
        generated_maps: feature id -> maps of (B, C, h, w), for the `MapFeature`s that the protocol declares.
        target_maps: the same for the targets.
        regions: (B, H, W) uint8, the region of each pixel of the targets (`fhpt_bench.data.parsing_maps.REGIONS`), for
            protocols that say `parsing`.
    """

    generated: NDArray[np.uint8]
    target: NDArray[np.uint8]
    generated_maps: Mapping[str, tuple[Tensor, ...]] = field(default_factory=dict)
    target_maps: Mapping[str, tuple[Tensor, ...]] = field(default_factory=dict)
    regions: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Evidence:
    """Everything that a run has computed for its pairs, in the order of the pairs.

    Args:
        benchmark: the benchmark with its pairs, poses and ground truth.
        compared: metric -> values on the n pairs, from the protocol's own `compare`.
        vectors: (feature id, role) -> (n, ...) float32 with one row per pair; role "generated", "source" or "target".
            A protocol with `training_images` may also ask for "train": one row per training image, in the list's order.
            A protocol with a `view` may ask for "generated" only, which are then the vectors of what it sees.
        supplied: feature id -> the values that the user supplies, which `vectors` returns in place of the network's.
        device: the device of the run, "cpu" or "cuda"; "cuda:N" in a training.
    """

    benchmark: Benchmark
    compared: Mapping[str, PairValues]
    vectors: Callable[[str, str], NDArray[np.float32]]
    supplied: Mapping[str, SuppliedFeature] = field(default_factory=dict)
    device: str = "cpu"

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The n pairs."""
        return self.benchmark.pairs

    @property
    def people(self) -> NDArray[np.str_]:
        """(n,) the person of each pair; intervals resample people."""
        return np.array([pair.person for pair in self.pairs])

    def unique_targets(self) -> NDArray[np.intp]:
        """Positions of the first pair of each target image, for metrics that must not count a target twice."""
        return np.unique([pair.target for pair in self.pairs], return_index=True)[1]


@dataclass(frozen=True)
class Exhibits:
    """What a protocol's figures may show in addition to its evidence.

    Args:
        scores: model -> metric -> its score by this protocol, if it has a value: the run's own model first, then the
            models of records in neighbouring folders with the same fingerprint, since no others are comparable.
        generated: pairs -> (N, H, W, 3) uint8 generated images.
        real: names -> (N, H, W, 3) uint8 images of the benchmark.
    """

    scores: Mapping[str, Mapping[str, Score]]
    generated: Callable[[Sequence[Pair]], NDArray[np.uint8]]
    real: Callable[[Sequence[str]], NDArray[np.uint8]]


def mean_score(metric: str, evidence: Evidence, values: PairValues) -> Score:
    """The score of a metric that is a (weighted) mean over pairs.

    Args:
        metric: its name on the card.
        evidence: the evidence, which names the pairs and people.
        values: one value per pair; pairs with a reason are left out and counted.

    Returns:
        Value, n, interval over people, skipped by reason, and the per-pair table.
    """
    import pandas as pd

    counts = np.array([not reason for reason in values.skipped], bool)
    value, weight = values.value[counts], values.weight[counts]
    return Score(
        metric=metric,
        value=weighted_mean(value, weight),
        n=int(counts.sum()),
        per_pair=pd.DataFrame(
            {"value": values.value, "weight": values.weight, "skipped": list(values.skipped)},
            index=pd.Index([pair.id for pair in evidence.pairs], name="pair"),
        ),
        interval=cluster_bootstrap(value, weight, evidence.people[counts]),
        skipped=dict(sorted(Counter(reason for reason in values.skipped if reason).items())),
    )
