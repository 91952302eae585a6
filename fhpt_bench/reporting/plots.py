"""The style of plots: distinguishable lines, and the same bytes for the same data."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito, Color Universal Design (2008), without yellow, which is faint on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_DASHES = ("-", "--", "-.", ":")
_DPI = 130
_LONGEST = 28


def line_style(number: int) -> dict[str, Any]:
    """Colour and dashes of a line; 28 different styles, because 7 colours and 4 dashes have no common divisor.

    Args:
        number: the number of the line, from 0.

    Examples:
        >>> len({tuple(line_style(number).values()) for number in range(28)})
        28
    """
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": _DASHES[number % len(_DASHES)]}


def literal(text: str) -> str:
    """A name as a label: shortened, and without a dollar sign that would start a formula.

    Examples:
        >>> literal("my $model$")
        'my \\\\$model\\\\$'
    """
    return (text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…").replace("$", r"\$")


def new_figure(panels: int, size: tuple[float, float], title: str) -> tuple[Figure, list[Axes]]:
    """A figure with panels in one row; made without pyplot, so that no global state changes.

    Args:
        panels: the number of panels.
        size: (width, height) of each panel, in inches.
        title: the title of the figure.

    Returns:
        The figure and its panels.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(size[0] * panels, size[1]))
    figure.suptitle(title, fontsize=11)
    axes: list[Axes] = list(figure.subplots(1, panels, squeeze=False)[0])
    for panel in axes:
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(color="#dddddd", linewidth=0.6)
        panel.set_axisbelow(True)
        panel.tick_params(labelsize=9)
    return figure, axes


def legend_below(panel: Axes, handles: Sequence[Artist], labels: Sequence[str], title: str | None = None) -> None:
    """Put a legend below a panel, where it covers nothing."""
    panel.legend(
        handles, labels, loc="upper center", bbox_to_anchor=(0.5, -0.14), frameon=False, handlelength=3.2,
        fontsize=9, title=title, title_fontsize=9,
    )  # fmt: skip


def encode_figure(figure: Figure) -> bytes:
    """A figure as the bytes of a PNG file, cropped to its content; equal figures give equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, bbox_inches="tight", metadata={"Software": None})
    return buffer.getvalue()
