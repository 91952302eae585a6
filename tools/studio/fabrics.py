"""Procedural fabrics: square texture tiles that repeat without a seam."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from . import colours
from .geometry import Array

TILE = 512  # pixels


@dataclass
class Fabric:
    kind: str
    tile: Array  # (TILE, TILE, 3) sRGB in 0..1
    size: float  # side of the tile in metres

    @property
    def mean(self) -> Array:
        return self.tile.mean((0, 1))

    @property
    def accent(self) -> Array:
        """Mean colour of the 5% of pixels with the highest chroma."""
        pixels = self.tile[::8, ::8].reshape(-1, 3)
        chroma = np.ptp(pixels, axis=1)
        return pixels[chroma >= np.percentile(chroma, 95)].mean(0)

    @property
    def signature(self) -> str:
        """Kind and rough colours; two fabrics with the same signature may look the same."""
        low, high = (np.percentile(self.tile, q, axis=(0, 1)) for q in (10, 90))
        return self.kind + "".join(f"{round(float(value) * 10):x}" for value in [*low, *high])


def noise(rng: np.random.Generator, sigma: float | tuple[float, float]) -> Array:
    """Periodic noise of unit variance."""
    field = gaussian_filter(rng.standard_normal((TILE, TILE)), sigma, mode="wrap")
    return field / field.std()


def blend(ground: Array, figure: Array, mask: Array) -> Array:
    return ground * (1 - mask[..., None]) + figure * mask[..., None]


def soften(mask: Array) -> Array:
    return gaussian_filter(mask.astype(float), 1, mode="wrap")


def grid(repeats: int) -> tuple[Array, Array]:
    """Row and column coordinates, in repeats of the pattern."""
    rows, columns = np.mgrid[0:TILE, 0:TILE] / TILE * repeats
    return rows, columns


def plain(rng: np.random.Generator, ground: Array, figure: Array) -> tuple[Array, float]:
    return np.ones((TILE, TILE, 3)) * ground, 0.3


def marl(rng: np.random.Generator, ground: Array, figure: Array) -> tuple[Array, float]:
    return ground * (1 + 0.11 * noise(rng, (0.6, 3))[..., None]), 0.15


def knit(rng: np.random.Generator, ground: Array, figure: Array) -> tuple[Array, float]:
    rows, columns = grid(24)
    from_middle = np.abs(columns % 1 - 0.5)
    stitch = 0.5 + 0.5 * np.cos(2 * np.pi * (rows - from_middle))
    groove = np.clip((from_middle - 0.36) / 0.14, 0, 1)
    return ground * (0.74 + 0.28 * stitch * (1 - groove))[..., None], 0.22


def stripes(rng: np.random.Generator, ground: Array, figure: Array) -> tuple[Array, float]:
    phase = grid(int(rng.choice([3, 4, 6, 8])))[0] % 1
    mask = phase < rng.uniform(0.2, 0.5)
    if rng.random() < 0.3:
        mask |= np.abs(phase - 0.75) < 0.04
    return blend(ground, figure, soften(mask)), 0.24


def pinstripes(rng: np.random.Generator, ground: Array, figure: Array) -> tuple[Array, float]:
    phase = grid(int(rng.choice([8, 10, 12])))[1] % 1
    return blend(ground, figure, 0.75 * soften(phase < 0.12)), 0.24


def checks(rng: np.random.Generator, ground: Array, figure: Array) -> tuple[Array, float]:
    rows, columns = (axis % 1 for axis in grid(int(rng.choice([2, 3, 4]))))
    image = blend(ground, figure, soften((rows < 0.5) * 0.5 + (columns < 0.5) * 0.5))
    if rng.random() < 0.6:
        line = np.maximum(np.abs(rows - 0.75) < 0.03, np.abs(columns - 0.75) < 0.03)
        image = blend(
            image, colours.draw_against(rng, (ground + figure) / 2, 0.15, [ground, figure]), 0.6 * soften(line)
        )
    return image, 0.24


def dots(rng: np.random.Generator, ground: Array, figure: Array) -> tuple[Array, float]:
    rows, columns = grid(int(rng.choice([4, 6, 8])))
    radius = rng.uniform(0.13, 0.24)
    mask = np.zeros((TILE, TILE), bool)
    for shift in (0, 0.5):
        mask |= np.hypot((columns + shift) % 1 - 0.5, (rows + shift) % 1 - 0.5) < radius
    return blend(ground, figure, soften(mask)), 0.22


def zigzag(rng: np.random.Generator, ground: Array, figure: Array) -> tuple[Array, float]:
    rows, columns = grid(int(rng.choice([4, 6])))
    mask = (rows + 0.5 * np.abs(columns % 1 * 2 - 1)) % 1 < 0.42
    return blend(ground, figure, soften(mask)), 0.26


def argyle(rng: np.random.Generator, ground: Array, figure: Array) -> tuple[Array, float]:
    rows, columns = grid(3)
    diamond = np.abs(columns % 1 - 0.5) + np.abs(rows % 1 - 0.5) < 0.5
    line = np.minimum(np.abs((columns + rows) % 1 - 0.5), np.abs((columns - rows) % 1 - 0.5)) < 0.025
    image = blend(ground, 0.4 * ground + 0.6 * figure, soften(diamond))
    return blend(image, colours.draw_against(rng, ground, others=[figure]), 0.8 * soften(line)), 0.27


def herringbone(rng: np.random.Generator, ground: Array, figure: Array) -> tuple[Array, float]:
    rows, columns = grid(8)
    slope = np.where(columns % 2 < 1, 1, -1)
    mask = (3 * rows + slope * 3 * columns) % 1 < 0.5
    return blend(ground, 0.55 * ground + 0.45 * figure, soften(mask)), 0.2


def corduroy(rng: np.random.Generator, ground: Array, figure: Array) -> tuple[Array, float]:
    phase = grid(32)[1] % 1
    cord = np.sqrt(np.clip(1 - (2 * phase - 1) ** 2, 0, 1))
    shade = 0.68 + 0.34 * cord + 0.05 * noise(rng, (14, 1))
    return ground * shade[..., None], 0.2


def ombre(rng: np.random.Generator, ground: Array, figure: Array) -> tuple[Array, float]:
    """A dip-dyed gradient from one colour to the other and back, so that the tile repeats."""
    rows = grid(1)[0]
    there = 0.5 - 0.5 * np.cos(2 * np.pi * (rows + rng.random()))
    return blend(ground, 0.25 * ground + 0.75 * figure, np.clip(there + 0.02 * noise(rng, 3), 0, 1)), 1.1


def brushed(rng: np.random.Generator, ground: Array, figure: Array) -> tuple[Array, float]:
    """Abstract strokes in two colours."""
    image = np.ones((TILE, TILE, 3)) * ground
    for colour in (figure, 0.5 * ground + 0.5 * figure):
        image = blend(image, colour, soften(noise(rng, (7, 26)) > rng.uniform(0.8, 1.2)))
    return image, 0.36


def floral(rng: np.random.Generator, ground: Array, figure: Array) -> tuple[Array, float]:
    image = Image.fromarray(_bytes(np.ones((TILE, TILE, 3)) * ground))
    brush = ImageDraw.Draw(image)
    second = colours.draw_against(rng, ground, 0.12, [figure])
    leaf = colours.from_hsv(rng.uniform(0.25, 0.38), 0.4, rng.uniform(0.25, 0.5))
    for _ in range(int(rng.integers(14, 26))):
        x, y = rng.integers(0, TILE, 2)
        radius, turn, petals = rng.uniform(16, 40), rng.uniform(0, 2 * np.pi), int(rng.choice([5, 6, 8]))
        colour = figure if rng.random() < 0.65 else second
        for shift_x in (-TILE, 0, TILE):
            for shift_y in (-TILE, 0, TILE):
                _flower(brush, (x + shift_x, y + shift_y), radius, turn, petals, colour, leaf)
    return np.asarray(image) / 255, 0.34


def denim(rng: np.random.Generator, ground: Array, figure: Array) -> tuple[Array, float]:
    if rng.random() < 0.8:
        ground = colours.from_hsv(0.60 + rng.normal(0, 0.012), rng.uniform(0.3, 0.6), rng.uniform(0.25, 0.62))
    else:
        ground = np.ones(3) * rng.uniform(0.1, 0.2)
    rows, columns = np.mgrid[0:TILE, 0:TILE]
    twill = 0.5 + 0.5 * np.sin((rows + columns) * 2 * np.pi / 8)
    shade = 0.86 + 0.16 * twill + 0.06 * noise(rng, (6, 0.8)) + 0.05 * noise(rng, 40)
    return ground * shade[..., None], 0.2


def camouflage(rng: np.random.Generator, ground: Array, figure: Array) -> tuple[Array, float]:
    hue = float(rng.choice([0.22, 0.11, 0.58]))
    image = np.ones((TILE, TILE, 3)) * colours.from_hsv(hue, 0.28, 0.55)
    for colour in (
        colours.from_hsv(hue + 0.03, 0.3, 0.33),
        colours.from_hsv(hue - 0.04, 0.22, 0.68),
        np.ones(3) * 0.15,
    ):
        image[noise(rng, 22) > 0.75] = colour
    return image, 0.45


def _flower(
    brush: ImageDraw.ImageDraw,
    centre: tuple[float, float],
    radius: float,
    turn: float,
    petals: int,
    colour: Array,
    leaf: Array,
) -> None:
    for angle in (turn + 0.3, turn + 2.2):
        _disc(brush, centre, angle, radius * 1.5, radius * 0.3, leaf)
    for petal in range(petals):
        shade = np.clip(colour * (0.88 + 0.12 * (petal % 2)), 0, 1)
        _disc(brush, centre, turn + petal * 2 * np.pi / petals, radius * 0.6, radius * 0.42, shade)
    _disc(brush, centre, 0, 0, radius * 0.25, np.array([0.9, 0.77, 0.36]))


def _disc(
    brush: ImageDraw.ImageDraw,
    centre: tuple[float, float],
    angle: float,
    distance: float,
    radius: float,
    colour: Array,
) -> None:
    x, y = centre[0] + np.cos(angle) * distance, centre[1] + np.sin(angle) * distance
    brush.ellipse([x - radius, y - radius, x + radius, y + radius], fill=tuple(_bytes(colour).tolist()))


def _bytes(colour: Array) -> Array:
    return (np.asarray(colour) * 255).astype(np.uint8)


Weaver = Callable[[np.random.Generator, Array, Array], tuple[Array, float]]
WEAVERS: dict[str, Weaver] = {
    weaver.__name__: weaver
    for weaver in (
        *(plain, marl, knit, stripes, pinstripes, checks, dots, zigzag, argyle, floral, denim, camouflage),
        *(herringbone, corduroy, ombre, brushed),
    )
}


def weave(kind: str, rng: np.random.Generator, neutral_share: float = 0.4) -> Fabric:
    """A fabric of one kind in colours drawn from the palette."""
    ground = colours.draw(rng, neutral_share)
    tile, size = WEAVERS[kind](rng, ground, colours.draw_against(rng, ground))
    thread = 1 + 0.03 * noise(rng, 0.7)[..., None]
    return Fabric(kind, np.clip(tile * thread, 0, 1), size)
