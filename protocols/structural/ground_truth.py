"""Where the keypoints of a pair's target are, and which of them count."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.data.keypoints import PARTS, SLICES
from fhpt_bench.protocol import Evidence

ESTIMATOR = "mediapipe-holistic"


def estimator(evidence: Evidence) -> dict[str, str]:
    """Whose readings of the generated images these are, for a score's details."""
    supplied = evidence.supplied.get(ESTIMATOR)
    return {"estimator": supplied.spec.id, "readings_sha256": supplied.sha256} if supplied else {"estimator": ESTIMATOR}


def ground_truth(evidence: Evidence, part: str, occluded: bool = False) -> tuple[NDArray[np.float64], str | None]:
    """The keypoints of each pair's target: the benchmark's own where it has them.

    Otherwise the body is the annotated pose, and face and hands are what the same estimator sees on the real target.

    Args:
        evidence: of n pairs.
        part: "body", "face", "hand_left" or "hand_right".
        occluded: whether keypoints that something hides count, where the benchmark knows their place.

    Returns:
        (n, K, 3) x, y in pixels and counts, 0 or 1 (never outside the image); and where they come from. None: the user
        gave the estimator's readings of the generated images, but not of the real targets, so that nothing counts.
    """
    benchmark = evidence.benchmark
    targets = [pair.target for pair in evidence.pairs]
    table = benchmark.truth.keypoints.get(part)
    origin: str | None
    if table:
        points = np.stack([table[name] for name in targets]).astype(np.float64)
        origin = "the benchmark's own"
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
