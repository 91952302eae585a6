"""OpenPose's JSON files: keypoints that somebody else's estimator found, one file an image."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.benchmark import Benchmark, Pair
from fhpt_bench.data.keypoints import BODY_FROM_OPENPOSE_25, KEYPOINTS, PARTS, SLICES
from fhpt_bench.data.names import stem
from fhpt_bench.errors import UserError
from fhpt_bench.feature import FeatureSpec, SuppliedFeature
from fhpt_bench.files import explained, sha256_bytes, sha256_json
from fhpt_bench.progress import progress_bar

_FIELDS = {
    "body": "pose_keypoints_2d",
    "face": "face_keypoints_2d",
    "hand_left": "hand_left_keypoints_2d",
    "hand_right": "hand_right_keypoints_2d",
}


class OpenPoseFolder(SuppliedFeature):
    """Keypoints that the user had OpenPose find, one file an image, in place of those that a network finds here.

    The files of generated images are named by their pair, `<pair id>_keypoints.json` as OpenPose writes them, or
    `<pair id>.json`; those of real target images, which only benchmarks without keypoints of face and hands need, by
    the image: `<image stem>_keypoints.json`.

    Args:
        folder: with the files.
        benchmark: whose pairs they are of.
        progress: show a bar.

    Raises:
        UserError: where the folder does not exist, lacks a pair, has some of the targets only, or a file cannot be
            read or is of an image of another size.
    """

    spec = FeatureSpec(
        "openpose-json",
        1,
        (),
        "read from files; of several people the one whose body has the most confidence; a point is found at any "
        "confidence above 0",
        backend="OpenPose",
    )
    replaces = "mediapipe-holistic"

    def __init__(self, folder: Path, benchmark: Benchmark, progress: bool = False) -> None:
        if not folder.is_dir():
            raise UserError(
                f"There is no folder of keypoints {folder}: give --keypoints the one with OpenPose's files."
            )
        pairs, targets = [pair.id for pair in benchmark.pairs], sorted({stem(p.target) for p in benchmark.pairs})
        with explained(folder, "read"):
            here = {path.name for path in folder.iterdir()}
        files = {
            name: folder / file
            for name in (*pairs, *targets)
            for file in (f"{name}.json", f"{name}_keypoints.json")  # where both are there, OpenPose's own name wins
            if file in here
        }
        _check_complete(folder, files, pairs, targets)
        height, width = benchmark.image_size
        self._readings: dict[str, NDArray[np.float32]] = {}
        with progress_bar("OpenPose files", len(files), progress) as done:
            for name, path in files.items():
                reading = self._readings[name] = read_openpose(path)
                if (reading[SLICES["body"], :2] > (width + 1, height + 1)).any():  # never where not found: NaN
                    raise UserError(
                        f"The file {path} has a joint outside of the {width}x{height} images: run OpenPose on the "
                        "very images that are judged, without resizing or padding them."
                    )
                done(1)
        if not any((reading[:, :2] > 1).any() for reading in self._readings.values()):
            raise UserError(
                f"The folder {folder} has no keypoint beyond the first pixel: write pixels, with --keypoint_scale 0."
            )
        self.targets = targets[0] in self._readings

    @property
    def sha256(self) -> str:
        """A digest of what was read."""
        return sha256_json({name: sha256_bytes(reading.tobytes()) for name, reading in self._readings.items()})

    def vectors(self, pairs: Sequence[Pair], role: str) -> NDArray[np.float32]:
        """(n, 128, 3) x, y and found, as `MediaPipeHolistic.extract` gives them.

        Args:
            pairs: n pairs.
            role: "generated", or "target" where `targets` says that their files are there.

        Raises:
            ValueError: where there are no such files.
        """
        if role != "generated" and not (role == "target" and self.targets):
            raise ValueError(f"no keypoints of the {role} images were given")
        return np.stack([self._readings[pair.id if role == "generated" else stem(pair.target)] for pair in pairs])


def _check_complete(folder: Path, files: Container[str], pairs: Sequence[str], targets: Sequence[str]) -> None:
    """Every pair must have its file, and every target or none of them."""
    missing = [name for name in pairs if name not in files]
    if missing:
        raise UserError(
            f"The folder {folder} lacks the keypoints of {len(missing)} of {len(pairs)} pairs, first "
            f"{missing[0]}_keypoints.json: run OpenPose with --write_json on the generated images, named <pair id>.png."
        )
    missing = [name for name in targets if name not in files]
    if 0 < len(missing) < len(targets):
        raise UserError(
            f"The folder {folder} lacks the keypoints of {len(missing)} of {len(targets)} real targets, first "
            f"{missing[0]}_keypoints.json: lay in the files of all targets, or of none."
        )


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
