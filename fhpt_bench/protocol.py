"""The protocol interface: what is measured, from which evidence, and what a score contains."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fhpt_bench.benchmark import Benchmark
from fhpt_bench.errors import UserError, did_you_mean
from fhpt_bench.feature import Feature, features
from fhpt_bench.registry import Registry
from fhpt_bench.score import Evidence, Exhibits, ImagePairs, PairValues, Score, View, mean_score
from fhpt_bench.statistics import Interval

# Everything that a protocol's author needs can be imported from here.
__all__ = [
    "Evidence", "Exhibits", "ImagePairs", "Interval", "MetricCard", "PairValues", "PairwiseProtocol", "Protocol",
    "ProtocolCard", "Score", "View", "protocols",
]  # fmt: skip


@dataclass(frozen=True)
class MetricCard:
    """One number that a protocol reports.

    Args:
        name: unique within the protocol; the headline metric has the protocol's own id as its name, unless the protocol
            has several headline metrics.
        label: the name in tables.
        higher_is_better: the direction.
        unit: "" for a number without a unit.
        range: lowest and highest possible value, inclusive; infinite if unbounded.
        real: the value of real images, if it follows from the definition, else None.
        per_pair: whether the number is a weighted mean of values by pair, with the interval of `cluster_bootstrap`;
            False for one number of the whole set, such as a Fréchet distance.
        decimals: the most decimals that tables print, because further ones differ between CPUs; None: four significant
            digits hold (docs/precision.md).
    """

    name: str
    label: str
    higher_is_better: bool
    unit: str = ""
    range: tuple[float, float] = (-np.inf, np.inf)
    real: float | None = None
    per_pair: bool = True
    decimals: int | None = None


@dataclass(frozen=True)
class ProtocolCard:
    """What one variant of a protocol computes.

    Args:
        id: the name under which it is registered.
        variant: the name of the variant.
        version: raised by any change that can move a number.
        title: what it measures, in a phrase.
        definition: exactly what this variant computes.
        citation: the source of the definition.
        metrics: the numbers that it reports.
        features: ids of the features that it uses.
        weights: names of pinned weights that it uses itself, in addition to those of its features.
        numerics: numeric library and dtype of its own arithmetic, without the device.
        training_images: whether it compares with the benchmark's training images.
        used_by: which papers or tools have printed this variant; "" if none is known.
        group: "perceptual", "structural", "semantic" or "other": where tables show it.
        headlines: names of the metrics that short tables show.
        landmarks: whether it uses the benchmark's keypoints of face and hands.
        parsing: whether it uses parsing maps of the target images.
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
    group: str = "other"
    headlines: tuple[str, ...] = ()
    landmarks: bool = False
    parsing: bool = False

    @property
    def key(self) -> str:
        """`id:variant`, as on the command line and in column names."""
        return f"{self.id}:{self.variant}"


class Protocol(abc.ABC):
    """A measurement, created with the name of a variant; the first variant is the default.

    Args:
        variant: a key of `variants`, or None for the first.

    Raises:
        UserError: if there is no such variant.
    """

    id: ClassVar[str]
    version: ClassVar[int] = 1
    versions: ClassVar[Mapping[str, int]] = {}  # variant -> its version, if it was raised alone
    title: ClassVar[str]
    citation: ClassVar[str]
    group: ClassVar[str] = "other"  # "perceptual", "structural" or "semantic": where tables show it
    variants: ClassVar[Mapping[str, str]]
    used_by: ClassVar[Mapping[str, str]] = {}  # variant -> the papers or tools whose numbers it reproduces
    metrics: tuple[MetricCard, ...]  # of the class, or of a variant if variants report different numbers
    headlines: ClassVar[tuple[str, ...]] = ()  # metrics that short tables show; default: the first
    numerics: ClassVar[str] = "numpy float64"
    landmarks: ClassVar[bool] = False  # whether it uses the benchmark's keypoints of face and hands
    parsing: ClassVar[bool] = False  # whether it uses parsing maps of the target images (`ImagePairs.regions`)
    moved_by: ClassVar[tuple[str, ...]] = ()  # what else changes the number, one phrase each, shown on the card
    at_other_sizes: ClassVar[str] = ""  # what happens at other image sizes than 256x176, shown on the card
    view: ClassVar[View | None] = None  # what it sees of the generated and the target images, if not all of them
    sees_pose: ClassVar[bool] = True  # False if a copy of the source image can have a good score
    beside_gpu: ClassVar[bool] = False  # whether `compare` uses no maps and no torch: then a thread may call it
    depends_on_set: ClassVar[bool] = False  # whether a pair's value depends on the other pairs, as in a gallery

    def __init__(self, variant: str | None = None) -> None:
        self.variant = variant if variant is not None else next(iter(self.variants))
        if self.variant not in self.variants:
            raise UserError(
                f"Protocol {self.id} has no variant {variant!r}: {did_you_mean(self.variant, self.variants)}"
            )

    @property
    def features(self) -> tuple[str, ...]:
        """Ids of the features that this variant uses."""
        return ()

    @property
    def weights(self) -> tuple[str, ...]:
        """Names of pinned weights that this variant uses itself, in addition to those of its features."""
        return ()

    def feature_class(self, name: str) -> type[Feature]:
        """The class of one of `features`: by default the registered one.

        Args:
            name: id of the feature.

        Raises:
            UserError: if it is not installed, or broken.
        """
        return features.load(name)

    def features_of_real(self, benchmark: Benchmark) -> tuple[str, ...]:
        """Ids of those of `features` whose vectors of real images `score` asks for; by default all.

        Args:
            benchmark: the benchmark, whose ground truth may make some of them needless.
        """
        return self.features

    def wrong_file(self) -> str | None:
        """What is wrong with a file that the user names for this variant, with the way out; None if nothing is."""
        return None

    def lacks(self, benchmark: Benchmark) -> str | None:
        """Why this protocol cannot run on a benchmark, with the way out; None if it can.

        Args:
            benchmark: the benchmark.
        """
        if self.training_images and not benchmark.train_images:
            return f"The benchmark {benchmark.id} names no training images, or their folder is missing."
        if self.parsing and benchmark.regions is None:
            return (
                f"The benchmark {benchmark.id} has no parsing maps: give those of its target images with --parsing, or "
                "name a table in its file (parsing)."
            )
        return None

    @property
    def training_images(self) -> bool:
        """Whether this variant compares with the benchmark's training images (`Evidence.vectors(…, "train")`)."""
        return False

    @property
    def card(self) -> ProtocolCard:
        """The card of this variant."""
        return ProtocolCard(
            self.id, self.variant, self.versions.get(self.variant, self.version), self.title,
            self.variants[self.variant], self.citation, self.metrics, self.features, self.weights, self.numerics,
            self.training_images, self.used_by.get(self.variant, ""), self.group,
            self.headlines or (self.metrics[0].name,), self.landmarks, self.parsing,
        )  # fmt: skip

    def compare(self, images: ImagePairs) -> Mapping[str, PairValues]:
        """Measure a batch of pairs while its images are in memory; by default nothing.

        Args:
            images: B pairs.

        Returns:
            Metric name -> B values.
        """
        return {}

    @abc.abstractmethod
    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """Turn the evidence of all pairs into scores, one per metric.

        Args:
            evidence: the evidence of n pairs.
        """

    def draw(self, evidence: Evidence, exhibits: Exhibits) -> Mapping[str, bytes]:
        """Draw figures for the run's folder, after scoring; by default none.

        Args:
            evidence: the evidence that `score` received.
            exhibits: scores of this and of comparable models, and the images.

        Returns:
            Name of each figure -> bytes of a PNG file.
        """
        return {}


class PairwiseProtocol(Protocol):
    """A protocol whose metrics are all means over pairs of what `compare` returns."""

    @abc.abstractmethod
    def compare(self, images: ImagePairs) -> Mapping[str, PairValues]:
        """Measure a batch of pairs; see `Protocol.compare`."""

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """The weighted mean of each metric, its interval over people, and the skipped pairs."""
        return tuple(mean_score(metric.name, evidence, evidence.compared[metric.name]) for metric in self.metrics)


def _contract(kind: type[Protocol]) -> str | None:
    """What a protocol lacks: texts, variants, or cards that fit."""
    for name in ("id", "title", "citation"):
        if not isinstance(getattr(kind, name, None), str):
            return f"it has no text {name!r}: set it on the class"
    if not isinstance(variants := getattr(kind, "variants", None), Mapping) or not variants:
        return 'it has no variants: add variants = {"canonical": "what it computes"}'
    if not isinstance(kind.version, int):
        return f"its version is {kind.version!r}, not a whole number"
    for variant, version in kind.versions.items():
        if variant not in kind.variants:
            return f"its versions name {variant!r}, which is not one of its variants"
        if not isinstance(version, int) or version <= kind.version:
            return f"the version of its variant {variant!r} is {version!r}, not a whole number above {kind.version}"
    for variant in kind.variants:
        metrics = getattr(kind(variant), "metrics", None)
        if not isinstance(metrics, tuple) or not metrics or not all(isinstance(m, MetricCard) for m in metrics):
            return f"the metrics of its variant {variant!r} are not a tuple of MetricCard, with a comma if it is one"
        names = [metric.name for metric in metrics]
        if len(set(names)) < len(names):
            return f"its variant {variant!r} has two metrics with one name"
        if any(not metric.range[0] < metric.range[1] for metric in metrics):
            return f"a metric of its variant {variant!r} has an empty range"
        if unknown := set(kind(variant).card.headlines) - set(names):
            return f"its headline {min(unknown)!r} is not a metric of its variant {variant!r}"
    return None


protocols: Registry[type[Protocol]] = Registry(
    "protocol", "fhpt_bench.protocols", "fhpt_bench.protocol:Protocol", _contract
)
