"""Contact sheets: what the numbers are about, side by side."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fhpt_bench.data.pose import LIMBS

Row = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint8]]
_GAP, _HEAD = 8, 24


def draw_pose(pose: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw a COCO-18 skeleton, a colour a limb.

    Args:
        pose: (18, 2) pixels (x, y), NaN where missing.
        size: (height, width) of the drawing.

    Returns:
        (H, W, 3) uint8 on a dark ground.

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


def contact_sheet(rows: Sequence[Row], model: str) -> NDArray[np.uint8]:
    """Lay pairs out, one a row: source, target pose, generated, target.

    Args:
        rows: (H, W, 3) uint8 source, (18, 2) target pose, generated and target image of each pair.
        model: its name, over the generated images.

    Returns:
        (h, w, 3) uint8.
    """
    height, width = rows[0][0].shape[:2]
    titles = ("source", "target pose", model, "target")
    sheet = Image.new(
        "RGB", (_GAP + len(titles) * (width + _GAP), _HEAD + len(rows) * (height + _GAP)), (255, 255, 255)
    )
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        draw.text((_GAP + column * (width + _GAP), 5), title[:26], fill=(30, 30, 30), font=ImageFont.load_default(13))
    for line, (source, pose, generated, target) in enumerate(rows):
        for column, tile in enumerate((source, draw_pose(pose, (height, width)), generated, target)):
            sheet.paste(Image.fromarray(tile), (_GAP + column * (width + _GAP), _HEAD + line * (height + _GAP)))
    return np.asarray(sheet)
