"""The Fréchet distance and the kernel distance on the vectors of any encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.encoder_protocol import EncoderProtocol
from fhpt_bench.protocol import Evidence, MetricCard
from protocols.perceptual.embedding import Embedding, Role
from protocols.perceptual.frechet import FrechetChoice, FrechetProtocol
from protocols.perceptual.kernel import KernelProtocol


@dataclass(frozen=True)
class _Vectors(Embedding):
    """A feature whose rows are used as they are."""

    pooled: int = 0

    def features(self, evidence: Evidence, role: Role) -> NDArray[np.float32]:
        """(n, D) vectors of a run's images."""
        return evidence.vectors(self.feature, role)


class FD(EncoderProtocol, FrechetProtocol):
    """The Fréchet distance on the vectors of an encoder. With `dinov2-vitl14` it is the FD of Stein et al."""

    id = "fd"
    title = "Fréchet distance on an encoder's vectors"
    group = "perceptual"
    citation = (
        "Heusel et al., NeurIPS 2017, for the distance; Stein et al., Exposing flaws of generative model evaluation "
        "metrics and their unfair treatment of diffusion models, NeurIPS 2023, for DINOv2"
    )
    definition = (
        "Fréchet distance of Gaussians fitted to the vectors of all generated images and of the target images without "
        "repeats"
    )
    default = "dinov2-vitl14"
    full_rank: ClassVar[int | None] = None  # of the encoder's own number of values
    metrics = (MetricCard("fd", "FD", higher_is_better=False, range=(0.0, np.inf), per_pair=False),)

    @property
    def choice(self) -> FrechetChoice:
        """All values of a row, against the targets without repeats."""
        return FrechetChoice(self.definition, _Vectors(self.encoder.feature))


class KD(EncoderProtocol, KernelProtocol):
    """The kernel distance on the vectors of an encoder."""

    id = "kd"
    title = "Kernel distance on an encoder's vectors"
    group = "perceptual"
    citation = "Binkowski et al., Demystifying MMD GANs, ICLR 2018"
    definition = (
        "squared maximum mean discrepancy, cubic kernel, gamma 1/d, coefficient 1, unbiased over the full sets: "
        "all generated images against the target images without repeats; not multiplied by 1000"
    )
    default = "dinov2-vitl14"
    metrics = (MetricCard("kd", "KD", higher_is_better=False, per_pair=False),)

    @property
    def embedding(self) -> Embedding:  # type: ignore[override]
        """All values of a row."""
        return _Vectors(self.encoder.feature)
