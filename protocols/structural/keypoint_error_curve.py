"""The keypoint error curve: the share of keypoints with an error below each threshold."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.data.keypoints import SLICES
from fhpt_bench.protocol import Evidence, Exhibits, MetricCard, PairValues, Protocol, Score
from fhpt_bench.score import mean_score
from protocols.structural.ground_truth import ESTIMATOR, estimated_truth, estimator, ground_truth
from protocols.structural.inputs import check_keypoints

if TYPE_CHECKING:
    from fhpt_bench.benchmark import Benchmark

STEPS = 20
_STEP, _SHARE = 2, 0.75  # of the largest anchor: its step in pixels, and the share of found keypoints below it
# Metric -> its parts, and the part whose anchors it uses.
_METRICS = {
    "body": (("body",), "body"),
    "face": (("face",), "face"),
    "hand-left": (("hand_left",), "hand"),
    "hand-right": (("hand_right",), "hand"),
    "hands": (("hand_left", "hand_right"), "hand"),
}
# Further ones differ between CPUs: an image that changes by one level moves some keypoints (docs/precision.md).
DECIMALS = {"body": 3, "face": 2, "hand-left": 2, "hand-right": 2, "hands": 2}

Points = NDArray[np.floating[Any]]


def anchors(reach: float) -> NDArray[np.float64]:
    """The thresholds of a curve: 20 equal steps from 0 (exclusive) to the largest.

    Args:
        reach: the largest threshold, in pixels.

    Returns:
        (20,) pixels.

    Raises:
        ValueError: if it is not positive.

    Examples:
        >>> anchors(10)[[0, 1, -1]]
        array([ 0.5,  1. , 10. ])
    """
    if not reach > 0:
        raise ValueError(f"the largest anchor must be positive, not {reach}")
    return np.arange(1, STEPS + 1) * reach / STEPS


def anchor_reach(distances: NDArray[np.float64]) -> int:
    """The largest anchor of a part: the smallest multiple of 2 pixels above three quarters of the distances.

    Only three quarters, because the baseline treats every back view as a front view: these errors would stretch the
    curve over half the image.

    Args:
        distances: (M,) pixels between the keypoints found on a baseline's images and the ground truth.

    Returns:
        The anchor in pixels.

    Raises:
        ValueError: if there is no distance.

    Examples:
        >>> anchor_reach(np.arange(10.0))
        8
    """
    if not len(distances):
        raise ValueError("no keypoint was found: an anchor needs at least one distance")
    # The anchor must be strictly above the ceil(0.75 M)-th smallest distance.
    needed = np.sort(distances)[int(np.ceil(_SHARE * len(distances) - 1e-9)) - 1]
    return _STEP * (int(needed // _STEP) + 1)


def keypoint_hits(
    estimated: Points, truth: Points, thresholds: Points, found_only: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count, per image, the keypoints closer than each threshold, and all keypoints that count.

    Args:
        estimated: (N, K, 3) x, y in pixels and whether it was found, 0 or 1.
        truth: (N, K, 3) x, y in pixels and whether it counts, 0 or 1.
        thresholds: (T,) pixels.
        found_only: exclude keypoints that were not found, instead of counting them as misses.

    Returns:
        (N, T) hits, and (N,) number of keypoints that count.

    Raises:
        ValueError: if the arrays are not of this form, or coordinates that are needed are not finite.

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
        estimated: (N, K, 3) x, y in pixels and whether it was found, 0 or 1, on the generated images.
        truth: (N, K, 3) x, y in pixels and whether it counts, 0 or 1.
        thresholds: (T,) alpha in pixels; a keypoint at exactly this distance is a miss.
        found_only: exclude keypoints that were not found, instead of counting them as misses.

    Returns:
        (T,) float64 in [0, 1]; the mean is over keypoints, not images.

    Raises:
        ValueError: if the arrays are not of this form, or no keypoint counts.

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
    """Distances of the keypoints that count and were found: the input of `anchor_reach`.

    Args:
        estimated: (N, K, 3) x, y in pixels and whether it was found, 0 or 1.
        truth: (N, K, 3) x, y in pixels and whether it counts, 0 or 1.

    Returns:
        (M,) pixels.

    Raises:
        ValueError: if the arrays are not of this form.
    """
    found, counts = check_keypoints(estimated, truth)
    return _distances(estimated, truth, found & counts)[found & counts]


def _distances(estimated: Points, truth: Points, wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N, K) pixels, infinite for keypoints that are not wanted."""
    difference = estimated[..., :2].astype(np.float64) - truth[..., :2]
    squared = np.square(difference).sum(-1)
    result: NDArray[np.float64] = np.sqrt(np.where(wanted, squared, np.inf))
    return result


def part_keypoints(evidence: Evidence, metric: str, occluded: bool = False) -> tuple[Points, Points, str | None]:
    """Estimated keypoints on the generated images and true keypoints, for the parts of one metric.

    Args:
        evidence: evidence of n pairs.
        metric: name of a metric of this protocol.
        occluded: see `ground_truth`.

    Returns:
        (n, K, 3) estimated, (n, K, 3) truth, and the origin of the truth in words, or None if the truth is not given.
    """
    parts, _ = _METRICS[metric]
    found = evidence.vectors(ESTIMATOR, "generated")
    truths, origins = zip(*(ground_truth(evidence, part, occluded) for part in parts), strict=True)
    estimated = np.concatenate([found[:, SLICES[part]] for part in parts], 1)
    return estimated, np.concatenate(truths, 1), origins[0]


class KeypointErrorCurve(Protocol):
    """The area under the keypoint error curve of body, face and hands."""

    id = "kec"
    title = "Keypoint error curve"
    group = "structural"
    headlines = ("body", "face", "hands")
    landmarks = True
    citation = (
        "Yang et al., Towards Fine-grained Human Pose Transfer with Detail Replenishing Network, arXiv:2005.12494"
    )
    variants: ClassVar[Mapping[str, str]] = {
        "canonical": "share of the target's visible keypoints whose estimate on the generated image is closer than "
        f"alpha, mean over {STEPS} anchors of alpha that the benchmark sets per part; a keypoint that was not found is "
        "a miss",
        "found-only": "as canonical, but keypoints that were not found are excluded and counted",
        "in-frame": "as canonical, but occluded keypoints inside the image count too, if the benchmark has their "
        "positions",
    }
    metrics = tuple(
        MetricCard(metric, f"KEC({metric})", higher_is_better=True, range=(0.0, 1.0), decimals=DECIMALS[metric])
        for metric in _METRICS
    )
    moved_by = (
        "the anchors, which each benchmark sets: curves of two benchmarks are not comparable",
        "keypoints that were not found: a miss here, excluded in `found-only`",
        "the keypoint estimator and its threshold, on the generated image",
        "the image size and the distance of the person: errors are measured in pixels",
    )
    at_other_sizes = (
        "Errors are pixels of the benchmark's images and are not scaled: each benchmark sets anchors for its own "
        "size, so that the same error relative to the image counts the same if the anchors grow with the size."
    )

    @property
    def features(self) -> tuple[str, ...]:
        """The keypoint estimator."""
        return (ESTIMATOR,)

    def features_of_real(self, benchmark: Benchmark) -> tuple[str, ...]:
        """The keypoint estimator, if the benchmark has no keypoints of faces or hands."""
        return estimated_truth(benchmark, (part for parts, _ in _METRICS.values() for part in parts))

    def lacks(self, benchmark: Benchmark) -> str | None:
        """A reason if the benchmark sets no anchors."""
        if benchmark.anchors:
            return None
        return (
            f"The benchmark {benchmark.id} sets no anchors: add the table that `fhpt-bench anchors` prints to its TOML "
            "file."
        )

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """The area under the curve of each metric, with the curve in its details."""
        return tuple(self._score(metric.name, evidence) for metric in self.metrics)

    def draw(self, evidence: Evidence, exhibits: Exhibits) -> dict[str, bytes]:
        """Draw the curves of this model and of all comparable models."""
        from protocols.structural.curve_plot import plot_curves

        loaded = evidence.benchmark
        title = f"Keypoint error curves ({self.variant}) on {loaded.id} {loaded.version}, {len(loaded.pairs)} pairs"
        curves = plot_curves(exhibits.scores, title, DECIMALS)
        return {"curves": curves} if curves else {}

    def _score(self, metric: str, evidence: Evidence) -> Score:
        part = _METRICS[metric][1]
        if (reach := evidence.benchmark.anchors.get(part)) is None:
            n = len(evidence.pairs)
            reason = f"without an anchor for the {part} in the benchmark file"
            return mean_score(metric, evidence, PairValues(np.full(n, np.nan), np.zeros(n), (reason,) * n))
        estimated, truth, origin = part_keypoints(evidence, metric, self.variant == "in-frame")
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
    """The area of each pair's curve, weighted by its keypoints: the weighted mean is the area of the whole curve."""
    areas = np.divide(hits.mean(1), counts, out=np.full(len(counts), np.nan), where=counts > 0)
    nothing = "no keypoint of the part in the target" if given else "no keypoints of the real targets given"
    reasons = [
        "" if count else "none found" if seen else nothing for count, seen in zip(counts, true.any(1), strict=True)
    ]
    return PairValues(areas, counts.astype(np.float64), tuple(reasons))
