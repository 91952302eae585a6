"""PCKh: the share of correct keypoints, by the size of the head, as PATN's tool computes it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.data.keypoints import SLICES
from fhpt_bench.protocol import Evidence, MetricCard, PairValues, Protocol, Score
from fhpt_bench.score import mean_score
from protocols.structural.ground_truth import ESTIMATOR, estimator, ground_truth
from protocols.structural.inputs import check_keypoints

_HEAD = (0, 1, 14, 15, 16, 17)  # nose, neck, eyes, ears
_FEWEST = 2

Points = NDArray[np.floating[Any]]


def pckh_hits(estimated: Points, truth: Points) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each image, how many joints are right, and how many there are; see `pckh`.

    Args:
        estimated: (N, 18, 3) x, y in pixels and found, 0 or 1.
        truth: (N, 18, 3) x, y in pixels and counts, 0 or 1.

    Returns:
        (N,) right joints, and (N,) joints of the target: 0 where its head has fewer than two.

    Raises:
        ValueError: where the arrays are not that.
    """
    found, counts = check_keypoints(estimated, truth)
    if truth.shape[1] != 18:
        raise ValueError(f"PCKh is of COCO-18 joints, not of {truth.shape[1]}")
    seen = counts[:, _HEAD, None]
    head = truth[:, _HEAD, :2].astype(np.float64)
    # (N, 2) width and height of the box; where nothing of the head is seen it has none, and is left out below.
    size = np.where(seen, head, -np.inf).max(1) - np.where(seen, head, np.inf).min(1)
    usable = seen.sum((1, 2)) >= _FEWEST
    difference = np.abs(
        np.where(found[..., None], estimated[..., :2], np.inf) - np.where(counts[..., None], truth[..., :2], 0)
    )
    right = (difference < size[:, None] / 2).all(-1) & counts
    return np.where(usable, right.sum(1), 0), np.where(usable, counts.sum(1), 0)


def pckh(estimated: Points, truth: Points) -> float:
    """Share of joints within half of the head's box: Zhu et al., Progressive Pose Attention Transfer, CVPR 2019.

    As in that paper's tool (`tool/calPCKH_fashion.py`), the box is that of the target's nose, neck, eyes and ears; a
    joint is right if |dx| < width / 2 and |dy| < height / 2; images with fewer than two of them are left out.

    Args:
        estimated: (N, 18, 3) COCO-18 joints on the generated images: x, y in pixels and found, 0 or 1.
        truth: (N, 18, 3) of the targets: x, y in pixels and counts, 0 or 1.

    Returns:
        The share in [0, 1], over the joints of all images together; a joint that was not found is wrong.

    Raises:
        ValueError: where the arrays are not that, or no image has two joints of a head.

    Examples:
        >>> truth = np.ones((1, 18, 3))
        >>> truth[0, :, :2] = np.arange(18)[:, None]
        >>> pckh(truth, truth)
        1.0
    """
    right, counts = pckh_hits(estimated, truth)
    if not counts.sum():
        raise ValueError("no image has two joints of a head")
    return float(right.sum() / counts.sum())


class PCKh(Protocol):
    """Share of correct keypoints by the size of the head."""

    id = "pckh"
    title = "Share of correct keypoints, by the head's size"
    citation = "Zhu et al., Progressive Pose Attention Transfer for Person Image Generation, CVPR 2019"
    variants: ClassVar[Mapping[str, str]] = {
        "patn": "share of the target's joints whose estimate on the generated image has |dx| < w/2 and |dy| < h/2, "
        "w x h the box of the target's nose, neck, eyes and ears; pairs with fewer than two of them are left out; a "
        "joint not found is wrong",
    }
    used_by: ClassVar[Mapping[str, str]] = {"patn": "PATN (tool/calPCKH_fashion.py)"}
    metrics = (MetricCard("pckh", "PCKh", higher_is_better=True, range=(0.0, 1.0)),)
    moved_by = (
        "the head's box, which a side or back view makes narrow",
        "the estimator and its threshold, on the generated image",
        "joints that were not found: wrong here, left out elsewhere",
    )

    @property
    def features(self) -> tuple[str, ...]:
        """The estimator of keypoints."""
        return (ESTIMATOR,)

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """The share over all joints, resampled over people."""
        estimated = evidence.vectors(ESTIMATOR, "generated")[:, SLICES["body"]]
        truth, origin = ground_truth(evidence, "body")
        right, counts = pckh_hits(estimated, truth)
        share = np.divide(right, counts, out=np.full(len(counts), np.nan), where=counts > 0)
        reasons = ["" if count else "fewer than two head joints" for count in counts]
        score = mean_score("pckh", evidence, PairValues(share, counts.astype(np.float64), tuple(reasons)))
        judged = (truth[..., 2] > 0) & (counts > 0)[:, None]
        found = int((judged & (estimated[..., 2] > 0)).sum())
        n = int(counts.sum())
        details = {
            "truth": origin,
            **estimator(evidence),
            "n_keypoints": n,
            "n_found": found,
            "detection_rate": found / n if n else None,
        }
        return (dataclasses.replace(score, details=details),)
