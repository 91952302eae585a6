"""Ground-truth keypoints of a pair's target, and which of them count."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.benchmark import Benchmark
from fhpt_bench.data.keypoints import PARTS, SLICES
from fhpt_bench.protocol import Evidence

ESTIMATOR = "mediapipe-holistic"


def estimator(evidence: Evidence) -> dict[str, str]:
    """Details of a score: which estimator gave the keypoints of the generated images."""
    supplied = evidence.supplied.get(ESTIMATOR)
    return {"estimator": supplied.spec.id, "readings_sha256": supplied.sha256} if supplied else {"estimator": ESTIMATOR}


def estimated_truth(benchmark: Benchmark, parts: Iterable[str]) -> tuple[str, ...]:
    """The estimator, if `ground_truth` needs its keypoints of the real targets for one of the parts; else nothing.

    Args:
        benchmark: the benchmark.
        parts: "body", "face", "hand_left" or "hand_right".
    """
    needed = any(part != "body" and not benchmark.truth.keypoints.get(part) for part in parts)
    return (ESTIMATOR,) if needed else ()


def ground_truth(evidence: Evidence, part: str, occluded: bool = False) -> tuple[NDArray[np.float64], str | None]:
    """Keypoints of each pair's target: those of the benchmark, if it has them, exact or estimated.

    Otherwise the body is the annotated pose, and face and hands come from the same estimator on the real target.

    Args:
        evidence: evidence of n pairs.
        part: "body", "face", "hand_left" or "hand_right".
        occluded: whether occluded keypoints count, if the benchmark has their positions.

    Returns:
        (n, K, 3) x, y in pixels and whether the keypoint counts, 0 or 1 (0 outside the image); and the origin of the
        keypoints. The origin is None if the user supplied keypoints of the generated images but not of the real
        targets: then no keypoint counts.
    """
    benchmark = evidence.benchmark
    targets = [pair.target for pair in evidence.pairs]
    table = benchmark.truth.keypoints.get(part)
    origin: str | None
    if table:
        points = np.stack([table[name] for name in targets]).astype(np.float64)
        by = benchmark.truth.estimator
        origin = f"{by} on the real target" if by else "the benchmark's own"
        if occluded:
            points[..., 2] = 1
    elif part == "body":
        poses = np.stack([benchmark.poses[name] for name in targets]).astype(np.float64)
        points = np.concatenate([poses, np.isfinite(poses).all(-1, keepdims=True)], -1)
        origin = "the benchmark's poses"
    elif (supplied := evidence.supplied.get(ESTIMATOR)) and not supplied.targets:
        return np.zeros((len(targets), PARTS[part], 3)), None
    else:
        points = evidence.vectors(ESTIMATOR, "target")[:, SLICES[part]].astype(np.float64)
        origin = f"{estimator(evidence)['estimator']} on the real target"
    height, width = benchmark.image_size
    inside = ((points[..., :2] >= 0) & (points[..., :2] < (width, height))).all(-1)
    points[..., 2] = (points[..., 2] > 0) & inside
    return points, origin
