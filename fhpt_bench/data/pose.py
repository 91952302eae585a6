"""COCO-18 poses and keypoint files in PATN's format."""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.errors import UserError, plain
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
_CROP = (256, 176)  # (height, width) of the crop
_SAME_SHAPE = 0.02  # relative: sizes are rounded to whole pixels
# Joints at (0, 0) are missing ones if there are several, and not very few: Market-1501's list has 3 of 222,000.
_ORIGINS = 1e-4
_OUTSIDE, _ENOUGH = 0.2, 36  # share of joints outside, and joints from which a quarter of the image is suspicious
log = logging.getLogger(__name__)


def read_keypoints(path: Path, size: tuple[int, int], frame: Frame | None = None) -> dict[str, NDArray[np.float32]]:
    """Read a keypoint file: `name: [18 y]: [18 x]` per line, -1 in both if a joint is missing.

    Args:
        path: the file; its header is optional and may put x first.
        size: (height, width) of the images.
        frame: the images to which the file refers; default: the images themselves. If they have the size of
            DeepFashion's crop, they are 256 wide if the joints say so (`keypoint_frame`).

    Returns:
        Image name -> (18, 2) float32 pixels (x, y), NaN if missing.

    Raises:
        UserError: if a line cannot be read, there is no line or no joint, or the joints do not fit the images.
    """
    poses = parse_keypoints(path)
    if (frame.size if frame else size) == _CROP and keypoint_frame(poses, _CROP[1]) == _WIDE:
        wide = Frame((_CROP[0], _WIDE), "shift")
        poses = {name: wide.to_image(pose, _CROP) for name, pose in poses.items()}
    if frame is not None:
        poses = {name: frame.to_image(pose, size) for name, pose in poses.items()}
    _check_fit(path, poses, size)
    return poses


@dataclass(frozen=True)
class Frame:
    """The images to which keypoints refer, and how they became the benchmark's.

    Args:
        size: their (height, width).
        fit: "shift" if the same number of rows and columns was cut off (or added) on opposite sides, "scale" if they
            were resized.
    """

    size: tuple[int, int]
    fit: Literal["shift", "scale"] = "scale"

    def to_image(self, pose: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
        """Joints in pixels of the benchmark's images.

        Args:
            pose: (18, 2) x and y in pixels of this frame.
            size: (height, width) of the benchmark's images.

        Examples:
            >>> Frame((256, 256), "shift").to_image(np.float32([[128, 100]]), (256, 176)).tolist()
            [[88.0, 100.0]]
            >>> Frame((512, 352)).to_image(np.float32([[176, 100]]), (256, 176)).tolist()
            [[88.0, 50.0]]
        """
        ours, theirs = np.array(size[::-1], np.float32), np.array(self.size[::-1], np.float32)
        moved = pose - (theirs - ours) / 2 if self.fit == "shift" else pose * (ours / theirs)
        return moved.astype(np.float32)


def parse_frame(text: str, size: tuple[int, int]) -> Frame:
    """The frame that `HEIGHTxWIDTH`, `HEIGHTxWIDTH:shift` or `HEIGHTxWIDTH:scale` names.

    Args:
        text: the text.
        size: (height, width) of the images.

    Raises:
        UserError: if it is none of these, or the shapes differ and the fit is not said.

    Examples:
        >>> parse_frame("256x256:shift", (256, 176))
        Frame(size=(256, 256), fit='shift')
    """
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})(?::(shift|scale))?", text)
    if found is None:
        raise UserError(f"--keypoint-frame {text!r} is not HEIGHTxWIDTH, or with :shift or :scale after it.")
    frame = int(found[1]), int(found[2])
    if found[3] is None and not same_shape(frame, size):
        raise UserError(
            f"--keypoint-frame {text} has another shape than the images, {size[0]}x{size[1]}: add :shift if rows or "
            "columns were cut off, :scale if the images were resized."
        )
    return Frame(frame, "shift" if found[3] == "shift" else "scale")


def same_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two (height, width) have the same shape, up to the rounding to whole pixels."""
    return math.isclose(one[0] * other[1], one[1] * other[0], rel_tol=_SAME_SHAPE)


def _check_fit(path: Path, poses: Mapping[str, NDArray[np.float32]], size: tuple[int, int]) -> None:
    """Refuse joints that belong to images of another size: every score that uses them would be wrong."""
    joints = np.concatenate(list(poses.values()))
    joints = joints[np.isfinite(joints).all(1)]
    if not len(joints):
        raise UserError(f"The keypoint file {path} has no joint at all: estimate the poses again.")
    height, width = size
    (low_x, low_y), (high_x, high_y) = joints.min(0), joints.max(0)
    seen = f"x from {low_x:.0f} to {high_x:.0f}, y from {low_y:.0f} to {high_y:.0f}"
    size_xy = np.array([width, height], np.float32)
    outside = float(((joints < -1) | (joints > size_xy + 1)).any(1).mean())
    way = (
        "state the size of the images that they refer to: keypoint_frame = [height, width] in the benchmark file, or "
        "--keypoint-frame of `data new`"
    )
    far = joints[((joints < -size_xy) | (joints > 2 * size_xy)).any(1)]
    if len(far) and outside <= _OUTSIDE:
        raise UserError(
            f"In the keypoint file {path}, {len(far)} joints are far outside the {width}x{height} images, such as "
            f"({far[0][0]:.0f}, {far[0][1]:.0f}): write -1 for a missing joint."
        )
    if outside > _OUTSIDE:
        raise UserError(
            f"In the keypoint file {path}, {outside:.0%} of the joints are outside the {width}x{height} images "
            f"({seen}): {way}."
        )
    if len(joints) >= _ENOUGH and high_x < width / 2 and high_y < height / 2:
        raise UserError(
            f"In the keypoint file {path}, all joints are in the top left quarter of the {width}x{height} images "
            f"({seen}): {way}."
        )


def keypoint_frame(poses: Mapping[str, NDArray[np.float32]], width: int) -> int:
    """The width of the images to which a keypoint file refers: DeepFashion's lists exist in two frames.

    Args:
        poses: result of `parse_keypoints` for a complete file.
        width: width of the cropped images.

    Returns:
        256, or the width. It is decided by the share of joints beyond the edge of the crop; in both frames there are a
        few. A list of other images, with joints a little outside of them, has many in the columns that a crop removes.

    Examples:
        >>> keypoint_frame({"a": np.array([[200.0, 9]], np.float32)}, 176)
        256
    """
    x = np.concatenate([pose[:, 0] for pose in poses.values()])
    beyond, side = (x > width).sum(), (_WIDE - width) / 2
    # In a wide list, hardly any joint is on the columns that the crop removes, on either side.
    removed = ((x < side) | (x > _WIDE - side)).sum()
    return _WIDE if beyond > _BEYOND * np.isfinite(x).sum() and removed < beyond else width


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
    origins = 0
    for number, line in enumerate(lines[first:], start=first + 1):
        if not line.strip():
            continue
        try:
            # A name may have colons, the numbers have none.
            parts = line.rsplit(":", 2) if name_at == 0 else line.split(":")
            if len(parts) != len(_COLUMNS) or parts[name_at].rstrip().endswith("]"):
                raise ValueError
            y, x = (np.array(json.loads(parts[at]), np.float32) for at in (y_at, x_at))
            if x.shape != (18,) or y.shape != (18,) or not np.isfinite([x, y]).all():
                raise ValueError
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise UserError(
                f"Line {number} of the keypoint file {path} is not `name: [18 numbers]: [18 numbers]`, with -1 for a "
                "missing joint."
            ) from error
        missing = (x < 0) | (y < 0)
        origins += int(((x == 0) & (y == 0)).sum())
        pose = np.where(missing[:, None], np.nan, np.stack([x, y], 1)).astype(np.float32)
        name = parts[name_at].strip()
        if not np.array_equal(poses.setdefault(name, pose), pose, equal_nan=True):
            raise UserError(f"Line {number} of the keypoint file {path} gives {name} a second pose: keep one of them.")
    if not poses:
        raise UserError(f"The keypoint file {path} is empty: get it again.")
    if origins > max(1, _ORIGINS * sum(int(np.isfinite(pose).all(1).sum()) for pose in poses.values())):
        log.warning("%s has %d joints at exactly (0, 0): they are read as missing.", plain(str(path)), origins)
        poses = {name: np.where((pose == 0).all(1)[:, None], np.float32(np.nan), pose) for name, pose in poses.items()}
    return poses
