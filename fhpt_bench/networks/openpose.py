"""OpenPose's JSON files: keypoints that the user estimated with OpenPose, one file per image."""

from __future__ import annotations

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
from fhpt_bench.reading import read_json

_FIELDS = {
    "body": "pose_keypoints_2d",
    "face": "face_keypoints_2d",
    "hand_left": "hand_left_keypoints_2d",
    "hand_right": "hand_right_keypoints_2d",
}


class OpenPoseFolder(SuppliedFeature):
    """Keypoints from OpenPose, one file per image, in place of those of the built-in network.

    The files of generated images are named by their pair, `<pair id>_keypoints.json` as OpenPose writes them, or
    `<pair id>.json`. The files of real target images are named by the image, `<image stem>_keypoints.json`; only
    benchmarks without keypoints of face and hands need them.

    Args:
        folder: folder of the files.
        benchmark: the benchmark whose pairs they belong to.
        progress: show a progress bar.

    Raises:
        UserError: if the folder does not exist, the file of a pair or of some targets is missing, or a file cannot be
            read or belongs to an image of another size.
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
                f"There is no folder of keypoints {folder}: give the folder of OpenPose's files with --keypoints."
            )
        pairs, targets = [pair.id for pair in benchmark.pairs], sorted({stem(p.target) for p in benchmark.pairs})
        with explained(folder, "read"):
            present = {path.name for path in folder.iterdir()}
        files = {
            name: folder / file
            for name in (*pairs, *targets)
            for file in (f"{name}.json", f"{name}_keypoints.json")  # if both exist, OpenPose's own name is used
            if file in present
        }
        _check_complete(folder, files, pairs, targets)
        height, width = benchmark.image_size
        self._keypoints: dict[str, NDArray[np.float32]] = {}
        with progress_bar("OpenPose files", len(files), progress) as done:
            for name, path in files.items():
                keypoints = self._keypoints[name] = read_openpose(path)
                if (keypoints[SLICES["body"], :2] > (width + 1, height + 1)).any():  # not found: NaN, never larger
                    raise UserError(
                        f"The file {path} has a joint outside of the {width}x{height} images: run OpenPose on the "
                        "images themselves, without resizing or padding them."
                    )
                done(1)
        if not any((keypoints[:, :2] > 1).any() for keypoints in self._keypoints.values()):
            raise UserError(
                f"The folder {folder} has no keypoint beyond the first pixel: write pixel coordinates with "
                "--keypoint_scale 0."
            )
        self.targets = targets[0] in self._keypoints

    @property
    def sha256(self) -> str:
        """A digest of the keypoints."""
        return sha256_json({name: sha256_bytes(keypoints.tobytes()) for name, keypoints in self._keypoints.items()})

    def vectors(self, pairs: Sequence[Pair], role: str) -> NDArray[np.float32]:
        """(n, 128, 3) x, y and found, as returned by `MediaPipeHolistic.extract`.

        Args:
            pairs: n pairs.
            role: "generated", or "target" if `targets` is true.

        Raises:
            ValueError: if there are no files of that role.
        """
        if role != "generated" and not (role == "target" and self.targets):
            raise ValueError(f"no keypoints of the {role} images were given")
        return np.stack([self._keypoints[pair.id if role == "generated" else stem(pair.target)] for pair in pairs])


def _check_complete(folder: Path, files: Container[str], pairs: Sequence[str], targets: Sequence[str]) -> None:
    """Every pair must have a file; of the targets, all or none."""
    missing = [name for name in pairs if name not in files]
    if missing:
        raise UserError(
            f"In the folder {folder}, keypoints of {len(missing)} of {len(pairs)} pairs are missing, first "
            f"{missing[0]}_keypoints.json: run OpenPose with --write_json on the generated images, named <pair id>.png."
        )
    missing = [name for name in targets if name not in files]
    if 0 < len(missing) < len(targets):
        raise UserError(
            f"In the folder {folder}, keypoints of {len(missing)} of {len(targets)} real targets are missing, first "
            f"{missing[0]}_keypoints.json: add the files of all targets, or of none."
        )


def read_openpose(path: Path) -> NDArray[np.float32]:
    """Read one file: Cao et al., OpenPose, IEEE TPAMI 2019; its format is that of doc/02_output.md.

    Args:
        path: a JSON file whose `people` have `pose_keypoints_2d` in COCO-18 or BODY_25 order, and optionally
            `face_keypoints_2d` (68, or 70, of which 68 are used) and `hand_{left,right}_keypoints_2d` (21), each
            with x, y and confidence per point, in pixels. Of several people, the one whose body has the highest total
            confidence is used.

    Returns:
        (128, 3) float32: x, y and found; a point of confidence 0 is not found and NaN.

    Raises:
        UserError: if it cannot be read or has another number of points.
    """
    content = read_json(path)
    try:
        found = [_person(person) for person in content["people"]]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise UserError(f"The file {path} is not OpenPose's JSON ({error}): write it with --write_json.") from error
    if not found:
        return _none_found()
    return max(found, key=lambda person: person[1])[0]


def _person(person: dict[str, list[float]]) -> tuple[NDArray[np.float32], float]:
    """One person's keypoints, and the total confidence of the body's joints."""
    keypoints, confidence = _none_found(), 0.0
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
            raise ValueError(f"{field} has {len(points)} points")
        found = points[:, 2] > 0
        keypoints[SLICES[part]][found] = np.where([True, True, False], points, 1)[found]
    return keypoints, confidence


def _none_found() -> NDArray[np.float32]:
    return np.tile(np.array([np.nan, np.nan, 0], np.float32), (KEYPOINTS, 1))
