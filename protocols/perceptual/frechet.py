"""The Fréchet distance between Gaussians fitted to two sets of features; with Inception features it is the FID."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.encoder_protocol import EncoderProtocol
from fhpt_bench.protocol import Evidence, MetricCard, Protocol, Score
from fhpt_bench.statistics import FEWEST_CLUSTERS, block_jackknife
from protocols.inputs import Features, check_features, unfit_size
from protocols.perceptual.embedding import (
    AT_OTHER_SIZES,
    EFFICIENTNET,
    INCEPTION,
    INCEPTION_CLEAN,
    INCEPTION_GFLA,
    INCEPTION_PADDED,
    Embedding,
    Vectors,
)

if TYPE_CHECKING:
    from fhpt_bench.benchmark import Benchmark

# With fewer images the covariance of 2048 features does not have full rank.
_FULL_RANK = 2048
_COPIES = 4  # of the vectors, that a distance needs


@dataclass(frozen=True)
class FrechetChoice:
    """Arguments of one variant.

    Args:
        definition: the definition in words, for the card.
        embedding: the network and its input.
        reference: the real images: targets without repeats, targets once per pair, or training images.
        batch: batch size; if a set has at least one full batch, the images of its last incomplete batch are dropped.
    """

    definition: str
    embedding: Embedding
    reference: Literal["unique", "paired", "train"] = "unique"
    batch: int = 1


_INCEPTION = "pool3 (2048) of the 2015-12-05 Inception"
_VARIANTS = {
    "canonical": FrechetChoice(
        f"{_INCEPTION}, torch bilinear to 299x299 without antialias as in pytorch-fid; all generated images against "
        "the target images without repeats",
        INCEPTION,
    ),
    "drn": FrechetChoice(
        f"{_INCEPTION}, on images with white borders to 256x256; generated images against their paired targets, "
        "repeats included",
        INCEPTION_PADDED,
        "paired",
    ),
    "clean": FrechetChoice(
        f"{_INCEPTION}, bicubic to 299x299 with antialias in float as in clean-fid; all generated images against the "
        "target images without repeats",
        INCEPTION_CLEAN,
    ),
    "train": FrechetChoice("as canonical, against every image of the training list", INCEPTION, "train"),
    "gfla": FrechetChoice(
        "the last pooling (2048) of torchvision's ImageNet Inception, with ImageNet normalisation undone on images in "
        "[0, 1] that were never normalised; against the training images; in a set of 64 or more the last incomplete "
        "batch of 64 is dropped, in the order of the pair ids and of the training list: not an FID, but papers print "
        "it as one",
        INCEPTION_GFLA,
        "train",
        batch=64,
    ),
    "cfld": FrechetChoice(
        "as gfla, with all generated images and all training images: not an FID, but papers print it as one",
        INCEPTION_GFLA,
        "train",
    ),
}


def frechet_distance(features_a: Features, features_b: Features) -> float:
    """Squared Fréchet distance of Gaussians fitted to two sets: Heusel et al., NeurIPS 2017.

    ||m1 - m2||² + tr(S1 + S2 - 2 (S1 S2)^½), with covariances that divide by n - 1. The trace of the root is computed
    in float64 from symmetric matrices only: there is no imaginary part, and nothing is added to a diagonal.

    Args:
        features_a: (N, D) float, N at least 2; a numpy array, or a torch tensor on any device.
        features_b: (M, D) float, M at least 2; the same.

    Returns:
        The distance, 0 or more; it falls as N and M grow, so values for different N or M are not comparable.

    Raises:
        ValueError: if the arrays are not two such sets of finite numbers.

    Examples:
        >>> a = np.random.default_rng(0).normal(size=(500, 3))
        >>> round(frechet_distance(a, a), 6)
        0.0
        >>> round(frechet_distance(a, a + [2, 0, 0]), 6)
        4.0
    """
    a, b = check_features(features_a, features_b, fewest=2)
    means = a.mean(0), b.mean(0)
    difference = means[0] - means[1]
    spread = a.var(0, ddof=1).sum() + b.var(0, ddof=1).sum()
    return max(0.0, float(difference @ difference + spread - 2 * _trace_of_root(a - means[0], b - means[1])))


def _trace_of_root(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """tr (S1 S2)^½ of two centred sets."""
    # The larger set first: its covariance is more likely to have a Cholesky factor.
    a, b = sorted((a, b), key=len, reverse=True)
    dimensions = a.shape[1]
    b = b / np.sqrt(len(b) - 1)
    root = a.T / np.sqrt(len(a) - 1) if len(a) <= dimensions else _root(a.T @ a / (len(a) - 1))
    if len(b) <= dimensions:
        # Few images: most eigenvalues are 0 and their roots would be noise; the nuclear norm is exact.
        return float(np.linalg.svd(root.T @ b.T, compute_uv=False).sum())
    product = root.T @ b.T
    return float(np.sqrt(np.linalg.eigvalsh(product @ product.T).clip(min=0)).sum())


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root R of a covariance: R Rᵀ = covariance."""
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:  # repeated images, or features that are never active
        values, vectors = np.linalg.eigh(covariance)
        root: NDArray[np.float64] = vectors * np.sqrt(values.clip(min=0))
        return root


def fid(
    generated: NDArray[np.uint8],
    target: NDArray[np.uint8],
    variant: str = "canonical",
    device: str | None = None,
    batch_size: int = 32,
) -> float:
    """Fréchet Inception distance of two sets of images: Heusel et al., NeurIPS 2017, as pytorch-fid 0.3.0 computes it.

    Args:
        generated: (N, H, W, 3) uint8 RGB, N at least 2.
        target: (M, H', W', 3) uint8 RGB, M at least 2: the real images that the variant compares with.
        variant: a key of `FID.variants`, which has the definitions.
        device: "cpu" or "cuda"; default: "cuda" if available.
        batch_size: images per batch; it changes values by rounding only.

    Returns:
        The distance, 0 or more; it falls as N and M grow, so values for different N or M are not comparable.

    Raises:
        ValueError: if the arrays are not two such sets, or there is no such variant.
        WeightsMissing: if the network's weights are not available from any source.
    """
    if variant not in _VARIANTS:
        raise ValueError(f"fid has no variant {variant!r}; there are {', '.join(_VARIANTS)}")
    chosen = _VARIANTS[variant]
    embed = chosen.embedding.embed
    sets = (embed("generated", generated, device, batch_size), embed("target", target, device, batch_size))
    return frechet_distance(*(full_batches(features, chosen.batch) for features in sets))


def full_batches(features: NDArray[np.float32], batch: int) -> NDArray[np.float32]:
    """The rows of the complete batches; all rows if there is no complete batch."""
    return features[: len(features) // batch * batch] if len(features) >= batch else features


class FrechetProtocol(Protocol):
    """A Fréchet distance between generated and real images, on the features of the variant's network."""

    sees_pose = False
    choices: ClassVar[Mapping[str, FrechetChoice]]
    full_rank: ClassVar[int | None] = _FULL_RANK
    moved_by = (
        "the number of images in each set: fewer images give a larger value",
        "the reference set: unique targets, targets with repeats, or training images",
        "resize filter, antialiasing and rounding before the network",
        "JPEG compression in one set only",
        "not the pairing: a wrong pairing does not change the value",
    )

    def lacks(self, benchmark: Benchmark) -> str | None:
        """A reason if the images are too large for the variant's input."""
        return unfit_size(benchmark, largest=self.choice.embedding.largest) or super().lacks(benchmark)

    @property
    def choice(self) -> FrechetChoice:
        """The arguments of this variant."""
        return self.choices[self.variant]

    @property
    def features(self) -> tuple[str, ...]:
        """The feature of this variant."""
        return (self.choice.embedding.feature,)

    @property
    def training_images(self) -> bool:
        """Whether the reference is the training set."""
        return self.choice.reference == "train"

    @staticmethod
    def without(vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
        """(n, D) -> (n,) whether an image has no vector, and is left out."""
        return np.zeros(len(vectors), bool)

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """The distance, its interval over people, and the number of images in each set."""
        chosen = self.choice
        generated = chosen.embedding.features(evidence, "generated")
        real = chosen.embedding.features(evidence, "train" if chosen.reference == "train" else "target")
        by_id, lost = np.argsort([pair.id for pair in evidence.pairs]), self.without(generated)
        # The pairs whose targets are the reference images; training images belong to no pair.
        rows = {"unique": evidence.unique_targets(), "paired": by_id}.get(chosen.reference)

        def sides(keep: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            ours = generated[by_id[(keep & ~lost)[by_id]]]
            theirs = real if rows is None else real[rows[keep[rows]]]
            theirs = theirs[~self.without(theirs)]
            return full_batches(ours, chosen.batch), full_batches(theirs, chosen.batch)

        a, b = sides(np.ones(len(generated), bool))
        if min(len(a), len(b)) < 2:
            return (Score(self.id, None, 0, skipped={"too few images for a covariance": len(generated)}),)
        skipped = {"without a face in the generated image": int(lost.sum())} if lost.any() else {}
        full_rank = self.full_rank or generated.shape[1]
        details: dict[str, Any] = {"n_generated": len(a), "n_reference": len(b)}
        if min(len(a), len(b)) < full_rank:
            details["note"] = (
                f"fewer than {full_rank} images in a set: the value is far above the value for many images; "
                "compare it only with values for the same numbers of images"
            )
        interval = None
        if len(np.unique(evidence.people[~lost])) >= FEWEST_CLUSTERS:
            # Both sets in float64, centred, and copies of each.
            memory = _COPIES * 8 * (a.size + b.size)
            interval = block_jackknife(lambda keep: frechet_distance(*sides(keep)), evidence.people, memory)
        value = frechet_distance(a, b)
        return (Score(self.id, value, len(a), interval=interval, skipped=skipped, details=details),)


class FID(FrechetProtocol):
    """The Fréchet Inception distance, as recommended and as papers on pose transfer compute it."""

    id = "fid"
    title = "Fréchet Inception distance"
    group = "perceptual"
    citation = "Heusel et al., GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium, 2017"
    choices = _VARIANTS
    at_other_sizes = (
        AT_OTHER_SIZES.format(side=299) + "; `drn` adds white borders up to 256x256 first, and refuses larger images."
    )
    variants: ClassVar[Mapping[str, str]] = {name: variant.definition for name, variant in _VARIANTS.items()}
    used_by: ClassVar[Mapping[str, str]] = {
        "canonical": "VtonEval (Leffa) with pytorch-fid, if its folder of targets has each target once and no others",
        "drn": "DRN",
        "clean": "VtonEval (Leffa) and CatVTON with clean-fid (Parmar et al., CVPR 2022), under the same condition; "
        "LaDI-VTON on files of their own size",
        "train": "reference set of PIDM and NTED (as their authors state), which use other image sizes",
        "gfla": "GFLA's script; DPTN uses the script, DiOr its statistics",
        "cfld": "CFLD and MCLD (metrics.py), on images of their own sizes",
    }
    metrics = (MetricCard("fid", "FID", higher_is_better=False, range=(0.0, np.inf), per_pair=False),)


class FDEffNetLite0(FrechetProtocol):
    """The Fréchet distance on EfficientNet-lite0 features. Its weights come with a package. It is not an FID."""

    id = "fd-effnet-lite0"
    title = "Fréchet distance on EfficientNet-lite0 features"
    group = "perceptual"
    citation = "Heusel et al., NeurIPS 2017, for the distance; Tan and Le, EfficientNet, ICML 2019, for the network"
    choices: ClassVar[Mapping[str, FrechetChoice]] = {
        "canonical": FrechetChoice(
            "the last pooling (1280) of ImageNet's EfficientNet-lite0, bicubic to 224x224 with antialias in float; all "
            "generated images against the target images without repeats",
            EFFICIENTNET,
        )
    }
    at_other_sizes = AT_OTHER_SIZES.format(side=224) + "."
    variants: ClassVar[Mapping[str, str]] = {name: variant.definition for name, variant in choices.items()}
    metrics = (
        MetricCard("fd-effnet-lite0", "FD(EffNet-lite0)", higher_is_better=False, range=(0.0, np.inf), per_pair=False),
    )


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
        return FrechetChoice(self.definition, Vectors(self.encoder.feature))
