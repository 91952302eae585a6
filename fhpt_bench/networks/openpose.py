"""Keypoints that the user estimated with another tool, one JSON file per image."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.benchmark import Benchmark, Pair
from fhpt_bench.data.keypoint_files import find_keypoint_files, read_keypoint_files
from fhpt_bench.data.names import stem
from fhpt_bench.errors import UserError
from fhpt_bench.feature import FeatureSpec, SuppliedFeature
from fhpt_bench.files import sha256_bytes, sha256_json


class OpenPoseFolder(SuppliedFeature):
    """Keypoints from OpenPose or another tool, one file per image, in place of those of the built-in network.

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
        3,  # 2: a point at exactly (0, 0) was found at any confidence above 0
        (),
        "read from files; of several people the one whose body has the most confidence; a point is found at any "
        "confidence above 0, but not at exactly (0, 0)",
        backend="OpenPose",
    )
    replaces = "mediapipe-holistic"

    def __init__(self, folder: Path, benchmark: Benchmark, progress: bool = False) -> None:
        if not folder.is_dir():
            raise UserError(
                f"There is no folder of keypoints {folder}: give the folder of OpenPose's files with --keypoints."
            )
        pairs, targets = [pair.id for pair in benchmark.pairs], sorted({stem(p.target) for p in benchmark.pairs})
        files = find_keypoint_files(folder, (*pairs, *targets))
        _check_complete(folder, files, pairs, targets)
        self._keypoints, tool = read_keypoint_files(folder, files, benchmark.image_size, progress)
        if tool != "openpose":  # another estimator: its scores are comparable only with each other
            self.spec = replace(self.spec, id=f"{tool}-json", backend=tool)
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
