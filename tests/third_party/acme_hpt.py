"""A third party's plugin: a model, a feature, and a protocol of the whole set that uses the feature."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from fhpt_bench.feature import FeatureSpec, VectorFeature
from fhpt_bench.model import Generator, ModelCard, PairBatch
from fhpt_bench.protocol import Evidence, MetricCard, Protocol, Score


class Mirror(Generator):
    """The source image, mirrored."""

    card = ModelCard("acme-mirror", "the source image, mirrored")

    def generate(self, batch: PairBatch) -> Tensor:
        return batch.source.flip(3)


class Slow(Mirror):
    """Slow, so that a test can kill a run before it ends."""

    card = ModelCard("slow", "the source image, mirrored slowly")

    def generate(self, batch: PairBatch) -> Tensor:
        time.sleep(0.3)
        return super().generate(batch)


class MeanColour(VectorFeature):
    """The mean of each channel, as a feature without a network."""

    spec = FeatureSpec("acme-mean-colour", 1, (), "uint8 mean over pixels", backend="numpy")

    def __init__(self, device: str) -> None:
        self.forwards: list[int] = []

    def extract(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return images.mean((1, 2), dtype=np.float64).astype(np.float32)


class FrechetColour(Protocol):
    """Fréchet distance between Gaussians fitted to the mean colours, channels taken as independent."""

    id = "acme-colour"
    title = "Fréchet distance of mean colours"
    citation = "none"
    variants: ClassVar[Mapping[str, str]] = {"canonical": "generated images against the unique targets"}
    metrics = (MetricCard("acme-colour", "FD(colour)", False, range=(0.0, np.inf), per_pair=False),)

    @property
    def features(self) -> tuple[str, ...]:
        return ("acme-mean-colour",)

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        generated = evidence.vectors("acme-mean-colour", "generated").astype(float)
        real = evidence.vectors("acme-mean-colour", "target").astype(float)[evidence.unique_targets()]
        means = ((generated.mean(0) - real.mean(0)) ** 2).sum()
        spreads = ((generated.std(0) - real.std(0)) ** 2).sum()
        return (Score("acme-colour", float(means + spreads), n=len(generated), details={"n_real": len(real)}),)


class FrechetColourHere(FrechetColour):
    """The same protocol with its feature given by path, so that no installation is needed."""

    id = "colour-here"
    metrics = (MetricCard("colour-here", "FD(colour)", False, range=(0.0, np.inf), per_pair=False),)

    @property
    def features(self) -> tuple[str, ...]:
        return (f"{__file__}:MeanColour",)

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        name = self.features[0]
        generated = evidence.vectors(name, "generated").astype(float)
        real = evidence.vectors(name, "target").astype(float)[evidence.unique_targets()]
        value = ((generated.mean(0) - real.mean(0)) ** 2).sum() + ((generated.std(0) - real.std(0)) ** 2).sum()
        return (Score("colour-here", float(value), n=len(generated), details={"n_real": len(real)}),)
