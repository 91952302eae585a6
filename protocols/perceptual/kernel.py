"""The kernel distance between two sets of features; with Inception features it is the KID."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.protocol import Evidence, MetricCard, Protocol, Score
from fhpt_bench.statistics import block_jackknife
from protocols.inputs import Features, check_features
from protocols.perceptual.embedding import AT_OTHER_SIZES, EFFICIENTNET, INCEPTION, Embedding


def kernel_distance(features_a: Features, features_b: Features) -> float:
    """Unbiased squared maximum mean discrepancy with the cubic kernel: Binkowski et al., MMD GANs, ICLR 2018.

    k(x, y) = (x·y / D + 1)³ over the full sets; there are no random subsets, so the value is deterministic.

    Args:
        features_a: (N, D) float, N at least 2, without repeats of an image (they would bias the value); a numpy array,
            or a torch tensor on any device.
        features_b: (M, D) float, M at least 2; the same.

    Returns:
        The squared discrepancy; if both sets come from one distribution it is near 0, and can be negative.

    Raises:
        ValueError: if the arrays are not two such sets of finite numbers.

    Examples:
        >>> draw = np.random.default_rng(0).normal
        >>> abs(kernel_distance(draw(size=(400, 8)), draw(size=(400, 8)))) < 0.05
        True
        >>> kernel_distance(draw(size=(400, 8)), draw(1, size=(400, 8))) > 1
        True
    """
    kernels = _Kernels(features_a, features_b)
    return kernels.distance(np.ones(len(features_a), bool), np.ones(len(features_b), bool))


class _Kernels:
    """The kernel values between all images of two sets, from which the distance of any subsets is computed."""

    def __init__(self, features_a: Features, features_b: Features) -> None:
        a, b = check_features(features_a, features_b, fewest=2)
        self._aa, self._ab, self._bb = _cubic(a, a), _cubic(a, b), _cubic(b, b)

    def distance(self, keep_a: NDArray[np.bool_], keep_b: NDArray[np.bool_]) -> float:
        """The distance of the images that two masks keep."""
        # Sums over subsets as products with 0 and 1: no part of a matrix is copied.
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
        generated: (N, H, W, 3) uint8 RGB, N at least 2.
        target: (M, H', W', 3) uint8 RGB, M at least 2: the real images, without repeats.
        device: "cpu" or "cuda"; default: "cuda" if available.
        batch_size: images per batch; it changes values by rounding only.

    Returns:
        The squared discrepancy, not multiplied by 1000; some papers do this.

    Raises:
        ValueError: if the arrays are not two such sets.
        WeightsMissing: if the network's weights are not available from any source.
    """
    embed = INCEPTION.embed
    return kernel_distance(
        embed("generated", generated, device, batch_size), embed("target", target, device, batch_size)
    )


class KernelProtocol(Protocol):
    """A kernel distance between the generated images and the targets without repeats."""

    sees_pose = False
    embedding: ClassVar[Embedding]
    moved_by = (
        "repeats in either set, which bias it; the number of images has no bias, fewer images only widen the interval",
        "random subsets in place of the full sets, as in many tools",
        "a factor of 100 or 1000, which some papers use without stating it",
        "resize filter, antialiasing and rounding before the network",
    )

    @property
    def features(self) -> tuple[str, ...]:
        """The feature of this protocol."""
        return (self.embedding.feature,)

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """The distance, its interval over people, and the number of images in each set."""
        first = evidence.unique_targets()
        generated = self.embedding.features(evidence, "generated")
        real = self.embedding.features(evidence, "target")[first]
        if min(len(generated), len(real)) < 2:
            return (Score(self.id, None, 0, skipped={"too few images for a mean over two images": len(generated)}),)
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
    group = "perceptual"
    citation = "Binkowski et al., Demystifying MMD GANs, ICLR 2018"
    embedding = INCEPTION
    at_other_sizes = AT_OTHER_SIZES.format(side=299) + "."
    variants: ClassVar[Mapping[str, str]] = {
        "canonical": "pool3 (2048) of the 2015-12-05 Inception on the input of fid canonical; cubic kernel, gamma 1/d, "
        "coefficient 1, unbiased over the full sets, targets without repeats; not multiplied by 1000",
    }
    metrics = (MetricCard("kid", "KID", higher_is_better=False, per_pair=False),)


class KDEffNetLite0(KernelProtocol):
    """The kernel distance on EfficientNet-lite0 features. Its weights come with a package. It is not a KID."""

    id = "kd-effnet-lite0"
    title = "Kernel distance on EfficientNet-lite0 features"
    group = "perceptual"
    citation = "Binkowski et al., ICLR 2018, for the distance; Tan and Le, EfficientNet, ICML 2019, for the network"
    embedding = EFFICIENTNET
    at_other_sizes = AT_OTHER_SIZES.format(side=224) + "."
    variants: ClassVar[Mapping[str, str]] = {
        "canonical": "the last pooling (1280) of ImageNet's EfficientNet-lite0, bicubic to 224x224 with antialias in "
        "float; cubic kernel, gamma 1/d, coefficient 1, unbiased over the full sets, targets without repeats",
    }
    metrics = (MetricCard("kd-effnet-lite0", "KD(EffNet-lite0)", higher_is_better=False, per_pair=False),)
