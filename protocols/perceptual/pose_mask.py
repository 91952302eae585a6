"""The mask of a person that is drawn from a pose, and the view that shows only what is inside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.benchmark import Benchmark
from fhpt_bench.protocol import Evidence, View

_LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13),
    (1, 0), (0, 14), (14, 16), (0, 15), (15, 17), (1, 16), (1, 17), (8, 11), (11, 5), (8, 2), (16, 17),
)  # fmt: skip
_RADIUS = 4  # pixels: of the discs, and half of a limb's width
_SQUARE = 5  # pixels: side of the square of the closing


def pose_mask(pose: NDArray[np.floating[Any]], size: tuple[int, int]) -> NDArray[np.bool_]:
    """The person's mask of Siarohin et al., Deformable GANs for Pose-based Human Image Generation, CVPR 2018.

    As in the authors' code (`produce_ma_mask`) and PATN's: for each of 23 limbs with both ends a rectangle that is 8
    pixels wide, a disc at each joint (distance below 4 pixels), then a dilation and an erosion by a square of 5 pixels.
    The widths are in pixels of Market-1501's images, whatever the size.

    Args:
        pose: (18, 2) x and y in pixels, NaN if missing.
        size: (height, width) of the mask.

    Returns:
        (height, width) bool; nothing is inside if the pose has no joint.

    Raises:
        ValueError: if the pose has another shape.

    Examples:
        >>> pose = np.full((18, 2), np.nan)
        >>> pose[:2] = [[20, 10], [20, 20]]  # nose and neck
        >>> mask = pose_mask(pose, (32, 40))
        >>> bool(mask[15, 23]), bool(mask[15, 24]), int(mask.sum())
        (True, False, 125)
    """
    from scipy.ndimage import maximum_filter, minimum_filter

    if pose.shape != (18, 2):
        raise ValueError(f"pose must be (18, 2), not {pose.shape}")
    points = pose.astype(np.float64)
    there = np.isfinite(points).all(1)
    rows, columns = (np.arange(side, dtype=np.float64) for side in size)
    x, y = points[there].T[..., None, None]
    mask = ((columns - x) ** 2 + (rows[:, None] - y) ** 2 < _RADIUS**2).any(0)
    limbs = np.array([limb for limb in _LIMBS if there[list(limb)].all()], int).reshape(-1, 2)
    ends = points[limbs]
    ends = ends[(ends[:, 0] != ends[:, 1]).any(1)]  # a limb without length has no direction
    mask |= _inside(_rectangles(ends), rows, columns)
    closed: NDArray[np.bool_] = minimum_filter(maximum_filter(mask, _SQUARE), _SQUARE)
    return closed


def _rectangles(ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """(L, 2, 2) both ends of L limbs -> (L, 4, 2) corners."""
    along = ends[:, 0] - ends[:, 1]
    across = _RADIUS * np.stack([along[:, 1], -along[:, 0]], 1)
    across /= np.linalg.norm(along, axis=1, keepdims=True)
    start, end = ends[:, 0], ends[:, 1]
    return np.stack([start + across, start - across, end - across, end + across], 1)


def _inside(corners: NDArray[np.float64], rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The pixels in any of L polygons, (L, K, 2) x and y, by the even-odd rule: without their right and lower edges.

    The rule of scikit-image 0.14.2, which PATN states; version 0.26 includes all edges.
    """
    x, y = corners[..., 0, None], corners[..., 1, None]
    before_x, before_y = np.roll(x, 1, axis=1), np.roll(y, 1, axis=1)
    crossed = (rows >= np.minimum(y, before_y)) & (rows < np.maximum(y, before_y))
    # (L, K, H): where a row crosses an edge, which is to the right of all pixels with an odd number of further ones.
    at = (before_x - x) * (rows - y) / np.where(crossed, before_y - y, 1) + x
    left = columns < np.where(crossed, at, -np.inf)[..., None]
    return np.asarray(np.logical_xor.reduce(left, axis=1).any(0))


def masked(images: NDArray[np.uint8], poses: Iterable[NDArray[np.floating[Any]]]) -> NDArray[np.uint8]:
    """Images that are black outside of the masks of poses.

    Args:
        images: (N, H, W, 3) uint8.
        poses: N poses, as in `pose_mask`.

    Examples:
        >>> masked(np.full((1, 20, 20, 3), 7, np.uint8), [np.full((18, 2), np.nan)]).max()
        0
    """
    size = (images.shape[1], images.shape[2])
    return images * np.stack([pose_mask(pose, size) for pose in poses])[..., None]


class PoseMask(View):
    """Only what is inside of the mask of the target's pose; everything else is black."""

    id = "pose-mask-1"

    def show(self, images: NDArray[np.uint8], benchmark: Benchmark, targets: Sequence[str]) -> NDArray[np.uint8]:
        """The images, multiplied by the masks."""
        return masked(images, [benchmark.poses[target] for target in targets])

    def basis(self, benchmark: Benchmark, target: str) -> bytes:
        """The target's pose."""
        return benchmark.poses[target].tobytes()


POSE_MASK = PoseMask()
MOVED_BY = (
    "the annotated pose, from which the mask is drawn: other masks (PG2's has other discs) give other values",
    "the image size: widths of limbs and joints are in pixels, meant for images 64 wide and 128 high",
)
WITHOUT_POSE = "without a joint of the target"


def posed(evidence: Evidence) -> NDArray[np.bool_]:
    """(n,) whether the target of each pair has a joint; without one, a mask has nothing inside."""
    poses = evidence.benchmark.poses
    return np.array([bool(np.isfinite(poses[pair.target]).all(1).any()) for pair in evidence.pairs])
