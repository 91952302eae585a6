"""The kernel distance between two sets of features; with Inception's, it is the KID."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.protocol import Evidence, MetricCard, Protocol, Score
from fhpt_bench.statistics import block_jackknife
from protocols.inputs import check_features
from protocols.perceptual.embedding import EFFICIENTNET, INCEPTION, Embedding


def kernel_distance(features_a: NDArray[np.floating[Any]], features_b: NDArray[np.floating[Any]]) -> float:
    """Unbiased squared maximum mean discrepancy with the cubic kernel: Binkowski et al., MMD GANs, ICLR 2018.

    k(x, y) = (x·y / D + 1)³ over the full sets; nothing is drawn at random, so the value repeats.

    Args:
        features_a: (N, D) float, N of at least 2, no image twice (repeats would bias it).
        features_b: (M, D) float, M of at least 2.

    Returns:
        The squared discrepancy; about 0 where both sets come from one distribution, and then as often below as above.

    Raises:
        ValueError: where the arrays are not two such sets of finite numbers.

    Examples:
        >>> draw = np.random.default_rng(0).normal
        >>> abs(kernel_distance(draw(size=(400, 8)), draw(size=(400, 8)))) < 0.05
        True
        >>> kernel_distance(draw(size=(400, 8)), draw(1, size=(400, 8))) > 1
        True
    """
    every_a, every_b = np.ones(len(features_a), bool), np.ones(len(features_b), bool)
    return _Kernels(features_a, features_b).distance(every_a, every_b)


class _Kernels:
    """The kernel between all images of two sets: the distance of any parts of them follows from it."""

    def __init__(self, features_a: NDArray[np.floating[Any]], features_b: NDArray[np.floating[Any]]) -> None:
        check_features(features_a, features_b, fewest=2)
        a, b = features_a.astype(np.float64), features_b.astype(np.float64)
        self._aa, self._ab, self._bb = _cubic(a, a), _cubic(a, b), _cubic(b, b)

    def distance(self, keep_a: NDArray[np.bool_], keep_b: NDArray[np.bool_]) -> float:
        """Of the images that two masks keep."""
        # Sums over parts as products with 0 and 1: no part of a matrix is copied.
        a, b = keep_a.astype(np.float64), keep_b.astype(np.float64)
        n, m = a.sum(), b.sum()
        within_a = (a @ self._aa @ a - a @ self._aa.diagonal()) / (n * (n - 1))
        within_b = (b @ self._bb @ b - b @ self._bb.diagonal()) / (m * (m - 1))
        return float(within_a + within_b - 2 * (a @ self._ab @ b) / (n * m))


def _cubic(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    kernel: NDArray[np.float64] = (a @ b.T / a.shape[1] + 1) ** 3
    return kernel


def kid(
    generated: NDArray[np.uint8], target: NDArray[np.uint8], device: str | None = None, batch_size: int = 32
) -> float:
    """Kernel Inception distance of two sets of images: Binkowski et al., ICLR 2018, over the full sets.

    Args:
        generated: (N, H, W, 3) uint8 RGB, N of at least 2.
        target: (M, H', W', 3) uint8 RGB, M of at least 2: the real images, none of them twice.
        device: "cpu" or "cuda"; by default the latter where there is one.
        batch_size: images that are looked at together; it moves no value by more than rounding.

    Returns:
        The squared discrepancy; not multiplied by 1000, as some papers do.

    Raises:
        ValueError: where the arrays are not two such sets.
        WeightsMissing: where the network's weights can be had from no source.
    """
    embed = INCEPTION.embed
    return kernel_distance(
        embed("generated", generated, device, batch_size), embed("target", target, device, batch_size)
    )


class KernelProtocol(Protocol):
    """A kernel distance between the generated images and the targets without repeats."""

    embedding: ClassVar[Embedding]
    moved_by = (
        "repeats on either side, which bias it; the number of images does not, it only widens the interval",
        "random subsets in place of the full sets, as many tools draw them",
        "a factor of 100 or 1000, which some papers print without saying so",
        "resize filter, antialias and rounding before the network",
    )

    @property
    def features(self) -> tuple[str, ...]:
        """The network."""
        return (self.embedding.feature,)

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """The distance, its interval over people, and how many images stand on each side."""
        first = evidence.unique_targets()
        generated = self.embedding.features(evidence, "generated")
        real = self.embedding.features(evidence, "target")[first]
        if min(len(generated), len(real)) < 2:
            return (Score(self.id, None, 0, skipped={"too few for a mean over two images": len(generated)}),)
        kernels = _Kernels(generated, real)
        every = np.ones(len(generated), bool)
        interval = block_jackknife(lambda keep: kernels.distance(keep, keep[first]), evidence.people)
        value = kernels.distance(every, every[first])
        details = {"n_generated": len(generated), "n_reference": len(real)}
        return (Score(self.id, value, len(generated), interval=interval, details=details),)


class KID(KernelProtocol):
    """The kernel Inception distance."""

    id = "kid"
    title = "Kernel Inception distance"
    citation = "Binkowski et al., Demystifying MMD GANs, ICLR 2018"
    embedding = INCEPTION
    variants: ClassVar[Mapping[str, str]] = {
        "canonical": "pool3 (2048) of the 2015-12-05 Inception on the input of fid canonical; cubic kernel, gamma 1/d, "
        "coefficient 1, unbiased over the full sets, targets without repeats; not multiplied by 1000",
    }
    metrics = (MetricCard("kid", "KID", higher_is_better=False),)


class KDEffNetLite0(KernelProtocol):
    """The kernel distance through EfficientNet-lite0, whose weights come with a package: no KID."""

    id = "kd-effnet-lite0"
    title = "Kernel distance through EfficientNet-lite0"
    citation = "Binkowski et al., ICLR 2018, for the distance; Tan and Le, EfficientNet, ICML 2019, for the network"
    embedding = EFFICIENTNET
    variants: ClassVar[Mapping[str, str]] = {
        "canonical": "the last pooling (1280) of ImageNet's EfficientNet-lite0, bicubic to 224x224 with antialias in "
        "float; cubic kernel, gamma 1/d, coefficient 1, unbiased over the full sets, targets without repeats",
    }
    metrics = (MetricCard("kd-effnet-lite0", "KD(EffNet-lite0)", higher_is_better=False),)
