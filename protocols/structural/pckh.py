"""PCKh: the share of correct keypoints relative to the size of the head, as PATN's tool computes it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.benchmark import Benchmark
from fhpt_bench.data.keypoints import SLICES
from fhpt_bench.protocol import Evidence, MetricCard, PairValues, Protocol, Score
from fhpt_bench.score import mean_score
from protocols.structural.ground_truth import ESTIMATOR, estimator, ground_truth
from protocols.structural.inputs import check_keypoints

_HEAD = (0, 1, 14, 15, 16, 17)  # nose, neck, eyes, ears
_FEWEST = 2

Points = NDArray[np.floating[Any]]


def pckh_hits(estimated: Points, truth: Points) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count, per image, the correct joints and all joints that count; see `pckh`.

    Args:
        estimated: (N, 18, 3) x, y in pixels and whether it was found, 0 or 1.
        truth: (N, 18, 3) x, y in pixels and whether it counts, 0 or 1.

    Returns:
        (N,) correct joints, and (N,) joints of the target: both 0 if its head has fewer than two joints.

    Raises:
        ValueError: if the arrays are not of this form.
    """
    found, counts = check_keypoints(estimated, truth)
    if truth.shape[1] != 18:
        raise ValueError(f"PCKh needs the 18 COCO joints, not {truth.shape[1]}")
    seen = counts[:, _HEAD, None]
    head = truth[:, _HEAD, :2].astype(np.float64)
    # (N, 2) width and height of the box; images without a visible head joint are excluded below.
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
    joint is correct if |dx| < width / 2 and |dy| < height / 2; images with fewer than two of them are excluded.

    Args:
        estimated: (N, 18, 3) COCO-18 joints on the generated images: x, y in pixels and whether it was found, 0 or 1.
        truth: (N, 18, 3) joints of the targets: x, y in pixels and whether it counts, 0 or 1.

    Returns:
        The share in [0, 1] over the joints of all images; a joint that was not found is wrong.

    Raises:
        ValueError: if the arrays are not of this form, or no image has two head joints.

    Examples:
        >>> truth = np.ones((1, 18, 3))
        >>> truth[0, :, :2] = np.arange(18)[:, None]
        >>> pckh(truth, truth)
        1.0
    """
    right, counts = pckh_hits(estimated, truth)
    if not counts.sum():
        raise ValueError("no image has two head joints")
    return float(right.sum() / counts.sum())


class PCKh(Protocol):
    """Share of correct keypoints relative to the size of the head."""

    id = "pckh"
    title = "Share of correct keypoints relative to the head size"
    group = "structural"
    citation = "Zhu et al., Progressive Pose Attention Transfer for Person Image Generation, CVPR 2019"
    variants: ClassVar[Mapping[str, str]] = {
        "patn": "share of the target's joints whose estimate on the generated image has |dx| < w/2 and |dy| < h/2, "
        "w x h the box of the target's nose, neck, eyes and ears; pairs with fewer than two of them are excluded; a "
        "joint that was not found is wrong",
    }
    used_by: ClassVar[Mapping[str, str]] = {"patn": "PATN (tool/calPCKH_fashion.py)"}
    # Further decimals differ between CPUs (docs/precision.md).
    metrics = (MetricCard("pckh", "PCKh", higher_is_better=True, range=(0.0, 1.0), decimals=2),)
    moved_by = (
        "the head box, which is narrow in side and back views",
        "the keypoint estimator and its threshold, on the generated image",
        "joints that were not found: wrong here, excluded in other tools",
    )
    at_other_sizes = (
        "The thresholds are half of the target's head box, so they grow with the image, and the value of scaled "
        "joints is the same; the estimator sees every image enlarged twice, and may find more joints on larger "
        "images."
    )

    @property
    def features(self) -> tuple[str, ...]:
        """The keypoint estimator."""
        return (ESTIMATOR,)

    def features_of_real(self, benchmark: Benchmark) -> tuple[str, ...]:
        """None: the benchmark's own keypoints of the body, or its poses, are the ground truth."""
        return ()

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """The share over all joints, with an interval resampled over people."""
        estimated = evidence.vectors(ESTIMATOR, "generated")[:, SLICES["body"]]
        truth, origin = ground_truth(evidence, "body")
        right, counts = pckh_hits(estimated, truth)
        share = np.divide(right, counts, out=np.full(len(counts), np.nan), where=counts > 0)
        reasons = ["" if count else "with fewer than two head joints" for count in counts]
        score = mean_score("pckh", evidence, PairValues(share, counts.astype(np.float64), tuple(reasons)))
        counted = (truth[..., 2] > 0) & (counts > 0)[:, None]
        found = int((counted & (estimated[..., 2] > 0)).sum())
        n = int(counts.sum())
        details = {
            "truth": origin,
            **estimator(evidence),
            "n_keypoints": n,
            "n_found": found,
            "detection_rate": found / n if n else None,
        }
        return (dataclasses.replace(score, details=details),)
