"""The five views of DeepFashion In-shop: rotation of the person, and the camera."""

from dataclasses import dataclass

import numpy as np

from .dressing import Posed
from .geometry import Array, rotation_yaw, unit

WIDTH, HEIGHT = 176, 256
SCALE = 2  # all is rendered at twice this size; with Cycles' pixel filter a larger factor has no benefit
DISTANCE = 4.2  # metres from camera to person
FACE_HEIGHT = 0.19  # metres from chin to hairline
FACE_PIXELS = {"front": (46, 54), "side": (46, 54), "back": (46, 54), "additional": (58, 66)}
YAW = {"front": 0.0, "side": 75.0, "back": 180.0, "full": 0.0, "additional": 0.0}
YAW_SPREAD = 7.0
VIEWS = tuple(YAW)


@dataclass
class Camera:
    eye: Array
    target: Array
    field_of_view: float  # vertical, radians

    def axes(self) -> Array:
        """Rows: right, up, backwards."""
        back = unit(self.eye - self.target)
        right = unit(np.cross([0, 0, 1], back))
        return np.stack([right, np.cross(back, right), back])

    def project(self, points: Array) -> tuple[Array, Array]:
        """Pixels (x right, y down; the middle of the first pixel is at .5) and depths."""
        right, up, back = ((np.asarray(points) - self.eye) @ self.axes().T).T
        focal = HEIGHT / 2 / np.tan(self.field_of_view / 2)
        depth = -back
        return np.stack([WIDTH / 2 + focal * right / depth, HEIGHT / 2 - focal * up / depth], 1), depth


def draw_yaw(view: str, rng: np.random.Generator) -> Array:
    side = 1 if rng.random() < 0.5 else -1
    jitter = np.clip(rng.normal(0, YAW_SPREAD), -2 * YAW_SPREAD, 2 * YAW_SPREAD)
    return rotation_yaw(side * YAW[view] + jitter)


def frame(posed: Posed, view: str, rng: np.random.Generator) -> Camera:
    """The camera of a view: `full` shows the whole body, others the upper part, scaled by the face height."""
    vertices = np.concatenate([part.vertices for part in posed.parts])
    top = vertices[:, 2].max()
    middle = (vertices[:, 0].min() + vertices[:, 0].max()) / 2
    if view == "full":
        span, centre = 1.1 * top, top / 2
    else:
        span = HEIGHT / rng.uniform(*FACE_PIXELS[view]) * FACE_HEIGHT
        centre = top + span * rng.uniform(0.055, 0.085) - span / 2
        head = vertices[vertices[:, 2] > top - 0.25, 0].mean()
        middle = head if view == "additional" else (middle + head) / 2
    eye = np.array([middle, -DISTANCE, centre + rng.uniform(-0.05, 0.12)])
    return Camera(eye, np.array([middle, 0.0, centre]), 2 * float(np.arctan(span / 2 / DISTANCE)))
