"""Random colours of a person: skin, brows, lips, beard, eyes and hair."""

from dataclasses import dataclass, field

import numpy as np

from . import colours
from .geometry import Array

HAIR_COLOURS = {
    "black": (0.055, 0.045, 0.040),
    "dark": (0.130, 0.085, 0.060),
    "brown": (0.270, 0.170, 0.100),
    "auburn": (0.380, 0.170, 0.090),
    "blond": (0.680, 0.500, 0.280),
    "light": (0.800, 0.660, 0.440),
    "grey": (0.500, 0.490, 0.480),
    "red": (0.440, 0.185, 0.090),
}
LIGHT_SKIN_HAIR = (0.12, 0.20, 0.22, 0.10, 0.14, 0.08, 0.06, 0.08)
BROWN_EYES = ((0.32, 0.19, 0.09), (0.20, 0.11, 0.05))
OTHER_EYES = ((0.36, 0.48, 0.58), (0.34, 0.42, 0.26), (0.42, 0.33, 0.16), (0.45, 0.50, 0.52))
SKIN_LIGHTNESS = {"caucasian": 0.74, "asian": 0.72, "african": 0.52}
LIGHTNESS_SPREAD = {"caucasian": 0.06, "asian": 0.06, "african": 0.085}
DARKEST_SKIN = 0.36  # below it a face shows no relief at this image size
DARK_SKIN = 0.58  # below it the photographed relief is strengthened
# style: probability, strength, and range of the lips' saturation
MAKE_UP = {
    "none": (0.2, 0.0, (0.3, 0.4)),
    "nude": (0.3, 0.35, (0.3, 0.5)),
    "day": (0.3, 0.65, (0.45, 0.65)),
    "evening": (0.2, 1.0, (0.6, 0.8)),
}
BEARDS = ("full", "goatee", "moustache", "chin")


@dataclass
class Brow:
    """`gap` and `length` are shares of the eye distance; the other lengths are in metres."""

    gap: float
    length: float
    height: float
    arch: float
    slant: float
    thickness: float
    density: float


@dataclass
class Complexion:
    tone: Array
    contrast: float
    hair: Array
    brow_colour: Array
    eye: Array
    brow: Brow
    lips: Array
    lip_amount: float
    blush: float
    eye_bags: float
    gloss: float  # higher for dark skin, whose relief is visible by highlights
    freckles: float
    moles: list[tuple[float, float]]
    shadow: Array = field(default_factory=lambda: np.zeros(3))
    shadow_amount: float = 0.0
    liner: float = 0.0
    beard: float = 0.0
    beard_style: str = "full"
    buzz: float = 0.0


def draw(rng: np.random.Generator, gender: str, race: str) -> Complexion:
    woman = gender == "WOMEN"
    lightness = float(np.clip(SKIN_LIGHTNESS[race] + rng.normal(0, LIGHTNESS_SPREAD[race]), DARKEST_SKIN, 0.86))
    warmth = rng.normal(0, 0.03)
    dark = 1 - lightness
    tone = lightness * np.array([1, 0.775 + warmth - 0.05 * dark, 0.66 + 1.5 * warmth - 0.10 * dark])
    hair = _hair_colour(rng, race)
    freckled = rng.random() < 0.18 and lightness > 0.6
    result = Complexion(
        tone=tone,
        contrast=float(rng.uniform(0.7, 1.15)) * (1 + 2.2 * max(DARK_SKIN - lightness, 0)),
        hair=hair,
        brow_colour=np.clip(hair * rng.uniform(0.35, 0.8), 0, 1),
        eye=_eye_colour(rng, race),
        brow=_brow(rng, woman),
        lips=np.clip(tone * np.array([0.93, 0.66, 0.66]), 0, 1),
        lip_amount=0.35,
        blush=float(rng.uniform(0, 0.6)),
        eye_bags=float(rng.uniform(0, 0.6)),
        gloss=float(np.clip(2.5 * (DARK_SKIN - lightness), 0, 0.5)),
        freckles=float(rng.uniform(0.3, 0.9)) if freckled else 0.0,
        moles=[(rng.uniform(-0.05, 0.05), rng.uniform(-0.03, 0.07)) for _ in range(int(rng.integers(0, 3)))],
    )
    if woman:
        _make_up(rng, result)
    else:
        result.beard = float(rng.choice([0, 0.22, 0.45, rng.uniform(0.5, 0.85)], p=[0.35, 0.2, 0.2, 0.25]))
        result.beard_style = str(rng.choice(BEARDS, p=[0.6, 0.2, 0.12, 0.08]))
    return result


def _make_up(rng: np.random.Generator, result: Complexion) -> None:
    """Draw a make-up style; dark skin gets darker lipstick, since light lips would seem to glow."""
    style = str(rng.choice(list(MAKE_UP), p=[share for share, _, _ in MAKE_UP.values()]))
    _, strength, (low, high) = MAKE_UP[style]
    light = min(1.0, 0.45 + 0.75 * float(result.tone.max()))
    lips = colours.from_hsv(rng.uniform(0.93, 1.04), rng.uniform(low, high), rng.uniform(0.35, 0.72) * light)
    if style in ("none", "nude"):
        lips = 0.6 * result.lips + 0.4 * lips
    result.lips = np.clip(lips, 0, 1)
    result.lip_amount = float(rng.uniform(0.6, 1.0) * (0.25 + 0.6 * strength))
    result.blush = float(rng.uniform(0.1, 0.4) + 0.4 * strength * rng.random())
    earthy = rng.random() < 0.5
    hue = rng.uniform(0.02, 0.1) if earthy else rng.random()
    result.shadow = colours.from_hsv(hue, 0.3, rng.uniform(0.2, 0.5) * light)
    result.shadow_amount = float(strength * rng.uniform(0.1, 0.6))
    result.liner = float(strength * rng.uniform(0.3, 0.95))


def _brow(rng: np.random.Generator, woman: bool) -> Brow:
    return Brow(
        gap=rng.uniform(0.16, 0.30),
        length=rng.uniform(0.46, 0.60),
        height=rng.uniform(0.016, 0.023),
        arch=rng.uniform(0, 0.007 if woman else 0.0045),
        slant=rng.uniform(-0.003, 0.003),
        thickness=rng.uniform(0.0020, 0.0046) if woman else rng.uniform(0.0034, 0.0066),
        density=rng.uniform(0.65, 0.97),
    )


def _hair_colour(rng: np.random.Generator, race: str) -> Array:
    if race == "caucasian":
        name = rng.choice(list(HAIR_COLOURS), p=LIGHT_SKIN_HAIR)
    else:
        name = rng.choice(["black", "dark"], p=[0.7, 0.3])
    return np.array(HAIR_COLOURS[str(name)]) * rng.uniform(0.8, 1.15)


def _eye_colour(rng: np.random.Generator, race: str) -> Array:
    choices = BROWN_EYES + OTHER_EYES if race == "caucasian" else BROWN_EYES
    return np.array(choices[int(rng.integers(len(choices)))])
