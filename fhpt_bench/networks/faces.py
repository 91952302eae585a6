"""Faces found by dlib: their boxes, and embeddings to compare them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fhpt_bench import weights
from fhpt_bench.feature import FeatureSpec, VectorFeature

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The HOG detector has few false positives: more faces than this in one image are a pattern, not a crowd.
FACES = 8
BOX, EMBEDDING = slice(0, 4), slice(4, 132)


class DlibFaces(VectorFeature):
    """The faces of an image, as `face_recognition.face_encodings` finds and embeds them.

    Its steps (face_recognition 1.3, defaults): the HOG detector on the image enlarged once, the 5-point landmark model,
    the 128-dimensional ResNet on the aligned face without jitter.

    Args:
        device: ignored; dlib's wheel computes on the CPU.

    Raises:
        WeightsMissing: if dlib's models are available from no source.
    """

    spec = FeatureSpec(
        "dlib-faces",
        1,
        ("dlib-landmarks", "dlib-resnet"),
        f"own size; HOG detector upsampling once, the {FACES} surest faces; 5-point alignment, no jitter",
        backend="dlib",
    )
    in_workers = True

    def __init__(self, device: str) -> None:
        import dlib

        landmarks, resnet = (str(weights.path(name)) for name in self.spec.weights)
        self._detect = dlib.get_frontal_face_detector()
        self._align = dlib.shape_predictor(landmarks)
        self._embed = dlib.face_recognition_model_v1(resnet)

    def extract(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, H, W, 3) uint8 RGB -> (N, 8, 132) float32: box (x0, y0, x1, y1) in pixels and embedding; NaN: no face.

        Raises:
            ValueError: if the images have another shape or dtype.
        """
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
            raise ValueError(f"dlib needs (N, H, W, 3) uint8 images, not {images.shape} {images.dtype}")
        found = np.full((len(images), FACES, EMBEDDING.stop), np.nan, np.float32)
        for row, image in zip(found, images, strict=True):
            pixels = np.ascontiguousarray(image)
            for face, box in zip(row, self._detect(pixels, 1), strict=False):
                face[BOX] = box.left(), box.top(), box.right(), box.bottom()
                # dlib returns its float32 numbers as float64: the conversion back is exact.
                face[EMBEDDING] = self._embed.compute_face_descriptor(pixels, self._align(pixels, box), 1)
        return found
