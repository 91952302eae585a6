"""Faces in the frame that face networks of the ArcFace family expect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fhpt_bench.data.keypoints import SLICES
from fhpt_bench.networks.encoders import FACE_SIDE
from fhpt_bench.networks.keypoints import MediaPipeHolistic

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Eyes, tip of the nose, corners of the mouth in an image of 112x112, with the centre of the first pixel at 0:
# InsightFace, python-package/insightface/utils/face_align.py.
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
# The same points as means of the 68 points of a face, from left to right in the image.
_POINTS = (range(36, 42), range(42, 48), (30,), (48,), (54,))


class AlignedFaces:
    """Finds the face of an image with MediaPipe, and maps it to ArcFace's template by a similarity transform."""

    def __init__(self) -> None:
        self._keypoints = MediaPipeHolistic("cpu")

    def crops(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
        """The faces of some images.

        Args:
            images: (N, H, W, 3) uint8 RGB.

        Returns:
            (F, 112, 112, 3) uint8 faces, and (F,) the positions of their images; an image without a face is left out.
        """
        faces = self._keypoints.extract(images)[:, SLICES["face"]]
        shown = np.flatnonzero((faces[..., 2] == 1).all(1))
        found = np.empty((len(shown), FACE_SIDE, FACE_SIDE, 3), np.uint8)
        for face, position in zip(found, shown, strict=True):
            face[:] = align_face(images[position], five_points(faces[position, :, :2]))
        return found, shown


def five_points(face: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Eyes, tip of the nose and corners of the mouth, from left to right in the image.

    Args:
        face: (68, 2) pixels (x, y) of iBUG 300-W's points.

    Returns:
        (5, 2) float64.

    Examples:
        >>> five_points(np.arange(136.0).reshape(68, 2))[:3].tolist()
        [[77.0, 78.0], [89.0, 90.0], [60.0, 61.0]]
    """
    return np.stack([face[list(of)].astype(np.float64).mean(0) for of in _POINTS])


def align_face(image: NDArray[np.uint8], points: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The face of an image in the frame of ArcFace's template, bilinear, black outside the image.

    Args:
        image: (H, W, 3) uint8 RGB.
        points: (5, 2) pixels (x, y), the centre of the first pixel at .5.

    Returns:
        (112, 112, 3) uint8.
    """
    from skimage.transform import SimilarityTransform, warp

    mapped: Any = warp
    transform = SimilarityTransform.from_estimate(points - 0.5, TEMPLATE)
    face = mapped(
        image, transform.inverse, output_shape=(FACE_SIDE, FACE_SIDE), order=1, mode="constant", preserve_range=True
    )
    result: NDArray[np.uint8] = face.round().astype(np.uint8)
    return result
