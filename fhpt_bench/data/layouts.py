"""File names and panel layouts of published tools, and how the generated image is cut out of a panel image.

A panel image is one file in which a tool shows several images, such as source, target and generated image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fhpt_bench.data.images import read_header
from fhpt_bench.errors import UserError

FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos": Image.Resampling.LANCZOS,
}


CROP = "crop"
RESIZES = (CROP, *FILTERS)
# Size of the benchmark's images -> sides of squares, padded or squeezed, that published tools write for them. At other
# sizes, only squares as high as the benchmark's images are read, as padded ones.
OTHER_SQUARES = {(512, 352): (512, 256)}
# Mean difference (of 255) of a margin's pixels from its median colour, above which the margin is not padding.
_PLAIN = 4
_ROUNDED = 0.01  # share of a side that a crop removes because sizes are whole pixels


@dataclass(frozen=True)
class Layout:
    """The file names and the panel layout of a tool's output.

    Args:
        names: all patterns of the file name without its suffix; `{s}` and `{t}` are the stems of source and target.
        grid: (rows, columns) of panels.
        generated: (row, column) of the panel with the generated image.
        target: (row, column) of the panel with the real target image, or None.
    """

    names: tuple[str, ...]
    grid: tuple[int, int] = (1, 1)
    generated: tuple[int, int] = (0, 0)
    target: tuple[int, int] | None = None


_VIS = ("{s}.jpg___{t}.jpg_vis", "{s}.png___{t}.png_vis")
LAYOUTS: Mapping[str, Layout] = {
    "plain": Layout(("{s}___{t}",)),
    "patn": Layout(_VIS, (1, 5), (0, 4), (0, 2)),  # source, pose, target, pose, generated
    "rate": Layout(_VIS, (2, 3), (1, 2), (1, 0)),  # source, pose, coarse / target, residual, full
    "vunet": Layout(_VIS, (1, 3), (0, 2), (0, 1)),  # source, target, generated
    "dsc": Layout(("{s}.jpg_{t}.jpg", "{s}.png_{t}.png"), (1, 3), (0, 2), (0, 1)),
    "gfla": Layout(("{s}_2_{t}_vis", "{s}_2_{t}")),
    "pcdms": Layout(("{s}_to_{t}", "{s}.jpg_to_{t}.jpg", "{s}.png_to_{t}.png")),
}


def panel_size(
    shape: tuple[int, ...], layout: Layout, size: tuple[int, int], resize: str | None = None
) -> tuple[int, int] | None:
    """The size of the panels of a panel image.

    Args:
        shape: (height, width) of the panel image.
        layout: the layout to try.
        size: (height, width) of the benchmark's images; square panels of the same height are accepted too, and those of
            `OTHER_SQUARES`.
        resize: a key of `FILTERS`, with which every upright panel is accepted, or None.

    Returns:
        (height, width), or None if the panel image cannot have this layout.

    Examples:
        >>> panel_size((256, 880), LAYOUTS["patn"], (256, 176))
        (256, 176)
        >>> panel_size((512, 528), LAYOUTS["patn"], (256, 176)) is None
        True
    """
    (rows, columns), (height, width) = layout.grid, shape[:2]
    if height % rows or width % columns:
        return None
    panel = height // rows, width // columns
    upright = resize is not None and panel[1] <= panel[0] <= 2 * panel[1]
    return panel if upright or panel in _accepted(size) else None


def layout_by_size(path: Path, layouts: Sequence[str], size: tuple[int, int], resize: str | None) -> str:
    """Choose between layouts with equal file names by the size of a panel image.

    Args:
        path: path of the panel image.
        layouts: keys of `LAYOUTS`, two or more.
        size: (height, width) of the benchmark's images.
        resize: as in `panel_size`.

    Raises:
        UserError: if no layout fits, or several do.
    """
    shape, _ = read_header(path)
    fitting: list[str] = []
    for filter_ in (None, resize):
        fitting = [name for name in layouts if panel_size(shape, LAYOUTS[name], size, filter_)]
        if len(fitting) == 1:
            return fitting[0]
    if fitting:
        raise UserError(f"The panel image {path} can have layout {' or '.join(fitting)}: choose one with --layout.")
    raise wrong_size(path, shape, layouts, size, resize)


def cut(panels: NDArray[np.uint8], layout: Layout, at: tuple[int, int]) -> NDArray[np.uint8]:
    """Cut one panel out of a panel image.

    Args:
        panels: the panel image, (H, W, 3) uint8.
        layout: layout of the panel image.
        at: (row, column) of the panel.

    Returns:
        (H / rows, W / columns, 3) uint8.
    """
    height, width = panels.shape[0] // layout.grid[0], panels.shape[1] // layout.grid[1]
    return panels[at[0] * height : (at[0] + 1) * height, at[1] * width : (at[1] + 1) * width]


def fit(panel: NDArray[np.uint8], size: tuple[int, int], resize: str | None) -> NDArray[np.uint8]:
    """Bring a panel to the benchmark's size: unchanged, resized as a whole, or the centre crop of a square.

    Args:
        panel: (h, w, 3) uint8 of a size that `panel_size` accepts.
        size: the required (height, width).
        resize: a key of `FILTERS`, with antialias; `CROP` (the middle with the benchmark's shape, then bicubic); or
            None.

    Returns:
        (height, width, 3) uint8.
    """
    height, width = size
    if panel.shape[:2] == size:
        return panel
    if resize == CROP:
        panel, resize = _middle(panel, width / height), "bicubic"
    if resize is None:
        left = (height - width) // 2
        return panel[:, left : left + width]
    return np.asarray(Image.fromarray(panel).resize((width, height), FILTERS[resize]))


def _middle(panel: NDArray[np.uint8], shape: float) -> NDArray[np.uint8]:
    """The largest middle part with a width that is `shape` times its height."""
    height, width = panel.shape[:2]
    columns, rows = min(width, round(height * shape)), min(height, round(width / shape))
    top, left = (height - rows) // 2, (width - columns) // 2
    return panel[top : top + rows, left : left + columns]


def has_plain_sides(panel: NDArray[np.uint8], size: tuple[int, int]) -> bool | None:
    """Whether what a crop to the middle removes on both sides, or above and below, is one colour: padding.

    Args:
        panel: (h, w, 3) uint8.
        size: (height, width) of the benchmark's images.

    Returns:
        None if the crop removes hardly anything.
    """
    kept = _middle(panel, size[1] / size[0])
    top, side = ((whole - part) // 2 for whole, part in zip(panel.shape[:2], kept.shape[:2], strict=True))
    if side > _ROUNDED * panel.shape[1]:
        removed = panel[:, :side], panel[:, -side:]
    elif top > _ROUNDED * panel.shape[0]:
        removed = panel[:top], panel[-top:]
    else:
        return None
    margins = [margin.reshape(-1, 3).astype(np.int16) for margin in removed]
    return all(float(np.abs(margin - np.median(margin, axis=0)).mean()) <= _PLAIN for margin in margins)


def wide_by_high(shape: Sequence[int]) -> str:
    """A (height, width) in the usual notation.

    Examples:
        >>> wide_by_high((256, 176))
        '176x256'
    """
    return f"{shape[1]}x{shape[0]}"


def wrong_size(
    path: Path, shape: Sequence[int], layouts: Sequence[str], size: tuple[int, int], resize: str | None
) -> UserError:
    """The error for an image that fits none of the layouts; the message gives the expected sizes."""
    paneled = [name for name in layouts if LAYOUTS[name].grid != (1, 1)]
    if paneled:
        should = f"a panel image of {' or '.join(f'{name} is {_full_sizes(name, size)}' for name in paneled)}"
        way = "give its layout with --layout, or remove the files of another layout"
    else:
        should = f"the benchmark's are {size[1]} wide and {size[0]} high"
        way = "crop or generate it at that size"
    other = "" if resize else ", or give --resize crop if it was padded, --resize bicubic if it was squeezed"
    return UserError(f"The image {path} is {shape[1]} wide and {shape[0]} high, but {should}: {way}{other}.")


def _accepted(size: tuple[int, int]) -> list[tuple[int, int]]:
    """The panel size that is used unchanged, and the squares."""
    height, width = size
    sides = OTHER_SQUARES.get(size, (height,) if height > width else ())
    return [size, *((side, side) for side in sides)]


def _full_sizes(name: str, size: tuple[int, int]) -> str:
    rows, columns = LAYOUTS[name].grid
    return " or ".join(wide_by_high((rows * height, columns * width)) for height, width in _accepted(size))
