"""Hair styles by gender, and corrections of hair over clothes and of fringes over the eyes."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from .geometry import Array

BALD = "bald"


@dataclass(frozen=True)
class Hairdo:
    women: bool = False
    men: bool = False
    fringe: bool = False  # the mesh covers an eye; if only lifted, it sticks out like a visor


HAIRDOS = {
    "long01": Hairdo(women=True),
    "ponytail01": Hairdo(women=True),
    "short01": Hairdo(men=True),
    "short02": Hairdo(women=True, men=True),
    "short04": Hairdo(men=True),
    "bob01": Hairdo(women=True, fringe=True),
    "bob02": Hairdo(women=True, fringe=True),
    "braid01": Hairdo(women=True, fringe=True),
    "short03": Hairdo(men=True, fringe=True),
    BALD: Hairdo(men=True),
}
CLOTH_GAP = 0.012  # metres between hair and the cloth under it
CLOTH_NEAR = 0.09  # metres; hair farther from the cloth is not moved
FRINGE_END = 0.034  # metres from the eyes up to the end of the fringe: just over the brows
FRINGE_GAP = 0.010  # largest distance (metres) of the end of a fringe from the forehead
FRINGE_RISE = 0.25  # increase of that distance per metre of height above the end


def hairdos_for(gender: str) -> list[str]:
    return [name for name, style in HAIRDOS.items() if (style.women if gender == "WOMEN" else style.men)]


def lift(hair: Array, cloth: Array, normals: Array) -> Array:
    """Move hair that is inside a garment out of it, along the cloth's normals.

    `cloth` are the posed garment's vertices. A tenth of the depth remains, so that the two sides of the hair shell
    do not coincide.
    """
    distance, nearest = cKDTree(cloth).query(hair)
    height = ((hair - cloth[nearest]) * normals[nearest]).sum(1)
    rise = 0.9 * np.clip(CLOTH_GAP - height, 0, None) * (distance < CLOTH_NEAR)
    return hair + rise[:, None] * normals[nearest]


def clear_face(hair: Array, eyes: Array, head: Array) -> Array:
    """Move a fringe up to the brows and back to the forehead; move side locks back to the sides of the face.

    `eyes` are the two eye centres, `head` the body's vertices from the brows upwards.
    """
    result = hair.copy()
    middle = eyes.mean(0)
    end = middle[2] + FRINGE_END
    ahead = np.clip((middle[1] + 0.030 - hair[:, 1]) / 0.02, 0, 1)
    inside = np.clip((0.066 - np.abs(hair[:, 0])) / 0.012, 0, 1)
    fringe = ahead * inside
    result[:, 2] -= np.minimum(hair[:, 2] - end, 0) * fringe * 0.97
    # A shell in front of the forehead looks like a visor in profile: limit its distance, less strictly higher up.
    front = head[head[:, 1] < middle[1] + 0.05]
    nearest = front[cKDTree(front[:, [0, 2]]).query(result[:, [0, 2]])[1]]
    gap = FRINGE_GAP + FRINGE_RISE * np.clip(result[:, 2] - end, 0, None)
    result[:, 1] += np.clip(nearest[:, 1] - gap - result[:, 1], 0, None) * (result[:, 1] < middle[1] + 0.03)
    lock = (result[:, 2] < end) & (np.abs(result[:, 0]) > 0.05)
    result[lock, 1] = np.maximum(result[lock, 1], middle[1] + 0.02)
    return result
