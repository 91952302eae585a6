"""The inception score of a set of class logits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.protocol import Evidence, MetricCard, Protocol, Score
from fhpt_bench.statistics import block_jackknife
from protocols.inputs import Features, as_features, unfit_size
from protocols.perceptual.embedding import (
    AT_OTHER_SIZES,
    EFFICIENTNET,
    INCEPTION,
    INCEPTION_LOGITS,
    INCEPTION_PADDED,
    INCEPTION_TENSORFLOW,
    Embedding,
)
from protocols.perceptual.pose_mask import MOVED_BY, POSE_MASK, WITHOUT_POSE, posed

if TYPE_CHECKING:
    from fhpt_bench.benchmark import Benchmark

SPLITS = 10


def inception_score(logits: Features, splits: int = SPLITS) -> tuple[float, float]:
    """exp of the mean KL divergence of each image's classes from the set's: Salimans et al., NeurIPS 2016, section 4.

    Split i of n images has the images i*n//splits to (i+1)*n//splits in the given order, as in the authors' code.

    Args:
        logits: (N, C) float, before the softmax; a numpy array, or a torch tensor on any device; their order decides
            the splits (protocols sort by pair id).
        splits: number of splits.

    Returns:
        Mean and standard deviation (ddof 0) over the splits; the score of each split is in [1, C].

    Raises:
        ValueError: if the logits are not such an array of finite numbers, or there are fewer images than splits.

    Examples:
        >>> inception_score(np.eye(4) * 1000, splits=1)
        (4.0, 0.0)
        >>> inception_score(np.zeros((20, 4)))
        (1.0, 0.0)
    """
    array = as_features("logits", logits)
    n = len(array)
    if not 1 <= splits <= n:
        raise ValueError(f"{n} images cannot be divided into {splits} splits")
    from scipy.special import log_softmax

    log_p = log_softmax(array.astype(np.float64), axis=1)
    p = np.exp(log_p)
    scores = []
    for i in range(splits):
        part = slice(i * n // splits, (i + 1) * n // splits)
        # A class with probability 0 in the whole split adds nothing: 0 times any logarithm is 0.
        log_mean = np.log(np.maximum(p[part].mean(0), np.finfo(np.float64).tiny))
        divergence = (p[part] * (log_p[part] - log_mean)).sum(1)
        scores.append(np.exp(divergence.mean()))
    return float(np.mean(scores)), float(np.std(scores))


class ScoreOfLogits(Protocol):
    """An inception score of the generated images, with the logits of the variant's network."""

    sees_pose = False
    embeddings: ClassVar[Mapping[str, Embedding]]
    in_one_split: ClassVar[tuple[str, ...]] = ()  # variants whose headline is the value in one split
    moved_by: ClassVar[tuple[str, ...]] = (
        "the number of images per split: fewer images give a smaller value",
        "the order of the images, which decides the splits",
        "white borders and the resize before the network",
        "not the real images, which are not used: sharp images of any content score high",
    )

    def lacks(self, benchmark: Benchmark) -> str | None:
        """A reason if the images are too large for the variant's input."""
        return unfit_size(benchmark, largest=self.embeddings[self.variant].largest) or super().lacks(benchmark)

    @property
    def features(self) -> tuple[str, ...]:
        """The feature of this variant."""
        return (self.embeddings[self.variant].feature,)

    def counted(self, evidence: Evidence) -> tuple[NDArray[np.bool_], str]:
        """(n,) whether each pair's image counts, and the reason if it does not; here all count."""
        return np.ones(len(evidence.pairs), bool), ""

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """The mean over the splits with its standard deviation, and the value in one split, each with its interval."""
        headline, one_split = (metric.name for metric in self.metrics)
        counts, reason = self.counted(evidence)
        n = int(counts.sum())
        skipped = {} if counts.all() else {reason: int((~counts).sum())}
        if n < SPLITS:
            few = {**skipped, f"too few images for {SPLITS} splits": n}
            return Score(headline, None, 0, skipped=few), Score(one_split, None, 0, skipped=few)
        order = np.argsort([pair.id for pair in evidence.pairs])
        order = order[counts[order]]
        logits, people = self.embeddings[self.variant].logits(evidence)[order], evidence.people[order]

        splits = 1 if self.variant in self.in_one_split else SPLITS

        def in_splits(keep: NDArray[np.bool_]) -> float:
            return inception_score(logits[keep], min(splits, int(keep.sum())))[0]

        def in_one(keep: NDArray[np.bool_]) -> float:
            return inception_score(logits[keep], 1)[0]

        mean, deviation = inception_score(logits, splits)
        details = {"sd": deviation, "splits": splits}
        return (
            Score(headline, mean, n, interval=block_jackknife(in_splits, people), skipped=skipped, details=details),
            Score(one_split, in_one(np.ones(n, bool)), n, interval=block_jackknife(in_one, people), skipped=skipped),
        )


class InceptionScore(ScoreOfLogits):
    """The inception score of the generated images; the real images are not used."""

    id = "is"
    title = "Inception score"
    group = "perceptual"
    citation = "Salimans et al., Improved Techniques for Training GANs, NeurIPS 2016"
    embeddings: ClassVar[Mapping[str, Embedding]] = {
        "canonical": INCEPTION, "drn": INCEPTION_PADDED, "hr-viton": INCEPTION_LOGITS, "market": INCEPTION_TENSORFLOW,
    }  # fmt: skip
    in_one_split = ("hr-viton",)
    at_other_sizes = (
        AT_OTHER_SIZES.format(side=299) + "; `drn` adds white borders up to 256x256 first, and refuses larger images."
    )
    variants: ClassVar[Mapping[str, str]] = {
        "canonical": "1008 logits without bias of the 2015-12-05 Inception on the input of fid canonical; images "
        "sorted by pair id, mean over 10 splits; also the value in one split, which does not depend on the order",
        "drn": "as canonical, on images with white borders to 256x256, as in PATN and DRN",
        "hr-viton": "1000 logits of torchvision's ImageNet Inception, Pillow's bilinear resize to 299x299, [-1, 1]; "
        "one split",
        "market": "as canonical, on the input of the original TensorFlow graph: its bilinear resize to 299x299, then "
        "(x - 128) / 128",
    }
    used_by: ClassVar[Mapping[str, str]] = {
        "drn": "PATN, DRN",
        "hr-viton": "HR-VITON (evaluate.py)",
        "market": "PATN (tool/getMetrics_market.py) and Siarohin et al. (test.py) on Market-1501, in the order of "
        "os.listdir",
    }
    metrics = (
        MetricCard("is", "IS", higher_is_better=True, range=(1.0, 1008.0), per_pair=False),
        MetricCard("one-split", "IS in one split", higher_is_better=True, range=(1.0, 1008.0), per_pair=False),
    )


class MaskInceptionScore(ScoreOfLogits):
    """The inception score of the generated images inside of the mask of the target's pose."""

    id = "mask-is"
    title = "Inception score of the person"
    group = "perceptual"
    citation = "Ma et al., Pose Guided Person Image Generation, NeurIPS 2017; Siarohin et al., CVPR 2018, for the mask"
    view = POSE_MASK
    embeddings: ClassVar[Mapping[str, Embedding]] = {"market": INCEPTION_TENSORFLOW}
    variants: ClassVar[Mapping[str, str]] = {
        "market": "as is:market, on generated images that are black outside of the mask of the target's pose (23 limbs "
        "8 pixels wide, discs of radius 4 at the joints, closing by 5x5)",
    }
    used_by: ClassVar[Mapping[str, str]] = {
        "market": "PATN (tool/getMetrics_market.py) and Siarohin et al. (test.py), in the order of os.listdir"
    }
    metrics = (
        MetricCard("mask-is", "mask-IS", higher_is_better=True, range=(1.0, 1008.0), per_pair=False),
        MetricCard("one-split", "mask-IS in one split", higher_is_better=True, range=(1.0, 1008.0), per_pair=False),
    )
    at_other_sizes = (
        AT_OTHER_SIZES.format(side=299)
        + ". Limbs and discs of the mask keep their width in pixels, which is made for 128x64."
    )
    moved_by = (*ScoreOfLogits.moved_by, *MOVED_BY)

    def counted(self, evidence: Evidence) -> tuple[NDArray[np.bool_], str]:
        """Pairs whose target has a joint."""
        return posed(evidence), WITHOUT_POSE


class ISEffNetLite0(ScoreOfLogits):
    """The formula of the inception score on the classes of EfficientNet-lite0. It is not an inception score."""

    id = "is-effnet-lite0"
    title = "Inception score formula on EfficientNet-lite0 logits"
    group = "perceptual"
    citation = "Salimans et al., NeurIPS 2016, for the formula; Tan and Le, EfficientNet, ICML 2019, for the network"
    embeddings: ClassVar[Mapping[str, Embedding]] = {"canonical": EFFICIENTNET}
    at_other_sizes = AT_OTHER_SIZES.format(side=224) + "."
    variants: ClassVar[Mapping[str, str]] = {
        "canonical": "1000 logits with bias of ImageNet's EfficientNet-lite0, bicubic to 224x224 with antialias in "
        "float; images sorted by pair id, mean over 10 splits; also the value in one split",
    }
    metrics = (
        MetricCard("is-effnet-lite0", "IS(EffNet-lite0)", higher_is_better=True, range=(1.0, 1000.0), per_pair=False),
        MetricCard(
            "one-split", "IS(EffNet-lite0) in one split", higher_is_better=True, range=(1.0, 1000.0), per_pair=False
        ),
    )
