"""The kernel distance between two sets of features; with Inception features it is the KID."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.protocol import Evidence, MetricCard, Protocol, Score
from fhpt_bench.statistics import block_jackknife
from protocols.inputs import Features, check_features
from protocols.perceptual.embedding import EFFICIENTNET, INCEPTION, INCEPTION_CLEAN, Embedding

# clean-fid 0.1.35: number of subsets and largest size. Its draws are not seeded; the seed is ours.
_SUBSETS, _LARGEST, _SEED = 100, 1000, 0


@dataclass(frozen=True)
class _Variant:
    """Arguments of one variant.

    Args:
        definition: the definition in words, for the card.
        embedding: the network and its input.
        subsets: whether the value is the mean over random subsets, times 1000; otherwise it is of the full sets.
    """

    definition: str
    embedding: Embedding
    subsets: bool = False


_VARIANTS = {
    "canonical": _Variant(
        "pool3 (2048) of the 2015-12-05 Inception on the input of fid canonical; cubic kernel, gamma 1/d, "
        "coefficient 1, unbiased over the full sets, targets without repeats; not multiplied by 1000",
        INCEPTION,
    ),
    "vton": _Variant(
        f"as canonical on the input of fid clean, as clean-fid computes it: mean over {_SUBSETS} random subsets of "
        f"min({_LARGEST}, size of the smaller set) images of each set, times 1000; the subsets are those of clean-fid "
        f"after np.random.seed({_SEED}), with generated images in the order of the pair ids and targets in the order "
        "of their names; clean-fid sets no seed, so its value differs from run to run (details: draw_error is the "
        "standard error of the mean over the subsets); the interval is that of the full sets",
        INCEPTION_CLEAN,
        subsets=True,
    ),
}


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

    def subset_distances(self, order_a: NDArray[np.intp]) -> NDArray[np.float64]:
        """The distance of each pair of random subsets, drawn as clean-fid draws them from the first set in an order."""
        # np.random.seed and np.random.choice use this generator, whose numbers are the same in all versions of numpy.
        random = np.random.RandomState(_SEED)
        shape = self._ab.shape
        size = min(_LARGEST, *shape)

        def between(kernel: NDArray[np.float64]) -> float:
            return float(kernel.sum() - kernel.trace()) / (size * (size - 1))

        values = []
        for _ in range(_SUBSETS):
            a, b = (random.choice(n, size, replace=False) for n in shape)
            a = order_a[a]
            within = between(self._aa[np.ix_(a, a)]) + between(self._bb[np.ix_(b, b)])
            values.append(within - 2 * float(self._ab[np.ix_(a, b)].mean()))
        return np.array(values)


def _cubic(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    kernel: NDArray[np.float64] = (a @ b.T / a.shape[1] + 1) ** 3
    return kernel


def kernel_distance_of_subsets(features_a: Features, features_b: Features) -> tuple[float, float]:
    """The kernel distance as the mean over random subsets: clean-fid 0.1.35's `kernel_distance`, in float64.

    100 times, a subset of min(1000, N, M) images is drawn from each set without repeats, after np.random.seed(0).

    Args:
        features_a: (N, D) float, N at least 2, clean-fid's second set; as for `kernel_distance`.
        features_b: (M, D) float, M at least 2, clean-fid's first set; the same. The order of both decides the subsets.

    Returns:
        The mean over the subsets, not multiplied by 1000, and the standard error of this mean: how far it moves with
        another seed.

    Raises:
        ValueError: if the arrays are not two such sets of finite numbers.

    Examples:
        >>> draw = np.random.default_rng(0).normal
        >>> a, b = draw(size=(1500, 8)), draw(0.3, size=(1200, 8))
        >>> value, error = kernel_distance_of_subsets(a, b)
        >>> 0 < abs(value - kernel_distance(a, b)) < 4 * error
        True
    """
    return _mean_and_error(_Kernels(features_a, features_b).subset_distances(np.arange(len(features_a))))


def _mean_and_error(values: NDArray[np.float64]) -> tuple[float, float]:
    return float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5)


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
    if variant not in _VARIANTS:
        raise ValueError(f"kid has no variant {variant!r}; there are {', '.join(_VARIANTS)}")
    chosen = _VARIANTS[variant]
    embed = chosen.embedding.embed
    sets = (embed("generated", generated, device, batch_size), embed("target", target, device, batch_size))
    return 1000 * kernel_distance_of_subsets(*sets)[0] if chosen.subsets else kernel_distance(*sets)


class KernelProtocol(Protocol):
    """A kernel distance between the generated images and the targets without repeats."""

    sees_pose = False
    choices: ClassVar[Mapping[str, _Variant]]
    moved_by = (
        "repeats in either set, which bias it; the number of images has no bias, fewer images only widen the interval",
        "random subsets in place of the full sets, as in many tools",
        "a factor of 100 or 1000, which some papers use without stating it",
        "resize filter, antialiasing and rounding before the network",
    )

    @property
    def features(self) -> tuple[str, ...]:
        """The feature of this variant."""
        return (self.choices[self.variant].embedding.feature,)

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """The distance, its interval over people, and the number of images in each set."""
        chosen, first = self.choices[self.variant], evidence.unique_targets()
        generated = chosen.embedding.features(evidence, "generated")
        real = chosen.embedding.features(evidence, "target")[first]
        if min(len(generated), len(real)) < 2:
            return (Score(self.id, None, 0, skipped={"too few images for a mean over two images": len(generated)}),)
        kernels = _Kernels(generated, real)
        every = np.ones(len(generated), bool)
        interval = block_jackknife(lambda keep: kernels.distance(keep, keep[first]), evidence.people)
        value = kernels.distance(every, every[first])
        details: dict[str, Any] = {"n_generated": len(generated), "n_reference": len(real)}
        if chosen.subsets:
            by_id = np.argsort([pair.id for pair in evidence.pairs])
            mean, error = (1000 * number for number in _mean_and_error(kernels.subset_distances(by_id)))
            size = min(_LARGEST, len(generated), len(real))
            details |= {"subsets": _SUBSETS, "subset_size": size, "seed": _SEED, "draw_error": error}
            if interval:  # its width for the full sets, around the mean over the subsets
                low, high = (mean + 1000 * (end - value) for end in (interval.low, interval.high))
                interval = dataclasses.replace(interval, low=low, high=high)
            value = mean
        return (Score(self.id, value, len(generated), interval=interval, details=details),)


class KID(KernelProtocol):
    """The kernel Inception distance."""

    id = "kid"
    title = "Kernel Inception distance"
    group = "perceptual"
    citation = "Binkowski et al., Demystifying MMD GANs, ICLR 2018"
    choices = _VARIANTS
    variants: ClassVar[Mapping[str, str]] = {name: variant.definition for name, variant in _VARIANTS.items()}
    used_by: ClassVar[Mapping[str, str]] = {
        "vton": "VtonEval (Leffa) and CatVTON (eval.py), with another draw of the subsets; LaDI-VTON (val_metrics.py), "
        "not multiplied by 1000"
    }

    def __init__(self, variant: str | None = None) -> None:
        super().__init__(variant)
        label = "KID x1000" if self.choices[self.variant].subsets else "KID"
        self.metrics = (MetricCard("kid", label, higher_is_better=False, per_pair=False),)


class KDEffNetLite0(KernelProtocol):
    """The kernel distance on EfficientNet-lite0 features. Its weights come with a package. It is not a KID."""

    id = "kd-effnet-lite0"
    title = "Kernel distance on EfficientNet-lite0 features"
    group = "perceptual"
    citation = "Binkowski et al., ICLR 2018, for the distance; Tan and Le, EfficientNet, ICML 2019, for the network"
    choices: ClassVar[Mapping[str, _Variant]] = {
        "canonical": _Variant(
            "the last pooling (1280) of ImageNet's EfficientNet-lite0, bicubic to 224x224 with antialias in float; "
            "cubic kernel, gamma 1/d, coefficient 1, unbiased over the full sets, targets without repeats",
            EFFICIENTNET,
        )
    }
    variants: ClassVar[Mapping[str, str]] = {name: variant.definition for name, variant in choices.items()}
    metrics = (MetricCard("kd-effnet-lite0", "KD(EffNet-lite0)", higher_is_better=False, per_pair=False),)
