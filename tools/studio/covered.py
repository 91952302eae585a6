"""Find the skin under clothes, which is not rendered."""

import numpy as np
from scipy.spatial import cKDTree

from .body import BodyModel, RestBody
from .garments import Garment
from .geometry import Array, vertex_normals

CUFF = 0.035  # metres from the wrist joint within which skin may be visible through the cuff
SLEEVE_RINGS = 2  # rings of the arm's mesh that are kept inside a short sleeve, since they may be visible


def hidden_vertices(garments: list[Garment], body: RestBody, model: BodyModel) -> Array:
    """One flag per body vertex."""
    hidden = np.zeros(len(body.vertices), bool)
    for garment in garments:
        hidden[garment.hidden] = True
        hidden[_sleeved_forearm(garment, body, model)] = True
    return hidden


def dropped_quads(hidden: Array, model: BodyModel) -> Array:
    """One flag per face of the body: all its corners are hidden (with any corner there would be gaps at the hems)."""
    inside = hidden.copy()
    arm = _dominated_by("upperarm", model)
    for _ in range(SLEEVE_RINGS):
        rim = np.zeros_like(inside)
        rim[model.quads[~inside[model.quads].all(1)]] = True
        inside &= ~(rim & arm)
    return inside[model.quads].all(1)


def _dominated_by(bone: str, model: BodyModel) -> Array:
    numbers = [number for name, number in model.bone_number.items() if name.startswith(bone)]
    return np.isin(model.dominant_bone, numbers)


def _sleeved_forearm(garment: Garment, body: RestBody, model: BodyModel) -> Array:
    """Forearm vertices with cloth just outside them; the assets' lists of hidden vertices end too far from the wrist.

    Only the forearm is treated: on the chest an open collar, and on the thigh a loose trouser leg, would show a hole.
    """
    numbers = np.unique(model.quads)
    numbers = numbers[_dominated_by("lowerarm", model)[numbers]]
    for side in "LR":
        wrist = body.heads[model.bone_number[f"wrist.{side}"]]
        numbers = numbers[np.linalg.norm(body.vertices[numbers] - wrist, axis=1) > CUFF]
    points = body.vertices[numbers]
    normals = vertex_normals(body.vertices, model.triangles)[numbers]
    vertices = garment.fit(body.vertices)
    corners = vertices[garment.triangles]
    cloth = np.concatenate([vertices, corners.mean(1), corners[:, :2].mean(1)])
    offset = cloth[cKDTree(cloth).query(points)[1]] - points
    height = (offset * normals).sum(1)
    sideways = np.linalg.norm(offset - height[:, None] * normals, axis=1)
    return numbers[(height > -0.006) & (height < 0.05) & (sideways < 0.016)]
