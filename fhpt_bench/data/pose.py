"""COCO-18 poses and keypoint files in PATN's format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.errors import UserError
from fhpt_bench.reading import read_lines

# OpenPose's COCO order; many repositories swap left and right in the labels of 14-17.
JOINTS = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "right_eye", "left_eye", "right_ear", "left_ear",
)  # fmt: skip
LIMBS = (
    (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13),
    (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip


_WIDE = 256  # width of DeepFashion's own images; the crop removes the same number of columns on both sides
_COLUMNS = ("name", "keypoints_y", "keypoints_x")
# A file is in the wide frame if a larger share of its joints is beyond the right edge of the crop: 3.6 % are in
# DeepFashion's wide test file, 0.02 % after the crop.
_BEYOND = 0.01


def read_keypoints(path: Path, width: int) -> dict[str, NDArray[np.float32]]:
    """Read a keypoint file: `name: [18 y]: [18 x]` per line, -1 in both if a joint is missing.

    Args:
        path: the file; its header is optional and may put x first.
        width: width of the images; keypoints in the 256-wide frame are shifted by half of the removed columns.

    Returns:
        Image name -> (18, 2) float32 pixels (x, y), NaN if missing.

    Raises:
        UserError: if a line cannot be read, or there is no line.
    """
    poses = parse_keypoints(path)
    shift = np.float32((keypoint_frame(poses, width) - width) / 2)
    return {name: pose - (shift, np.float32(0)) for name, pose in poses.items()} if shift else poses


def keypoint_frame(poses: Mapping[str, NDArray[np.float32]], width: int) -> int:
    """The width of the images to which a keypoint file refers: DeepFashion's lists exist in two frames.

    Args:
        poses: result of `parse_keypoints` for a complete file.
        width: width of the cropped images.

    Returns:
        256, or the width. It is decided by the share of joints beyond the edge of the crop; in both frames there are a
        few.

    Examples:
        >>> keypoint_frame({"a": np.array([[200.0, 9]], np.float32)}, 176)
        256
    """
    x = np.concatenate([pose[:, 0] for pose in poses.values()])
    return _WIDE if (x > width).sum() > _BEYOND * np.isfinite(x).sum() else width


def parse_keypoints(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read a keypoint file in its own frame; see `read_keypoints`.

    Args:
        path: the file.

    Returns:
        Image name -> (18, 2) float32 pixels (x, y), NaN if missing.

    Raises:
        UserError: if a line cannot be read, a name has two poses, or there is no line.
    """
    lines = read_lines(path)
    columns: tuple[str, ...] = _COLUMNS
    first = 0
    if lines and "[" not in lines[0]:
        columns, first = tuple(word.strip() for word in lines[0].split(":")), 1
        if sorted(columns) != sorted(_COLUMNS):
            raise UserError(f"The header of the keypoint file {path} is not `{':'.join(_COLUMNS)}`: write this header.")
    name_at, y_at, x_at = (columns.index(column) for column in _COLUMNS)
    poses: dict[str, NDArray[np.float32]] = {}
    for number, line in enumerate(lines[first:], start=first + 1):
        if not line.strip():
            continue
        try:
            parts = line.split(":")
            if len(parts) != len(_COLUMNS):
                raise ValueError
            y, x = (np.array(json.loads(parts[at]), np.float32) for at in (y_at, x_at))
            if x.shape != (18,) or y.shape != (18,) or not np.isfinite([x, y]).all():
                raise ValueError
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise UserError(
                f"Line {number} of the keypoint file {path} is not `name: [18 numbers]: [18 numbers]`."
            ) from error
        missing = (x < 0) | (y < 0)
        pose = np.where(missing[:, None], np.nan, np.stack([x, y], 1)).astype(np.float32)
        name = parts[name_at].strip()
        if not np.array_equal(poses.setdefault(name, pose), pose, equal_nan=True):
            raise UserError(f"Line {number} of the keypoint file {path} gives {name} a second pose: keep one of them.")
    if not poses:
        raise UserError(f"The keypoint file {path} is empty: get it again.")
    return poses
