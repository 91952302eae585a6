"""Hair styles: who wears which, and what is done to a style whose fringe hangs over the eyes."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from .geometry import Array

BALD = "bald"


@dataclass(frozen=True)
class Hairdo:
    women: bool = False
    men: bool = False
    fringe: bool = False  # hangs over an eye as it comes, and juts out like a visor when only lifted


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
CLOTH_GAP = 0.012  # metres that hair keeps from the cloth it falls over
CLOTH_NEAR = 0.09  # metres beyond which it does not fall over it
FRINGE_END = 0.034  # metres above the eyes: just over the brows
FRINGE_GAP = 0.010  # metres that a fringe may stand off the forehead at its end
FRINGE_RISE = 0.25  # and how much more for every metre above that


def hairdos_for(gender: str) -> list[str]:
    return [name for name, style in HAIRDOS.items() if (style.women if gender == "WOMEN" else style.men)]


def lift(hair: Array, cloth: Array, normals: Array) -> Array:
    """Hair that falls over a garment lies on it: what is in the cloth comes out along its normals.

    `cloth` are the posed garment's vertices. A tenth of the depth is kept, lest the two sides of the shell meet.
    """
    distance, nearest = cKDTree(cloth).query(hair)
    height = ((hair - cloth[nearest]) * normals[nearest]).sum(1)
    rise = 0.9 * np.clip(CLOTH_GAP - height, 0, None) * (distance < CLOTH_NEAR)
    return hair + rise[:, None] * normals[nearest]


def clear_face(hair: Array, eyes: Array, head: Array) -> Array:
    """Draw a fringe up to the brows and back to the forehead; keep side locks beside the face.

    `eyes` are their two centres, `head` the body's vertices from the brows upwards.
    """
    result = hair.copy()
    middle = eyes.mean(0)
    end = middle[2] + FRINGE_END
    ahead = np.clip((middle[1] + 0.030 - hair[:, 1]) / 0.02, 0, 1)
    inside = np.clip((0.066 - np.abs(hair[:, 0])) / 0.012, 0, 1)
    fringe = ahead * inside
    result[:, 2] -= np.minimum(hair[:, 2] - end, 0) * fringe * 0.97
    # a shell in front of the forehead looks like a visor in profile: it may stand off by a little more higher up
    front = head[head[:, 1] < middle[1] + 0.05]
    nearest = front[cKDTree(front[:, [0, 2]]).query(result[:, [0, 2]])[1]]
    gap = FRINGE_GAP + FRINGE_RISE * np.clip(result[:, 2] - end, 0, None)
    result[:, 1] += np.clip(nearest[:, 1] - gap - result[:, 1], 0, None) * (result[:, 1] < middle[1] + 0.03)
    lock = (result[:, 2] < end) & (np.abs(result[:, 0]) > 0.05)
    result[lock, 1] = np.maximum(result[lock, 1], middle[1] + 0.02)
    return result
