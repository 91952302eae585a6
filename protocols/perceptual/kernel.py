"""The kernel distance between two sets of features; with Inception features it is the KID."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.encoder_protocol import EncoderProtocol
from fhpt_bench.protocol import Evidence, MetricCard, Protocol, Score
from fhpt_bench.statistics import FEWEST_CLUSTERS, block_jackknife
from protocols.inputs import Features, check_features
from protocols.perceptual.embedding import EFFICIENTNET, INCEPTION, INCEPTION_CLEAN, Embedding, Vectors

# clean-fid 0.1.35: the number of subsets and their largest size. It sets no seed; this one is ours.
_SUBSETS, _LARGEST, _SEED = 100, 1000, 0
_INPUTS = {"canonical": INCEPTION, "vton": INCEPTION_CLEAN}  # of the variants of KID


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
    kernels = Kernels(features_a, features_b, _cubic)
    return kernels.distance(np.ones(len(features_a), bool), np.ones(len(features_b), bool))


Kernel = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]


class Kernels:
    """The kernel values between all images of two sets, from which the distance of any subsets is computed.

    Args:
        features_a: (N, D) float.
        features_b: (M, D) float.
        kernel: (n, D) and (m, D) -> (n, m) values.
        biased: whether the mean over a set includes each image with itself.

    Raises:
        ValueError: if the arrays are not two such sets of finite numbers.
    """

    def __init__(self, features_a: Features, features_b: Features, kernel: Kernel, biased: bool = False) -> None:
        a, b = check_features(features_a, features_b, fewest=1 if biased else 2)
        self._aa, self._ab, self._bb = kernel(a, a), kernel(a, b), kernel(b, b)
        self._biased = biased

    def distance(self, keep_a: NDArray[np.bool_], keep_b: NDArray[np.bool_]) -> float:
        """The distance of the images that two masks keep."""
        # Sums over subsets as products with 0 and 1: no part of a matrix is copied.
        a, b = keep_a.astype(np.float64), keep_b.astype(np.float64)
        within = self._within(self._aa, a) + self._within(self._bb, b)
        return float(within - 2 * (a @ self._ab @ b) / (a.sum() * b.sum()))

    def _within(self, kernel: NDArray[np.float64], kept: NDArray[np.float64]) -> float:
        n, total = kept.sum(), kept @ kernel @ kept
        return float(total / n**2 if self._biased else (total - kept @ kernel.diagonal()) / (n * (n - 1)))


def _cubic(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    kernel: NDArray[np.float64] = (a @ b.T / a.shape[1] + 1) ** 3
    return kernel


def kernel_distance_of_subsets(features_a: Features, features_b: Features) -> tuple[float, float]:
    """The kernel distance as the mean over random subsets: clean-fid 0.1.35's `kernel_distance`, in float64.

    100 times, min(1000, N, M) images are drawn from each set without repeats: those of clean-fid after
    np.random.seed(0).

    Args:
        features_a: (N, D) float, as for `kernel_distance`: clean-fid's second set.
        features_b: (M, D) float: clean-fid's first set. The order of the images in both decides the subsets.

    Returns:
        The mean over the subsets, not multiplied by 1000, and the standard error of this mean: how far it moves with
        another seed.

    Raises:
        ValueError: if the arrays are not two such sets of finite numbers.

    Examples:
        >>> draw = np.random.default_rng(0).normal
        >>> a, b = draw(size=(60, 8)), draw(0.3, size=(40, 8))
        >>> value, error = kernel_distance_of_subsets(a, b)
        >>> 0 < abs(value - kernel_distance(a, b)) < 4 * error
        True
    """
    a, b = check_features(features_a, features_b, fewest=2)
    # np.random.seed and np.random.choice use this generator, whose numbers are the same in all versions of numpy.
    random = np.random.RandomState(_SEED)
    size = min(_LARGEST, len(a), len(b))
    values = []
    for _ in range(_SUBSETS):
        ours, theirs = (rows[random.choice(len(rows), size, replace=False)] for rows in (a, b))
        values.append(kernel_distance(ours, theirs))
    return float(np.mean(values)), float(np.std(values, ddof=1)) / _SUBSETS**0.5


def kid(
    generated: NDArray[np.uint8],
    target: NDArray[np.uint8],
    device: str | None = None,
    batch_size: int = 32,
    variant: str = "canonical",
) -> float:
    """Kernel Inception distance of two sets of images: Binkowski et al., ICLR 2018.

    Args:
        generated: (N, H, W, 3) uint8 RGB, N at least 2.
        target: (M, H', W', 3) uint8 RGB, M at least 2: the real images, without repeats.
        device: "cpu" or "cuda"; default: "cuda" if available.
        batch_size: images per batch; it changes values by rounding only.
        variant: "canonical", over the full sets, or "vton", over subsets, which the order of the images decides.

    Returns:
        The squared discrepancy; "vton" multiplies it by 1000, as some papers do, "canonical" does not.

    Raises:
        ValueError: if the arrays are not two such sets, or there is no such variant.
        WeightsMissing: if the network's weights are not available from any source.
    """
    if variant not in _INPUTS:
        raise ValueError(f"kid has no variant {variant!r}; there are {', '.join(_INPUTS)}")
    embed = _INPUTS[variant].embed
    sets = (embed("generated", generated, device, batch_size), embed("target", target, device, batch_size))
    return 1000 * kernel_distance_of_subsets(*sets)[0] if variant == "vton" else kernel_distance(*sets)


class KernelProtocol(Protocol):
    """A kernel distance between the generated images and the targets without repeats."""

    sees_pose = False
    embedding: Embedding
    fewest: ClassVar[int] = 2
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

    @staticmethod
    def without(vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
        """(n, D) -> (n,) whether an image has no vector, and is left out."""
        return np.zeros(len(vectors), bool)

    @staticmethod
    def kernels(generated: NDArray[np.float32], real: NDArray[np.float32]) -> Kernels:
        """The kernel values of the two sets."""
        return Kernels(generated, real, _cubic)

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """The distance, its interval over people, and the number of images in each set."""
        generated, real = (self.embedding.features(evidence, role) for role in ("generated", "target"))
        lost, first = self.without(generated), evidence.unique_targets()
        ours, theirs = np.flatnonzero(~lost), first[~self.without(real[first])]
        if min(len(ours), len(theirs)) < self.fewest:
            return (Score(self.id, None, 0, skipped={"too few images for a mean over two images": len(generated)}),)
        kernels = self.kernels(generated[ours], real[theirs])

        def distance(keep: NDArray[np.bool_]) -> float:
            return kernels.distance(keep[ours], keep[theirs])

        skipped = {"without a face in the generated image": int(lost.sum())} if lost.any() else {}
        interval = None
        if all(len(np.unique(evidence.people[rows])) >= FEWEST_CLUSTERS for rows in (ours, theirs)):
            interval = block_jackknife(distance, evidence.people)
        value = distance(np.ones(len(generated), bool))
        details = {"n_generated": len(ours), "n_reference": len(theirs)}
        return (Score(self.id, value, len(ours), interval=interval, skipped=skipped, details=details),)


class KID(KernelProtocol):
    """The kernel Inception distance."""

    id = "kid"
    title = "Kernel Inception distance"
    group = "perceptual"
    citation = "Binkowski et al., Demystifying MMD GANs, ICLR 2018"
    variants: ClassVar[Mapping[str, str]] = {
        "canonical": "pool3 (2048) of the 2015-12-05 Inception on the input of fid canonical; cubic kernel, gamma 1/d, "
        "coefficient 1, unbiased over the full sets, targets without repeats; not multiplied by 1000",
        "vton": f"as canonical, but on the input of fid clean, and as clean-fid computes it: mean over {_SUBSETS} "
        f"random subsets of min({_LARGEST}, size of the smaller set) images of each set, times 1000; clean-fid sets no "
        f"seed, so that its value differs from run to run; here the subsets are those of np.random.seed({_SEED}), with "
        "generated images in the order of the pair ids and targets in the order of their names; the interval is as "
        "wide as that of the full sets",
    }
    used_by: ClassVar[Mapping[str, str]] = {
        "vton": "VtonEval (Leffa) and CatVTON (eval.py), with other draws of the subsets; LaDI-VTON (val_metrics.py), "
        "not multiplied by 1000"
    }
    metrics = (MetricCard("kid", "KID", higher_is_better=False, per_pair=False),)

    def __init__(self, variant: str | None = None) -> None:
        super().__init__(variant)
        self.embedding = _INPUTS[self.variant]
        if self.variant == "vton":
            self.metrics = (dataclasses.replace(self.metrics[0], label="KID x1000"),)

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """The distance, its interval over people, and the number of images in each set."""
        (full,) = super().score(evidence)
        if self.variant != "vton" or full.value is None:
            return (full,)
        by_id, first = np.argsort([pair.id for pair in evidence.pairs]), evidence.unique_targets()
        generated = self.embedding.features(evidence, "generated")[by_id]
        real = self.embedding.features(evidence, "target")[first]
        value, error = (1000 * number for number in kernel_distance_of_subsets(generated, real))
        interval = full.interval
        if interval:
            low, high = (value + 1000 * (end - full.value) for end in (interval.low, interval.high))
            interval = dataclasses.replace(interval, low=low, high=high)
        size = min(_LARGEST, len(generated), len(real))
        drawn: dict[str, Any] = {"subsets": _SUBSETS, "subset_size": size, "seed": _SEED, "draw_error": error}
        return (dataclasses.replace(full, value=value, interval=interval, details={**full.details, **drawn}),)


class KDEffNetLite0(KernelProtocol):
    """The kernel distance on EfficientNet-lite0 features. Its weights come with a package. It is not a KID."""

    id = "kd-effnet-lite0"
    title = "Kernel distance on EfficientNet-lite0 features"
    group = "perceptual"
    citation = "Binkowski et al., ICLR 2018, for the distance; Tan and Le, EfficientNet, ICML 2019, for the network"
    embedding = EFFICIENTNET
    variants: ClassVar[Mapping[str, str]] = {
        "canonical": "the last pooling (1280) of ImageNet's EfficientNet-lite0, bicubic to 224x224 with antialias in "
        "float; cubic kernel, gamma 1/d, coefficient 1, unbiased over the full sets, targets without repeats",
    }
    metrics = (MetricCard("kd-effnet-lite0", "KD(EffNet-lite0)", higher_is_better=False, per_pair=False),)


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
        return Vectors(self.encoder.feature)
