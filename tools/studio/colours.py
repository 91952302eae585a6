"""Colours of the clothes: a fixed palette with small random changes."""

import colorsys
from collections.abc import Sequence

import numpy as np

from .geometry import Array

NEUTRALS = {
    "black": "#1b1b1d",
    "charcoal": "#3a3b3f",
    "grey": "#8b8c8f",
    "silver": "#c3c3c2",
    "white": "#f1efea",
    "ivory": "#ebe2cf",
    "navy": "#1f2a44",
    "khaki": "#a39370",
    "camel": "#b58a58",
    "stone": "#c9bda6",
}
BRIGHTS = {
    "denim": "#4a6790",
    "sky": "#8fb3d3",
    "royal": "#2b4fa0",
    "teal": "#2f6f74",
    "mint": "#a8cdb9",
    "forest": "#2e4d38",
    "olive": "#68683c",
    "sage": "#98a584",
    "mustard": "#cf9f3b",
    "butter": "#ead58d",
    "rust": "#a9512f",
    "coral": "#e07b67",
    "red": "#b92b33",
    "burgundy": "#6b2436",
    "rose": "#c9929a",
    "blush": "#e6c3bf",
    "lilac": "#ab9cc4",
    "plum": "#5c3a5e",
    "chocolate": "#56392a",
}

VIVID_SATURATION, VIVID_VALUE = 0.5, 0.35
SAME_HUE = 0.08  # hue difference, as a share of the colour circle


def parse(code: str) -> Array:
    return np.array([int(code[start : start + 2], 16) for start in (1, 3, 5)]) / 255


def from_hsv(hue: float, saturation: float, value: float) -> Array:
    return np.array(colorsys.hsv_to_rgb(hue % 1, saturation, value))


def lightness(colour: Array) -> float:
    return float(np.asarray(colour) @ [0.3, 0.59, 0.11])


def draw(rng: np.random.Generator, neutral_share: float = 0.4) -> Array:
    """A colour of the palette with a small random change, so that two black shirts differ."""
    family = NEUTRALS if rng.random() < neutral_share else BRIGHTS
    hue, saturation, value = colorsys.rgb_to_hsv(*parse(family[str(rng.choice(list(family)))]))
    return from_hsv(
        hue + rng.normal(0, 0.008),
        float(np.clip(saturation + rng.normal(0, 0.03), 0, 1)),
        float(np.clip(value + rng.normal(0, 0.025), 0.04, 0.97)),
    )


def clash(first: Array, second: Array) -> bool:
    """Whether both colours are saturated and their hues differ; one person should not wear them together."""
    (hue, *one), (other_hue, *two) = (colorsys.rgb_to_hsv(*np.clip(colour, 0, 1)) for colour in (first, second))
    apart = abs((hue - other_hue + 0.5) % 1 - 0.5)
    return _vivid(*one) and _vivid(*two) and apart > SAME_HUE


def _vivid(saturation: float, value: float) -> bool:
    return saturation > VIVID_SATURATION and value > VIVID_VALUE


def draw_against(
    rng: np.random.Generator, ground: Array, distance: float = 0.25, others: Sequence[Array] = ()
) -> Array:
    """A colour that differs in lightness from the ground and clashes neither with it nor with `others`."""
    for _ in range(50):
        colour = draw(rng, 0.55)
        if abs(lightness(colour) - lightness(ground)) > distance and not any(
            clash(colour, other) for other in (ground, *others)
        ):
            return colour
    return parse(NEUTRALS["white" if lightness(ground) < 0.5 else "black"])
