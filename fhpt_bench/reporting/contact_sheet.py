"""Contact sheets: images in a grid with titles."""

from __future__ import annotations

import colorsys
import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fhpt_bench.data.pose import LIMBS

FIGURES = "figures"  # the folder of a run's figures
CONTACT_SHEET = f"{FIGURES}/contact_sheet.png"
Row = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint8]]
_GAP, _LINE = 8, 24
_LETTERS = (13, 12, 11)  # font sizes; the largest that fits is used
_INK = (30, 30, 30)
# Narrower columns have no room for their title.
_NARROWEST = 120


def draw_pose(pose: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw a COCO-18 skeleton, one colour per limb.

    Args:
        pose: (18, 2) pixels (x, y), NaN if missing.
        size: (height, width) of the drawing.

    Returns:
        (H, W, 3) uint8 with a dark background.

    Examples:
        >>> draw_pose(np.full((18, 2), np.nan, np.float32), (4, 3)).shape
        (4, 3, 3)
    """
    image = Image.new("RGB", (size[1], size[0]), (24, 24, 28))
    draw = ImageDraw.Draw(image)
    for number, (a, b) in enumerate(LIMBS):
        if np.isfinite(pose[[a, b]]).all():
            red, green, blue = colorsys.hsv_to_rgb(number / len(LIMBS), 0.75, 1)
            colour = (int(red * 255), int(green * 255), int(blue * 255))
            draw.line([tuple(pose[a].tolist()), tuple(pose[b].tolist())], fill=colour, width=4)
    for x, y in pose[np.isfinite(pose).all(1)].tolist():
        draw.ellipse([x - 3, y - 3, x + 3, y + 3], fill=(255, 255, 255))
    return np.asarray(image)


def contact_sheet(
    rows: Sequence[Row], model: str, heading: str = "", captions: Sequence[str] | None = None
) -> NDArray[np.uint8]:
    """Show pairs, one per row: source, target pose, generated, target.

    Args:
        rows: (H, W, 3) uint8 source, (18, 2) target pose, generated and target image of each pair.
        model: the model's name, above the generated images.
        heading: a line above everything, if any.
        captions: a line above each row, if any.

    Returns:
        (h, w, 3) uint8.
    """
    height, width = rows[0][0].shape[:2]
    tiles = [
        [scaled(tile, max(width, _NARROWEST)) for tile in (source, draw_pose(pose, (height, width)), generated, target)]
        for source, pose, generated, target in rows
    ]
    return image_grid(tiles, ("source", "target pose", model, "target"), heading, captions)


def scaled(image: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Resize an image to another width and keep its proportions.

    Args:
        image: (H, W, 3) uint8.
        width: in pixels.

    Examples:
        >>> scaled(np.zeros((10, 4, 3), np.uint8), 6).shape
        (15, 6, 3)
    """
    if image.shape[1] == width:
        return image
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))


def image_grid(
    rows: Sequence[Sequence[NDArray[np.uint8] | None]],
    titles: Sequence[str],
    heading: str = "",
    captions: Sequence[str] | None = None,
    notes: Sequence[str] = (),
) -> NDArray[np.uint8]:
    """Show images of one size in rows and titled columns, on a white background.

    Args:
        rows: (H, W, 3) uint8 images, None for an empty place; the first image of the first row is not None.
        titles: one per column.
        heading: a line above everything, if any.
        captions: a line above each row, if any.
        notes: texts below the images, which are folded to the width.

    Returns:
        (h, w, 3) uint8; other texts that do not fit are shortened.

    Examples:
        >>> image_grid([[np.zeros((30, 90, 3), np.uint8), None]], ["a", "b"]).shape
        (62, 204, 3)
    """
    first = rows[0][0]
    if first is None:
        raise ValueError("the first place of the grid is empty")
    height, width = first.shape[:2]
    top, above = _LINE * (2 if heading else 1), _LINE if captions else 0
    fonts = [ImageFont.load_default(letters) for letters in _LETTERS]
    wide, high = _GAP + len(titles) * (width + _GAP), top + len(rows) * (above + height + _GAP)
    lines = [line for note in notes for line in _folded(note, fonts[-1], wide - 2 * _GAP)]
    size = (wide, high + _LINE * len(lines))
    sheet = Image.new("RGB", size, (255, 255, 255))
    draw = ImageDraw.Draw(sheet)

    def write(text: str, x: int, y: int, room: int) -> None:
        font = next((font for font in fonts if font.getlength(text) <= room), fonts[-1])
        shorter = (f"{text[:end]}..." for end in range(len(text), -1, -1))
        fitting = next((some for some in itertools.chain([text], shorter) if font.getlength(some) <= room), "")
        draw.text((x, y + 5), fitting, fill=_INK, font=font)

    write(heading, _GAP, 0, size[0] - 2 * _GAP)
    for column, title in enumerate(titles):
        write(title, _GAP + column * (width + _GAP), top - _LINE, width)
    for line, row in enumerate(rows):
        y = top + line * (above + height + _GAP)
        if captions:
            write(captions[line], _GAP, y, size[0] - 2 * _GAP)
        for column, tile in enumerate(row):
            if tile is not None:
                sheet.paste(Image.fromarray(tile), (_GAP + column * (width + _GAP), y + above))
    for number, text in enumerate(lines):
        draw.text((_GAP, high + number * _LINE + 5), text, fill=_INK, font=fonts[-1])
    return np.asarray(sheet)


def _folded(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: int) -> list[str]:
    """A text in lines that fit into the room, as far as its words do."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
