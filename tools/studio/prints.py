"""Prints for the chest of a T-shirt: a word, a star, a badge."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from . import colours
from .geometry import Array

SIDE = 512
WORDS = [
    "NORD",
    "MAPLE",
    "ATLAS",
    "LUMEN",
    "OSLO",
    "RIVER",
    "KITE",
    "ECHO",
    "SUNDAY",
    "FIELD",
    "ORBIT",
    "PINE",
    "WAVE",
    "HELLO",
    "TEAM",
    "CORAL",
    "DUNE",
    "ZEPHYR",
    "HARBOR",
    "MOSS",
    "PILOT",
    "SOLAR",
    "TULIP",
    "VISTA",
]
MIDDLE = (SIDE / 2, SIDE / 2)
Ink = tuple[int, ...]


def draw(rng: np.random.Generator, ground: Array, other: Array) -> Array:
    """(SIDE, SIDE, 4) sRGB and coverage, in colours that contrast with the shirt and suit the other garment."""
    colour = colours.draw_against(rng, ground, others=[other])
    second = colours.draw_against(rng, colour, 0.12, [ground, other])
    image = Image.new("RGBA", (SIDE, SIDE), (*_bytes(colour), 0))
    brush = ImageDraw.Draw(image)
    motif = rng.choice([_word, _star, _badge])
    motif(rng, brush, (*_bytes(colour), 255), (*_bytes(second), 255))
    return np.asarray(image) / 255


def _word(rng: np.random.Generator, brush: ImageDraw.ImageDraw, colour: Ink, second: Ink) -> None:
    word = str(rng.choice(WORDS))
    size = _write(brush, word, 440, colour)
    if rng.random() < 0.5:
        line = SIDE / 2 + size * 0.55
        brush.rectangle([60, line, SIDE - 60, line + 14], fill=colour)


def _star(rng: np.random.Generator, brush: ImageDraw.ImageDraw, colour: Ink, second: Ink) -> None:
    points = int(rng.choice([3, 4, 5, 6, 8]))
    inner = rng.uniform(60, 150)
    outline = []
    for corner in range(2 * points):
        angle = np.pi * corner / points - np.pi / 2
        radius = inner if corner % 2 == 0 else 200
        outline.append((SIDE / 2 + radius * np.cos(angle), SIDE / 2 + radius * np.sin(angle)))
    brush.polygon(outline, fill=colour)
    if rng.random() < 0.5:
        brush.ellipse([190, 190, 322, 322], fill=second)


def _badge(rng: np.random.Generator, brush: ImageDraw.ImageDraw, colour: Ink, second: Ink) -> None:
    word = str(rng.choice(WORDS))
    brush.ellipse([66, 66, 446, 446], outline=colour, width=26)
    _write(brush, word, 290, colour)


def _write(brush: ImageDraw.ImageDraw, word: str, width: int, colour: Ink) -> int:
    """Write a word in the middle, in the given width; returns the font size."""
    trial = ImageFont.load_default(size=100)
    size = int(100 * width / brush.textlength(word, font=trial))
    stroke = max(2, size // 28)
    font = ImageFont.load_default(size=size)
    brush.text(MIDDLE, word, font=font, fill=colour, anchor="mm", stroke_width=stroke, stroke_fill=colour)
    return size


def _bytes(colour: Array) -> Ink:
    return tuple((np.asarray(colour) * 255).astype(int).tolist())
