"""The protocol interface: what is measured, on what evidence, and what a score must carry."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fhpt_bench.benchmark import Benchmark
from fhpt_bench.errors import UserError, did_you_mean
from fhpt_bench.registry import Registry
from fhpt_bench.score import Evidence, Exhibits, ImagePairs, PairValues, Score, mean_score
from fhpt_bench.statistics import Interval

# All that a protocol's author needs has one home to import from.
__all__ = [
    "Evidence", "Exhibits", "ImagePairs", "Interval", "MetricCard", "PairValues", "PairwiseProtocol", "Protocol",
    "ProtocolCard", "Score", "protocols",
]  # fmt: skip


@dataclass(frozen=True)
class MetricCard:
    """One number that a protocol reports.

    Args:
        name: unique within the protocol; the headline metric bears the protocol's own id, if it is not one of several
            equals.
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
        training_images: whether it compares with the benchmark's training images.
        used_by: which papers or tools have printed this variant; "" where none is known.
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
    training_images: bool = False
    used_by: str = ""

    @property
    def key(self) -> str:
        """`id:variant`, as it is typed and as it names columns."""
        return f"{self.id}:{self.variant}"


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
    used_by: ClassVar[Mapping[str, str]] = {}  # variant -> the papers or tools whose numbers it reproduces
    metrics: tuple[MetricCard, ...]  # of the class, or of a variant where variants report different numbers
    numerics: ClassVar[str] = "numpy float64"
    moved_by: ClassVar[tuple[str, ...]] = ()  # what else changes the number, a phrase each, for whoever reads the card

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

    def lacks(self, benchmark: Benchmark) -> str | None:
        """Why this cannot be measured on a benchmark, with the way out; None where it can.

        Args:
            benchmark: with its settings.
        """
        if self.training_images and not benchmark.train_images:
            return f"The benchmark {benchmark.id} names no training images, or their folder is not here."
        return None

    @property
    def training_images(self) -> bool:
        """Whether this variant compares with the benchmark's training images (`Evidence.vectors(…, "train")`)."""
        return False

    @property
    def card(self) -> ProtocolCard:
        """The card of this variant."""
        return ProtocolCard(
            self.id, self.variant, self.version, self.title, self.variants[self.variant], self.citation,
            self.metrics, self.features, self.weights, self.numerics, self.training_images,
            self.used_by.get(self.variant, ""),
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

    def draw(self, evidence: Evidence, exhibits: Exhibits) -> Mapping[str, bytes]:
        """Draw figures for the run's folder, once there is a score; none by default.

        Args:
            evidence: what `score` was given.
            exhibits: scores of this and of comparable models, and the images.

        Returns:
            Name of each figure -> PNG file.
        """
        return {}


class PairwiseProtocol(Protocol):
    """A protocol whose every metric is the mean over pairs of what `compare` measures."""

    @abc.abstractmethod
    def compare(self, images: ImagePairs) -> Mapping[str, PairValues]:
        """Measure a batch of pairs; see `Protocol.compare`."""

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """The weighted mean of each metric, its interval over people, and what was skipped."""
        return tuple(mean_score(metric.name, evidence, evidence.compared[metric.name]) for metric in self.metrics)


protocols: Registry[type[Protocol]] = Registry("protocol", "fhpt_bench.protocols", "fhpt_bench.protocol:Protocol")
