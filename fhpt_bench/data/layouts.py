"""How published tools name and arrange what they generate, and how one image is cut out of their sheets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fhpt_bench.data.images import read_image
from fhpt_bench.errors import UserError

FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclass(frozen=True)
class Layout:
    """How a tool names and arranges what it generated.

    Args:
        names: a file's name without its suffix, in every spelling; `{s}` and `{t}` stand for the stems of source and
            target.
        grid: (rows, columns) of panels.
        generated: (row, column) of the generated panel.
        target: of the panel that shows the real target, if any.
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
    "gfla": Layout(("{s}_2_{t}_vis",)),
    "pcdms": Layout(("{s}_to_{t}", "{s}.jpg_to_{t}.jpg", "{s}.png_to_{t}.png")),
}


def panel_size(
    shape: tuple[int, ...], layout: Layout, size: tuple[int, int], resize: str | None = None
) -> tuple[int, int] | None:
    """The size of a sheet's panels.

    Args:
        shape: (height, width) of the sheet.
        layout: that it may have.
        size: (height, width) of the benchmark's images; squares as high as they are will do too.
        resize: a key of `FILTERS`: every upright panel will do.

    Returns:
        (height, width), or None where it cannot be a sheet of this layout.

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


def told_by_size(path: Path, layouts: Sequence[str], size: tuple[int, int], resize: str | None) -> str:
    """Which of several layouts a sheet has, where their names are equal.

    Args:
        path: of the sheet.
        layouts: keys of `LAYOUTS`, two or more.
        size: (height, width) of the benchmark's images.
        resize: as in `panel_size`.

    Raises:
        UserError: where none fits, or several do.
    """
    shape = read_image(path).shape
    fitting: list[str] = []
    for filter_ in (None, resize):
        fitting = [name for name in layouts if panel_size(shape, LAYOUTS[name], size, filter_)]
        if len(fitting) == 1:
            return fitting[0]
    if fitting:
        raise UserError(f"The sheet {path} can be of layout {' or '.join(fitting)}: say which with --layout.")
    raise wrong_size(path, shape, layouts, size, resize)


def cut(sheet: NDArray[np.uint8], layout: Layout, at: tuple[int, int]) -> NDArray[np.uint8]:
    """The panel of a sheet.

    Args:
        sheet: (H, W, 3) uint8.
        layout: of the sheet.
        at: (row, column).

    Returns:
        (H / rows, W / columns, 3) uint8.
    """
    height, width = sheet.shape[0] // layout.grid[0], sheet.shape[1] // layout.grid[1]
    return sheet[at[0] * height : (at[0] + 1) * height, at[1] * width : (at[1] + 1) * width]


def fit(panel: NDArray[np.uint8], size: tuple[int, int], resize: str | None) -> NDArray[np.uint8]:
    """A panel at the benchmark's size: as it is, or resized as a whole, or the middle of a square.

    Args:
        panel: (h, w, 3) uint8 of a size that `panel_size` accepted.
        size: the (height, width) wanted.
        resize: a key of `FILTERS`, with antialias, or None.

    Returns:
        (height, width, 3) uint8.
    """
    height, width = size
    if panel.shape[:2] == size:
        return panel
    if resize is None:
        left = (height - width) // 2
        return panel[:, left : left + width]
    return np.asarray(Image.fromarray(panel).resize((width, height), FILTERS[resize]))


def wide_by_high(shape: Sequence[int]) -> str:
    """A (height, width) as people write it.

    Examples:
        >>> wide_by_high((256, 176))
        '176x256'
    """
    return f"{shape[1]}x{shape[0]}"


def wrong_size(
    path: Path, shape: Sequence[int], layouts: Sequence[str], size: tuple[int, int], resize: str | None
) -> UserError:
    """The complaint of an image that fits none of the layouts, with what it should be."""
    sheets = [name for name in layouts if LAYOUTS[name].grid != (1, 1)]
    if sheets:
        should = f"a sheet of {' or '.join(f'{name} is {_sheets(name, size)}' for name in sheets)}"
        way = "say the layout that it has with --layout, or move away what is of another one"
    else:
        should = f"the benchmark's are {size[1]} wide and {size[0]} high"
        way = "crop or generate it at that size"
    other = "" if resize else ", or give --resize bicubic"
    return UserError(f"The image {path} is {shape[1]} wide and {shape[0]} high, but {should}: {way}{other}.")


def _accepted(size: tuple[int, int]) -> list[tuple[int, int]]:
    """What is taken as it is, and what is cropped."""
    height, width = size
    return [size, (height, height)] if height > width else [size]


def _sheets(name: str, size: tuple[int, int]) -> str:
    rows, columns = LAYOUTS[name].grid
    return " or ".join(wide_by_high((rows * height, columns * width)) for height, width in _accepted(size))
