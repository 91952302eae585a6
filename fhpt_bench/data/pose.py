"""COCO-18 poses and the keypoint files of PATN's family."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.errors import UserError
from fhpt_bench.files import explained

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


def read_keypoints(path: Path, width: int) -> dict[str, NDArray[np.float32]]:
    """Read a keypoint file: `name: [18 y]: [18 x]` a line, -1 in both where a joint is missing.

    Args:
        path: the file; its first line is a header.
        width: of the images; a file in the 256-wide frame is moved by half of what the crop removed.

    Returns:
        Image name -> (18, 2) float32 pixels (x, y), NaN where missing.

    Raises:
        UserError: where a line cannot be read.
    """
    with explained(path, "read"):
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    poses: dict[str, NDArray[np.float32]] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        try:
            name, ys, xs = line.split(":")
            y, x = (np.array(json.loads(part), np.float32) for part in (ys, xs))
            if x.shape != (18,) or y.shape != (18,):
                raise ValueError
        except ValueError as error:
            raise UserError(
                f"Line {number} of the keypoint file {path} is not `name: [18 numbers]: [18 numbers]`."
            ) from error
        missing = (x < 0) | (y < 0)
        poses[name.strip()] = np.where(missing[:, None], np.nan, np.stack([x, y], 1)).astype(np.float32)
    # DeepFashion's lists come in two frames; only the wide one has joints beyond the crop's edge.
    if max((float(np.nan_to_num(pose[:, 0]).max()) for pose in poses.values()), default=0.0) > width:
        for pose in poses.values():
            pose[:, 0] -= (256 - width) / 2
    return poses
