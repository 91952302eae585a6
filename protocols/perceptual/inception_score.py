"""The inception score of a set of class logits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.protocol import Evidence, MetricCard, Protocol, Score
from fhpt_bench.statistics import block_jackknife
from protocols.perceptual.embedding import EFFICIENTNET, INCEPTION, INCEPTION_PADDED, Embedding

SPLITS = 10


def inception_score(logits: NDArray[np.floating[Any]], splits: int = SPLITS) -> tuple[float, float]:
    """exp of the mean divergence of each image's classes from the set's: Salimans et al., NeurIPS 2016, section 4.

    Split i of n images holds those from i*n//splits to (i+1)*n//splits in the order given, as in the authors' code.

    Args:
        logits: (N, C) float, before the softmax, sorted by whatever fixes the splits (a pair's id).
        splits: how many.

    Returns:
        Mean and standard deviation (ddof 0) over the splits; each split's score lies in [1, C].

    Raises:
        ValueError: where the logits are not such an array of finite numbers, or fewer than the splits.

    Examples:
        >>> inception_score(np.eye(4) * 1000, splits=1)
        (4.0, 0.0)
        >>> inception_score(np.zeros((20, 4)))
        (1.0, 0.0)
    """
    if logits.ndim != 2 or not np.issubdtype(logits.dtype, np.floating) or not np.isfinite(logits).all():
        raise ValueError(f"logits must be (N, C) finite floats, not {logits.shape} {logits.dtype}")
    n = len(logits)
    if not 1 <= splits <= n:
        raise ValueError(f"{n} images cannot be dealt into {splits} splits")
    from scipy.special import log_softmax

    log_p = log_softmax(logits.astype(np.float64), axis=1)
    p = np.exp(log_p)
    scores = []
    for i in range(splits):
        part = slice(i * n // splits, (i + 1) * n // splits)
        # A class that no image of the split has at all adds nothing: its probability times any logarithm is 0.
        log_mean = np.log(np.maximum(p[part].mean(0), np.finfo(np.float64).tiny))
        divergence = (p[part] * (log_p[part] - log_mean)).sum(1)
        scores.append(np.exp(divergence.mean()))
    return float(np.mean(scores)), float(np.std(scores))


class ScoreOfLogits(Protocol):
    """An inception score of the generated images, through the network that a variant names."""

    embeddings: ClassVar[Mapping[str, Embedding]]
    moved_by = (
        "the number of images in a split: fewer give a smaller value",
        "the order of the images, which deals them into splits",
        "white borders and the resize before the network",
        "real images play no part: sharp pictures of anything score",
    )

    @property
    def features(self) -> tuple[str, ...]:
        """The network of this variant."""
        return (self.embeddings[self.variant].feature,)

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """The mean over ten splits with their deviation, and the value of one split, each with its interval."""
        headline, one_split = (metric.name for metric in self.metrics)
        n = len(evidence.pairs)
        if n < SPLITS:
            few = {f"too few for {SPLITS} splits": n}
            return Score(headline, None, 0, skipped=few), Score(one_split, None, 0, skipped=few)
        order = np.argsort([pair.id for pair in evidence.pairs])
        logits, people = self.embeddings[self.variant].logits(evidence)[order], evidence.people[order]

        def in_splits(keep: NDArray[np.bool_]) -> float:
            return inception_score(logits[keep], min(SPLITS, int(keep.sum())))[0]

        def in_one(keep: NDArray[np.bool_]) -> float:
            return inception_score(logits[keep], 1)[0]

        mean, deviation = inception_score(logits)
        details = {"sd": deviation, "splits": SPLITS}
        return (
            Score(headline, mean, n, interval=block_jackknife(in_splits, people), details=details),
            Score(one_split, in_one(np.ones(n, bool)), n, interval=block_jackknife(in_one, people)),
        )


class InceptionScore(ScoreOfLogits):
    """The inception score of the generated images; the real ones play no part."""

    id = "is"
    title = "Inception score"
    citation = "Salimans et al., Improved Techniques for Training GANs, NeurIPS 2016"
    embeddings: ClassVar[Mapping[str, Embedding]] = {"canonical": INCEPTION, "drn": INCEPTION_PADDED}
    variants: ClassVar[Mapping[str, str]] = {
        "canonical": "1008 logits without bias of the 2015-12-05 Inception on the input of fid canonical; images "
        "sorted by pair id, mean over 10 splits; beside it the value of one split, which has no order",
        "drn": "as canonical, on images with white borders to 256x256, as PATN and DRN did",
    }
    used_by: ClassVar[Mapping[str, str]] = {"drn": "PATN, DRN"}
    metrics = (
        MetricCard("is", "IS", higher_is_better=True, range=(1.0, 1008.0)),
        MetricCard("one-split", "IS in one split", higher_is_better=True, range=(1.0, 1008.0)),
    )


class ISEffNetLite0(ScoreOfLogits):
    """The inception score's formula on EfficientNet-lite0's classes: no inception score."""

    id = "is-effnet-lite0"
    title = "Inception score's formula through EfficientNet-lite0"
    citation = "Salimans et al., NeurIPS 2016, for the formula; Tan and Le, EfficientNet, ICML 2019, for the network"
    embeddings: ClassVar[Mapping[str, Embedding]] = {"canonical": EFFICIENTNET}
    variants: ClassVar[Mapping[str, str]] = {
        "canonical": "1000 logits with bias of ImageNet's EfficientNet-lite0, bicubic to 224x224 with antialias in "
        "float; images sorted by pair id, mean over 10 splits; beside it the value of one split",
    }
    metrics = (
        MetricCard("is-effnet-lite0", "IS(EffNet-lite0)", higher_is_better=True, range=(1.0, 1000.0)),
        MetricCard("one-split", "IS(EffNet-lite0) in one split", higher_is_better=True, range=(1.0, 1000.0)),
    )
