"""COCO-18 poses and the keypoint files of PATN's family."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.data.pairs import read_list_text
from fhpt_bench.errors import UserError

# OpenPose's COCO order; many repositories label 14-17 the wrong way round.
JOINTS = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "right_eye", "left_eye", "right_ear", "left_ear",
)  # fmt: skip
LIMBS = (
    (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13),
    (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip


_WIDE = 256  # of the frame of DeepFashion's own images; half of what the crop removed lies on either side
_COLUMNS = ("name", "keypoints_y", "keypoints_x")
# Of the joints that may lie beyond a crop's edge before the file is taken for the wide frame: 3.6 % do in DeepFashion's
# wide test file, 0.02 % after the crop.
_BEYOND = 0.01


def read_keypoints(path: Path, width: int) -> dict[str, NDArray[np.float32]]:
    """Read a keypoint file: `name: [18 y]: [18 x]` a line, -1 in both where a joint is missing.

    Args:
        path: the file; its header, where it has one, may put x first.
        width: of the images; a file in the 256-wide frame is moved by half of what the crop removed.

    Returns:
        Image name -> (18, 2) float32 pixels (x, y), NaN where missing.

    Raises:
        UserError: where a line cannot be read, or there is none.
    """
    poses = parse_keypoints(path)
    shift = np.float32((keypoint_frame(poses, width) - width) / 2)
    return {name: pose - (shift, np.float32(0)) for name, pose in poses.items()} if shift else poses


def keypoint_frame(poses: Mapping[str, NDArray[np.float32]], width: int) -> int:
    """How wide the images were in whose pixels a keypoint file counts: DeepFashion's lists come in two frames.

    Args:
        poses: from `parse_keypoints`, of a whole file.
        width: of the cropped images.

    Returns:
        256, or the width. Joints beyond the edge of the crop tell; a few of them lie there in either frame.

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
        Image name -> (18, 2) float32 pixels (x, y), NaN where missing.

    Raises:
        UserError: where a line cannot be read, a name has two poses, or there is no line.
    """
    lines = read_list_text(path).splitlines()
    columns: tuple[str, ...] = _COLUMNS
    first = 0
    if lines and "[" not in lines[0]:
        columns, first = tuple(word.strip() for word in lines[0].split(":")), 1
        if sorted(columns) != sorted(_COLUMNS):
            raise UserError(f"The header of the keypoint file {path} is not `{':'.join(_COLUMNS)}`: mend it.")
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
        raise UserError(f"The keypoint file {path} holds no line: get it again.")
    return poses
