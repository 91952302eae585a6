"""The protocol interface: what is measured, on what evidence, and what a score must carry."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fhpt_bench.errors import UserError, did_you_mean
from fhpt_bench.registry import Registry

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray
    from torch import Tensor

    from fhpt_bench.benchmark import Pair


@dataclass(frozen=True)
class MetricCard:
    """One number that a protocol reports.

    Args:
        name: unique within the protocol; the headline metric bears the protocol's own id.
        label: the name in tables.
        higher_is_better: the direction.
        unit: "" for a pure number.
        range: lowest and highest value possible, inclusive; infinities where unbounded.
        real: the value that real images get where that follows from the definition, else None.
    """

    name: str
    label: str
    higher_is_better: bool
    unit: str = ""
    range: tuple[float, float] = (-np.inf, np.inf)
    real: float | None = None


@dataclass(frozen=True)
class ProtocolCard:
    """What a protocol computes, in words and in settings.

    Args:
        id: the name under which it is registered.
        variant: which of its definitions.
        version: raised by any change that can move a number.
        title: what it is, in a phrase.
        definition: exactly what this variant computes.
        citation: where it comes from.
        metrics: what it reports; the first is the headline.
        features: ids of the features it looks through.
        weights: names of pinned weights of its own, beside those of its features.
        numerics: numeric library and dtype of its own arithmetic, without the device.
    """

    id: str
    variant: str
    version: int
    title: str
    definition: str
    citation: str
    metrics: tuple[MetricCard, ...]
    features: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    numerics: str = "numpy float64"

    @property
    def key(self) -> str:
        """`id:variant`, as it is typed and as it names columns."""
        return f"{self.id}:{self.variant}"


@dataclass(frozen=True)
class Interval:
    """A 95 % interval and the method that made it."""

    low: float
    high: float
    method: str


@dataclass(frozen=True)
class Score:
    """One metric's value on one set of pairs.

    Args:
        metric: a name on the protocol's card.
        value: None where no pair could be measured (never NaN).
        n: how many pairs (or images) the value rests on.
        per_pair: index = pair id; columns value (NaN where skipped), weight, skipped (reason or ""); None for a
            metric of the whole set.
        interval: None where it cannot be had (fewer than 10 people).
        skipped: how many pairs were left out, by reason.
        details: anything else worth keeping, JSON values only.
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
        value: (B,) float64, NaN where a pair is skipped.
        weight: (B,) float64; a mean is sum(weight * value) / sum(weight), so that ratios can be resampled.
        skipped: B reasons, "" where the pair counts.

    Raises:
        ValueError: where lengths differ, or a value that counts is not finite.
    """

    value: NDArray[np.float64]
    weight: NDArray[np.float64]
    skipped: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.value) == len(self.weight) == len(self.skipped):
            raise ValueError("values, weights and reasons differ in length")
        counts = np.array([not reason for reason in self.skipped], bool)
        if not np.isfinite(self.value[counts]).all():
            raise ValueError("a pair that is not skipped has a value that is not finite")

    @classmethod
    def of(cls, value: NDArray[np.float64], skipped: Sequence[str] | None = None) -> PairValues:
        """Values of equal weight.

        Examples:
            >>> PairValues.of(np.array([0.5, np.nan]), ["", "identical"]).weight.tolist()
            [1.0, 1.0]
        """
        return cls(value.astype(np.float64), np.ones(len(value)), tuple(skipped or [""] * len(value)))


@dataclass(frozen=True)
class ImagePairs:
    """B generated images beside their targets, as a per-pair protocol sees them.

    Args:
        generated: (B, H, W, 3) uint8 RGB.
        target: the same of the real target images.
        generated_maps: feature id -> maps of (B, C, h, w), for the `MapFeature`s that the protocol declares.
        target_maps: the same of the targets.
    """

    generated: NDArray[np.uint8]
    target: NDArray[np.uint8]
    generated_maps: Mapping[str, tuple[Tensor, ...]] = field(default_factory=dict)
    target_maps: Mapping[str, tuple[Tensor, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """Everything that was gathered on a run's pairs, in the order of the pairs.

    Args:
        pairs: the n pairs.
        compared: metric -> values on the n pairs, from the protocol's own `compare`.
        vectors: (feature id, role) -> (n, ...) float32, role "generated", "source" or "target"; repeats included.
    """

    pairs: tuple[Pair, ...]
    compared: Mapping[str, PairValues]
    vectors: Callable[[str, str], NDArray[np.float32]]

    @property
    def people(self) -> NDArray[np.str_]:
        """(n,) the person of each pair: what intervals are resampled over."""
        return np.array([pair.person for pair in self.pairs])

    def unique_targets(self) -> NDArray[np.intp]:
        """Positions of the first pair of each target image, for metrics in which repeats would count."""
        return np.unique([pair.target for pair in self.pairs], return_index=True)[1]


class Protocol(abc.ABC):
    """A measurement. Made with a variant's name; the first variant is the default.

    Args:
        variant: a key of `variants`, or None for the first.

    Raises:
        UserError: where there is no such variant.
    """

    id: ClassVar[str]
    version: ClassVar[int] = 1
    title: ClassVar[str]
    citation: ClassVar[str]
    variants: ClassVar[Mapping[str, str]]
    metrics: ClassVar[tuple[MetricCard, ...]]
    numerics: ClassVar[str] = "numpy float64"

    def __init__(self, variant: str | None = None) -> None:
        self.variant = variant if variant is not None else next(iter(self.variants))
        if self.variant not in self.variants:
            raise UserError(
                f"Protocol {self.id} has no variant {variant!r}: {did_you_mean(self.variant, self.variants)}"
            )

    @property
    def features(self) -> tuple[str, ...]:
        """Ids of the features that this variant looks through."""
        return ()

    @property
    def weights(self) -> tuple[str, ...]:
        """Names of pinned weights that this variant uses itself, beside those of its features."""
        return ()

    @property
    def card(self) -> ProtocolCard:
        """The card of this variant."""
        return ProtocolCard(
            self.id, self.variant, self.version, self.title, self.variants[self.variant], self.citation,
            self.metrics, self.features, self.weights, self.numerics,
        )  # fmt: skip

    def compare(self, images: ImagePairs) -> Mapping[str, PairValues]:
        """Measure a batch of pairs while its images are at hand; nothing by default.

        Args:
            images: B pairs.

        Returns:
            Metric name -> B values.
        """
        return {}

    @abc.abstractmethod
    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """Turn the evidence of all pairs into scores, one a metric.

        Args:
            evidence: of n pairs.
        """


class PairwiseProtocol(Protocol):
    """A protocol whose every metric is the mean over pairs of what `compare` measures."""

    @abc.abstractmethod
    def compare(self, images: ImagePairs) -> Mapping[str, PairValues]:
        """Measure a batch of pairs; see `Protocol.compare`."""

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """The weighted mean of each metric, its interval over people, and what was skipped."""
        from fhpt_bench.statistics import mean_score

        return tuple(mean_score(metric.name, evidence, evidence.compared[metric.name]) for metric in self.metrics)


protocols: Registry[type[Protocol]] = Registry("protocol", "fhpt_bench.protocols", "fhpt_bench.protocol:Protocol")
