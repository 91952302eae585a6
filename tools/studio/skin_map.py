"""Map from texels to points of the body.

With it, a mark on the skin (brow, stubble, blush) is a function of distances in metres from the eyes and the mouth.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from .body import MESH_DATA, BodyModel
from .geometry import Array, to_linear

SIDE = 1024
# the mean colour of the photograph that the texture comes from
PHOTO_SKIN = np.array([172, 132, 110]) / 255


class SkinMap:
    def __init__(self, textures: Path, model: BodyModel) -> None:
        body = model.rest({"gender": 0.5, "age": 0.6}, {}).vertices
        self.points = np.nan_to_num(texel_points(body, model), nan=-9.0)
        self.x, self.y, self.z = np.moveaxis(self.points, -1, 0)
        left, right = (body[model.eye_vertices(side)].mean(0) for side in "lr")
        self.eyes = (left + right) / 2
        self.eye_distance = abs(left[0] - right[0])
        self.lips = self._chart("lips")
        self.nails = np.maximum(self._chart("fingernails"), self._chart("toenails"))
        self.mouth = np.median(self.points[self.lips > 0.5], 0)
        self.head = (self.z > self.mouth[2] - 0.12).astype(float)
        self.front = np.clip((self.eyes[1] + 0.045 - self.y) / 0.03, 0, 1) * self.head
        self.lips = gaussian_filter(self.lips, 1.2) * (np.abs(self.y - self.mouth[1]) < 0.05)
        self.scalp = self._scalp()
        self.relief = self._relief(textures / "human_young_lightskinned_male_diffuse.jpg")

    def _chart(self, name: str) -> Array:
        image = Image.open(MESH_DATA / "textures" / f"mpfb_{name}.jpg").convert("L")
        return np.asarray(image.resize((SIDE, SIDE))) / 255

    def _scalp(self) -> Array:
        top = np.clip((self.z - (self.eyes[2] + 0.035)) / 0.02, 0, 1) * self.head
        behind = np.clip((self.y - (self.eyes[1] + 0.075)) / 0.03, 0, 1)
        above_neck = np.clip((self.z - (self.mouth[2] - 0.03)) / 0.02, 0, 1)
        return gaussian_filter(np.maximum(top, behind * above_neck), 3)

    def _relief(self, photograph: Path) -> Array:
        """Ratio of the photographed skin to its mean colour, in linear light.

        The photographed man has a shaved head. The scalp is blurred, so that fair and bald heads are possible.
        """
        image = Image.open(photograph).convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        colour = np.asarray(image) / 255
        blurred = gaussian_filter(colour, (25, 25, 0))
        scalp = self.scalp[..., None]
        colour = colour * (1 - scalp) + (0.6 * PHOTO_SKIN + 0.4 * blurred) * scalp
        return to_linear(colour) / to_linear(PHOTO_SKIN)


def texel_points(vertices: Array, model: BodyModel) -> Array:
    """(SIDE, SIDE, 3): the point of the body under every texel, NaN outside the texture layout."""
    result = np.full((SIDE, SIDE, 3), np.nan)
    for corners in ([0, 1, 2], [0, 2, 3]):
        flat = model.uv[model.uv_quads[:, corners]]
        texels = np.stack([flat[..., 0] * SIDE - 0.5, (1 - flat[..., 1]) * SIDE - 0.5], -1)
        for points, triangle in zip(vertices[model.quads[:, corners]], texels, strict=True):
            _fill_triangle(result, points, triangle)
    return result


def _fill_triangle(result: Array, points: Array, triangle: Array) -> None:
    """Barycentric fill, extended by .15 past the edges so that seams are filled."""
    low = np.maximum(np.floor(triangle.min(0)).astype(int), 0)
    high = np.minimum(np.ceil(triangle.max(0)).astype(int) + 1, SIDE)
    (ax, ay), (bx, by) = triangle[1] - triangle[0], triangle[2] - triangle[0]
    area = ax * by - bx * ay
    spans_the_layout = high[0] - low[0] > 200
    if (high <= low).any() or abs(area) < 1e-9 or spans_the_layout:
        return
    columns, rows = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
    dx, dy = columns - triangle[0, 0], rows - triangle[0, 1]
    second = (dx * by - bx * dy) / area
    third = (ax * dy - dx * ay) / area
    shares = np.stack([1 - second - third, second, third], -1)
    inside = (shares > -0.15).all(-1)
    result[low[1] : high[1], low[0] : high[0]][inside] = shares[inside] @ points
