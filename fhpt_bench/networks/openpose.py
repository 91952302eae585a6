"""OpenPose's JSON files: keypoints that somebody else's estimator found, one file an image."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.data.keypoints import BODY_FROM_OPENPOSE_25, KEYPOINTS, PARTS, SLICES
from fhpt_bench.errors import UserError
from fhpt_bench.files import explained

_FIELDS = {
    "body": "pose_keypoints_2d",
    "face": "face_keypoints_2d",
    "hand_left": "hand_left_keypoints_2d",
    "hand_right": "hand_right_keypoints_2d",
}


@dataclass(frozen=True)
class OpenPoseReadings:
    """What a folder of OpenPose's files says of N images.

    Args:
        points: (N, 128, 3) float32, x, y in pixels and found, as `MediaPipeHolistic.extract` gives them.
        missing: the images without a file, on which nothing counts as found.
    """

    points: NDArray[np.float32]
    missing: tuple[str, ...]


def read_openpose_folder(folder: Path, names: Sequence[str]) -> OpenPoseReadings:
    """Read the files of some images.

    Args:
        folder: with `<name>_keypoints.json`, as OpenPose writes them, or `<name>.json`.
        names: of the images, without suffix; of generated images the pair ids.

    Raises:
        UserError: where the folder does not exist, has a file for none of them, or one cannot be read.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}.")
    points, missing = [], []
    for name in names:
        found = [path for end in ("_keypoints.json", ".json") if (path := folder / f"{name}{end}").is_file()]
        points.append(read_openpose(found[0]) if found else _nothing())
        missing += [] if found else [name]
    if len(missing) == len(names):
        raise UserError(f"The folder {folder} has a file for none of {len(names)} images: name them <pair id>.json.")
    return OpenPoseReadings(np.stack(points), tuple(missing))


def read_openpose(path: Path) -> NDArray[np.float32]:
    """Read one file: Cao et al., OpenPose, IEEE TPAMI 2019; its format is that of doc/02_output.md.

    Args:
        path: a JSON file whose `people` have `pose_keypoints_2d` in COCO-18 or BODY_25 order, and, if they like,
            `face_keypoints_2d` (70, of which 68 count, or 68) and `hand_{left,right}_keypoints_2d` (21), each x, y and
            confidence in turn, in pixels. Of several people the one whose body has the most confidence counts.

    Returns:
        (128, 3) float32: x, y and found; a point of confidence 0 is not found and NaN.

    Raises:
        UserError: where it cannot be read or holds other numbers of points.
    """
    with explained(path, "read"):
        try:
            people = json.loads(path.read_text(encoding="utf-8"))["people"]
            readings = [_person(person) for person in people]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"The file {path} is not OpenPose's JSON ({error}): write it with --write_json.") from error
    if not readings:
        return _nothing()
    return max(readings, key=lambda reading: reading[1])[0]


def _person(person: dict[str, list[float]]) -> tuple[NDArray[np.float32], float]:
    """One person's keypoints, and the sum of confidence in the body's joints."""
    reading, confidence = _nothing(), 0.0
    for part, field in _FIELDS.items():
        points = np.asarray(person.get(field) or [], np.float32).reshape(-1, 3)
        if part == "body":
            confidence = float(points[:, 2].sum())
            points = points[list(BODY_FROM_OPENPOSE_25)] if len(points) == 25 else points
        if part == "face" and len(points) == 70:  # the last two are the pupils
            points = points[:68]
        if not len(points):
            continue
        if len(points) != PARTS[part] or not np.isfinite(points).all():
            raise ValueError(f"{field} holds {len(points)} points")
        found = points[:, 2] > 0
        reading[SLICES[part]][found] = np.where([True, True, False], points, 1)[found]
    return reading, confidence


def _nothing() -> NDArray[np.float32]:
    return np.tile(np.array([np.nan, np.nan, 0], np.float32), (KEYPOINTS, 1))
