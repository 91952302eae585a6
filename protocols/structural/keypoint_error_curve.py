"""The keypoint error curve: how many keypoints lie closer to their place than each threshold."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.data.keypoints import SLICES
from fhpt_bench.protocol import Evidence, Exhibits, MetricCard, PairValues, Protocol, Score
from fhpt_bench.score import mean_score
from protocols.structural.ground_truth import ESTIMATOR, estimator, ground_truth
from protocols.structural.inputs import check_keypoints

if TYPE_CHECKING:
    from fhpt_bench.benchmark import Benchmark

STEPS = 20
_STEP, _SHARE = 2, 0.75  # pixels, and the share of found keypoints, that the largest anchor is made of
# Metric -> its parts, and whose anchors it has.
_METRICS = {
    "body": (("body",), "body"),
    "face": (("face",), "face"),
    "hand-left": (("hand_left",), "hand"),
    "hand-right": (("hand_right",), "hand"),
    "hands": (("hand_left", "hand_right"), "hand"),
}

Points = NDArray[np.floating[Any]]


def anchors(reach: float) -> NDArray[np.float64]:
    """The thresholds of a curve: 20 equal steps from 0 (exclusive) to the largest.

    Args:
        reach: the largest, in pixels.

    Returns:
        (20,) pixels.

    Raises:
        ValueError: where it is not positive.

    Examples:
        >>> anchors(10)[[0, 1, -1]]
        array([ 0.5,  1. , 10. ])
    """
    if not reach > 0:
        raise ValueError(f"the largest anchor must be positive, not {reach}")
    return np.arange(1, STEPS + 1) * reach / STEPS


def anchor_reach(distances: NDArray[np.float64]) -> int:
    """The largest anchor of a part: the smallest multiple of 2 pixels under which three quarters of the distances lie.

    Not more of them: the baseline takes every back for a front, and what it does there would stretch the curve over
    half the image.

    Args:
        distances: (M,) pixels between a baseline's found keypoints and their place.

    Returns:
        Pixels.

    Raises:
        ValueError: where there is no distance.

    Examples:
        >>> anchor_reach(np.arange(10.0))
        8
    """
    if not len(distances):
        raise ValueError("no keypoint was found: there is no distance to choose an anchor by")
    # The ceil(0.75 M)-th smallest must lie strictly under it.
    needed = np.sort(distances)[int(np.ceil(_SHARE * len(distances) - 1e-9)) - 1]
    return _STEP * (int(needed // _STEP) + 1)


def keypoint_hits(
    estimated: Points, truth: Points, thresholds: Points, found_only: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each image, how many keypoints lie closer than each threshold, and how many there are.

    Args:
        estimated: (N, K, 3) x, y in pixels and found, 0 or 1.
        truth: (N, K, 3) x, y in pixels and counts, 0 or 1.
        thresholds: (T,) pixels.
        found_only: leave keypoints out that were not found, instead of counting them as missed.

    Returns:
        (N, T) hits, and (N,) keypoints that count.

    Raises:
        ValueError: where the arrays are not that, or a place that is needed is not finite.

    Examples:
        >>> truth = np.array([[[0.0, 0, 1], [9, 9, 1]]])
        >>> keypoint_hits(np.array([[[3.0, 4, 1], [9, 9, 0]]]), truth, np.array([5.0, 5.1]))
        (array([[0, 1]]), array([2]))
    """
    found, counts = check_keypoints(estimated, truth)
    if thresholds.ndim != 1 or not len(thresholds):
        raise ValueError(f"thresholds must be (T,) numbers, not {thresholds.shape}")
    if found_only:
        counts = counts & found
    return (_distances(estimated, truth, found & counts)[..., None] < thresholds).sum(1), counts.sum(1)


def keypoint_error_curve(
    estimated: Points, truth: Points, thresholds: Points, found_only: bool = False
) -> NDArray[np.float64]:
    """P(alpha) = share of the keypoints whose estimate lies closer than alpha: Yang et al., arXiv:2005.12494.

    The mean of the curve over `anchors` is its normalised area (AUC).

    Args:
        estimated: (N, K, 3) x, y in pixels and found, 0 or 1, on the generated images.
        truth: (N, K, 3) x, y in pixels and counts, 0 or 1.
        thresholds: (T,) alpha in pixels; a keypoint exactly that far away is missed.
        found_only: leave keypoints out that were not found, instead of counting them as missed.

    Returns:
        (T,) float64 in [0, 1]; the mean is over keypoints, not images.

    Raises:
        ValueError: where the arrays are not that, or no keypoint counts.

    Examples:
        >>> truth = np.array([[[0.0, 0, 1], [9, 9, 1]]])
        >>> keypoint_error_curve(np.array([[[3.0, 4, 1], [9, 9, 0]]]), truth, np.array([5.0, 5.1]))
        array([0. , 0.5])
    """
    hits, counts = keypoint_hits(estimated, truth, thresholds, found_only)
    if not counts.sum():
        raise ValueError("no keypoint counts")
    curve: NDArray[np.float64] = hits.sum(0) / counts.sum()
    return curve


def found_distances(estimated: Points, truth: Points) -> NDArray[np.float64]:
    """The distances of the keypoints that count and were found: what `anchor_reach` is computed from.

    Args:
        estimated: (N, K, 3) x, y in pixels and found, 0 or 1.
        truth: (N, K, 3) x, y in pixels and counts, 0 or 1.

    Returns:
        (M,) pixels.

    Raises:
        ValueError: where the arrays are not that.
    """
    found, counts = check_keypoints(estimated, truth)
    return _distances(estimated, truth, found & counts)[found & counts]


def _distances(estimated: Points, truth: Points, wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N, K) pixels, infinite where not wanted."""
    difference = estimated[..., :2].astype(np.float64) - truth[..., :2]
    squared = np.square(difference).sum(-1)
    result: NDArray[np.float64] = np.sqrt(np.where(wanted, squared, np.inf))
    return result


def part_keypoints(evidence: Evidence, metric: str, occluded: bool = False) -> tuple[Points, Points, str | None]:
    """What was found of one metric's parts on the generated images, what is true, and where that comes from.

    Args:
        evidence: of n pairs.
        metric: of the curve's card.
        occluded: see `ground_truth`.

    Returns:
        (n, K, 3) estimated, (n, K, 3) truth, and a phrase, or None where the truth is not given.
    """
    parts, _ = _METRICS[metric]
    readings = evidence.vectors(ESTIMATOR, "generated")
    truths, origins = zip(*(ground_truth(evidence, part, occluded) for part in parts), strict=True)
    estimated = np.concatenate([readings[:, SLICES[part]] for part in parts], 1)
    return estimated, np.concatenate(truths, 1), origins[0]


class KeypointErrorCurve(Protocol):
    """The area under the keypoint error curve of body, face and hands."""

    id = "kec"
    title = "Keypoint error curve"
    citation = (
        "Yang et al., Towards Fine-grained Human Pose Transfer with Detail Replenishing Network, arXiv:2005.12494"
    )
    variants: ClassVar[Mapping[str, str]] = {
        "canonical": "share of the target's visible keypoints whose estimate on the generated image is closer than "
        f"alpha, mean over {STEPS} anchors of alpha that the benchmark sets per part; a keypoint not found is missed",
        "found-only": "as canonical, but keypoints that were not found are left out and counted",
        "in-frame": "as canonical, but keypoints in the frame that something hides count too, where the benchmark "
        "knows their place",
    }
    metrics = tuple(
        MetricCard(metric, f"KEC({metric})", higher_is_better=True, range=(0.0, 1.0)) for metric in _METRICS
    )
    moved_by = (
        "the anchors, which are the benchmark's: curves of two benchmarks do not compare",
        "keypoints that were not found: a miss here, left out in `found-only`",
        "the estimator and its threshold, on the generated image",
        "pixels: at another image size, or for a person farther away, the same error is another number",
    )

    @property
    def features(self) -> tuple[str, ...]:
        """The estimator of keypoints."""
        return (ESTIMATOR,)

    def lacks(self, benchmark: Benchmark) -> str | None:
        """Curves need anchors, which belong to the benchmark."""
        if benchmark.anchors:
            return None
        return (
            f"benchmark {benchmark.id} sets no anchors: add the table that `fhpt-bench anchors` prints to its TOML file"
        )

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """The area of each metric's curve, with the curve in its details."""
        return tuple(self._score(metric.name, evidence) for metric in self.metrics)

    def draw(self, evidence: Evidence, exhibits: Exhibits) -> dict[str, bytes]:
        """The curves of this model and of all that are comparable."""
        from protocols.structural.curve_plot import plot_curves

        loaded = evidence.benchmark
        title = f"Keypoint error curves ({self.variant}) on {loaded.id} {loaded.version}, {len(loaded.pairs)} pairs"
        curves = plot_curves(exhibits.scores, title)
        return {"curves": curves} if curves else {}

    def _score(self, metric: str, evidence: Evidence) -> Score:
        estimated, truth, origin = part_keypoints(evidence, metric, self.variant == "in-frame")
        reach = evidence.benchmark.anchors[_METRICS[metric][1]]
        hits, counts = keypoint_hits(estimated, truth, anchors(reach), self.variant == "found-only")
        true, found = truth[..., 2] > 0, (truth[..., 2] > 0) & (estimated[..., 2] > 0)
        score = mean_score(metric, evidence, _pair_values(hits, counts, true, origin is not None))
        n = int(counts.sum())
        details = {
            "truth": origin,
            **estimator(evidence),
            "reach": reach,
            "anchors": anchors(reach).tolist(),
            "curve": (hits.sum(0) / n).tolist() if n else None,
            "n_keypoints": n,
            "n_found": int(found.sum()),
            "n_not_found": int(true.sum() - found.sum()),
            "detection_rate": float(found.sum() / true.sum()) if true.any() else None,
        }
        return dataclasses.replace(score, details=details)


def _pair_values(
    hits: NDArray[np.int64], counts: NDArray[np.int64], true: NDArray[np.bool_], given: bool
) -> PairValues:
    """The area of each pair's own curve, weighed by its keypoints: the weighted mean is the whole curve's area."""
    areas = np.divide(hits.mean(1), counts, out=np.full(len(counts), np.nan), where=counts > 0)
    nothing = "no keypoint of the part in the target" if given else "no keypoints of the real targets given"
    reasons = [
        "" if count else "none found" if seen else nothing for count, seen in zip(counts, true.any(1), strict=True)
    ]
    return PairValues(areas, counts.astype(np.float64), tuple(reasons))
