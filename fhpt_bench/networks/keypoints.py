"""MediaPipe Holistic: keypoints of body, face and hands."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fhpt_bench.data.keypoints import BODY_FROM_MEDIAPIPE, FACE_FROM_MEDIAPIPE, KEYPOINTS, SLICES
from fhpt_bench.feature import FeatureSpec, VectorFeature

# Measured on the 60 test images of `studio` 0.1 at 1, 2 and 4 times their size: bodies found 57, 58 and 56, with 92, 93
# and 91 % of their visible joints; faces 40 each; visible hands 44, 43 and 43 of 61; mean error of joints 5.5, 6.1 and
# 5.3 pixels, of face points 1.0 each, of hand points 2.3, 1.9 and 1.9.
ENLARGED = 2
VISIBILITY = 0.5
_EMPTY = np.zeros((64, 64, 3), np.uint8)


class MediaPipeHolistic(VectorFeature):
    """Keypoints found by MediaPipe's Holistic; its models are part of its wheel.

    Args:
        device: ignored; it runs on the CPU.
    """

    spec = FeatureSpec(
        "mediapipe-holistic",
        1,
        (),
        f"enlarged {ENLARGED} times (Pillow, bicubic), still images with an empty one before each, complexity 1, half "
        f"a pixel added; a body joint is found at visibility {VISIBILITY} or more and inside the image",
        backend=f"mediapipe {importlib.metadata.version('mediapipe')}",
    )
    in_workers = True

    def __init__(self, device: str) -> None:
        with _silent():
            from mediapipe.python.solutions.holistic import Holistic

            self._holistic = Holistic(static_image_mode=True, model_complexity=1)
            # Its graph starts with the first image, and prints messages.
            self._holistic.process(_EMPTY)
        self._found_person = False

    def extract(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, H, W, 3) uint8 RGB -> (N, 128, 3) float32, x, y in pixels and found; x and y are NaN if not found.

        Raises:
            ValueError: if the images have another shape or dtype.
        """
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
            raise ValueError(f"MediaPipe needs (N, H, W, 3) uint8 images, not {images.shape} {images.dtype}")
        keypoints = np.full((len(images), KEYPOINTS, 3), np.nan, np.float32)
        keypoints[..., 2] = 0
        height, width = images.shape[1:3]
        for image, row in zip(images, keypoints, strict=True):
            large = Image.fromarray(np.ascontiguousarray(image)).resize(
                (width * ENLARGED, height * ENLARGED), Image.Resampling.BICUBIC
            )
            # With the first person it prints one more message, once.
            with contextlib.nullcontext() if self._found_person else _silent():
                # Even on still images it searches for face and hands where they were in the last image: an empty image
                # in between prevents this.
                self._holistic.process(_EMPTY)
                found = self._holistic.process(np.asarray(large))
            if found.pose_landmarks is not None:
                self._found_person = True
                row[SLICES["body"]] = _body(_pixels(found.pose_landmarks, width, height), width, height)
            if found.face_landmarks is not None:
                row[SLICES["face"]] = _pixels(found.face_landmarks, width, height)[list(FACE_FROM_MEDIAPIPE)]
                row[SLICES["face"], 2] = 1
            for part, hand in (("hand_left", found.left_hand_landmarks), ("hand_right", found.right_hand_landmarks)):
                if hand is not None:
                    row[SLICES[part]] = _pixels(hand, width, height)
                    row[SLICES[part], 2] = 1
        return keypoints


def _pixels(landmarks: Any, width: int, height: int) -> NDArray[np.float64]:
    """(K, 3) x, y in the image's own pixels, and visibility.

    MediaPipe has the centre of the first pixel of its input at 0, this project at .5. (Without this half pixel, its
    keypoints of one image at different sizes differ by exactly that.)
    """
    points = np.array([[p.x, p.y, p.visibility] for p in landmarks.landmark])
    return points * (width, height, 1) + (0.5 / ENLARGED, 0.5 / ENLARGED, 0)


def _body(points: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    """MediaPipe's 33 landmarks as COCO-18: a joint is found if all landmarks it is computed from are found."""
    inside = ((points[:, :2] >= 0) & (points[:, :2] < (width, height))).all(1)
    found = inside & (points[:, 2] >= VISIBILITY)
    joints = np.array(
        [(*points[list(of), :2].mean(0), 1) if found[list(of)].all() else (np.nan, np.nan, 0)
         for of in BODY_FROM_MEDIAPIPE]
    )  # fmt: skip
    return joints


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Hide the messages that MediaPipe's compiled code writes to the process's standard error.

    They cannot be turned off, and they bypass Python's streams, so the file descriptor is redirected meanwhile.
    """
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
