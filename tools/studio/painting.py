"""Draw a complexion on the body's skin texture, layer by layer, in linear light."""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from .complexion import Brow, Complexion
from .geometry import Array, to_linear, to_srgb
from .skin_map import SIDE, SkinMap

SIDES = (-1, 1)
EYE_SIDE = 256


def paint(skin: SkinMap, person: Complexion, rng: np.random.Generator) -> Array:
    """The skin texture of a person: (SIDE, SIDE, 3) sRGB."""
    colour = np.clip(skin.relief, 0.02, 3) ** person.contrast * to_linear(person.tone)
    colour = _dim(colour, _cheeks(skin) * person.blush, (0.05, 0.35, 0.3))
    colour = _cover(colour, skin.lips * person.lip_amount, person.lips)
    colour = _cover(colour, _lids(skin) * person.shadow_amount, person.shadow)
    colour = _cover(colour, _liner(skin) * person.liner, np.array([0.05, 0.04, 0.04]))
    colour = _dim(colour, _eye_bags(skin) * person.eye_bags, (0.25, 0.35, 0.3))
    colour = _dim(colour, _freckles(skin, rng) * person.freckles, (0.4, 0.6, 0.7))
    for across, above in person.moles:
        square = (skin.x - across) ** 2 + (skin.z - skin.mouth[2] - above) ** 2
        colour = _dim(colour, np.exp(-square / 0.0016**2) * skin.front, (0.75, 0.75, 0.75))
    colour = _cover(colour, _brows(skin, person.brow, rng), person.brow_colour)
    beard = _beard(skin, person.beard_style) * (1 + 0.22 * _grain(rng, 0.8))
    colour = _cover(colour, np.clip(beard, 0, 1) * person.beard, person.brow_colour)
    stubble = np.clip(skin.scalp * (1 + 0.25 * _grain(rng, 0.8)), 0, 1)
    colour = _cover(colour, stubble * person.buzz, person.hair)
    colour = _cover(colour, 0.25 * skin.nails, np.clip(person.tone * [1.08, 1.0, 1.0], 0, 1))
    return to_srgb(colour)


def paint_eye(textures: Path, colour: Array) -> Array:
    """The photographed eye with the iris in another colour."""
    image = Image.open(textures / "human_brown_eye.png").convert("RGB").resize((EYE_SIDE, EYE_SIDE))
    photo = np.asarray(image) / 255
    rows, columns = np.mgrid[0:EYE_SIDE, 0:EYE_SIDE] - (EYE_SIDE - 1) / 2
    radius = np.hypot(rows, columns) / EYE_SIDE
    iris = np.clip((0.195 - radius) / 0.015, 0, 1) * np.clip((radius - 0.085) / 0.01, 0, 1)
    light = photo.mean(-1)
    light = np.clip(light / light[iris > 0.5].mean(), 0.3, 2)
    return photo * (1 - iris[..., None]) + np.clip(light[..., None] * colour, 0, 1) * iris[..., None]


def _cover(colour: Array, mask: Array, layer_colour: Array) -> Array:
    return colour * (1 - mask[..., None]) + to_linear(layer_colour) * mask[..., None]


def _dim(colour: Array, mask: Array, amounts: tuple[float, float, float]) -> Array:
    return colour * (1 - mask[..., None] * np.array(amounts))


def _grain(rng: np.random.Generator, sigma: float | tuple[float, float]) -> Array:
    field = gaussian_filter(rng.standard_normal((SIDE, SIDE)), sigma)
    return field / field.std()


def _around_eyes(skin: SkinMap, out: float, above: float) -> list[tuple[Array, Array]]:
    """Distances (across, up) from a point near each eye; `out` is in eye distances from the middle of the face."""
    up = skin.z - (skin.eyes[2] + above)
    return [(skin.x - side * skin.eye_distance * out, up) for side in SIDES]


def _cheeks(skin: SkinMap) -> Array:
    spots = [np.exp(-((x / 0.022) ** 2 + (z / 0.016) ** 2)) for x, z in _around_eyes(skin, 0.72, -0.042)]
    return np.maximum(*spots) * skin.front


def _lids(skin: SkinMap) -> Array:
    spots = [np.exp(-((x / 0.017) ** 4 + (z / 0.0085) ** 4)) for x, z in _around_eyes(skin, 0.5, 0.011)]
    return np.maximum(*spots) * skin.front


def _liner(skin: SkinMap) -> Array:
    rings = [np.hypot(x / 0.0155, z / 0.0062) for x, z in _around_eyes(skin, 0.5, 0.0)]
    return np.maximum(*(np.exp(-(((ring - 1) / 0.16) ** 2)) for ring in rings)) * skin.front


def _eye_bags(skin: SkinMap) -> Array:
    spots = [np.exp(-((x / 0.016) ** 2 + (z / 0.007) ** 2)) for x, z in _around_eyes(skin, 0.5, -0.016)]
    return np.maximum(*spots) * skin.front


def _freckles(skin: SkinMap, rng: np.random.Generator) -> Array:
    spots = np.clip((_grain(rng, 1.1) - 1.2) * 1.5, 0, 1)
    area = np.exp(-((skin.x / 0.06) ** 4 + ((skin.z - (skin.eyes[2] - 0.035)) / 0.035) ** 4))
    return spots * area * skin.front


def _brows(skin: SkinMap, brow: Brow, rng: np.random.Generator) -> Array:
    """A curve over each eye that gets thinner outwards, with a noise texture of hairs."""
    grain = _grain(rng, (1.2, 0.5))
    result = np.zeros_like(skin.x)
    for side in SIDES:
        inner = skin.eye_distance * (0.5 - brow.gap)
        along = (side * skin.x - inner) / (skin.eye_distance * brow.length)  # 0 inner end, 1 outer end
        middle = skin.eyes[2] + brow.height + brow.arch * (1 - ((along - 0.62) / 0.62) ** 2) + brow.slant * along
        taper = np.where(along < 0.6, 0.9 + 0.2 * along, 1.02 * (1 - (along - 0.6) / 0.45))
        half = brow.thickness * np.clip(taper, 0.12, 1.1)
        mask = np.clip(1.25 - np.abs(skin.z - middle) / half, 0, 1)
        mask *= np.clip(along / 0.06 + 0.3, 0, 1) * np.clip((1.02 - along) / 0.08, 0, 1) * skin.front
        result = np.maximum(result, mask)
    return np.clip(result * (1 + 0.3 * grain), 0, 1) * brow.density


def _beard(skin: SkinMap, style: str) -> Array:
    across = np.abs(skin.x)
    up = skin.z - skin.mouth[2]
    moustache = np.exp(-((across / 0.030) ** 4 + ((up - 0.0125) / 0.0075) ** 4))
    chin = np.exp(-((across / 0.026) ** 4 + ((up + 0.035) / 0.024) ** 4))
    cheek_line = 0.6 * np.clip(across - 0.03, 0, None)
    cheeks = np.clip((across - 0.020) / 0.012, 0, 1) * np.clip((cheek_line - up) / 0.012, 0, 1)
    below = np.clip((-up - 0.018) / 0.01, 0, 1)
    mask = {
        "full": np.maximum.reduce([moustache, chin, cheeks, below]),
        "goatee": np.maximum(moustache, chin),
        "moustache": moustache,
        "chin": chin,
    }[style]
    above_throat = np.clip((up + 0.085) / 0.012, 0, 1)
    before_ears = np.clip((skin.eyes[1] + 0.085 - skin.y) / 0.02, 0, 1)
    bare = 1 - np.clip(1.5 * skin.lips, 0, 1)
    return gaussian_filter(mask * above_throat * before_ears * bare * skin.head, 2.0)
