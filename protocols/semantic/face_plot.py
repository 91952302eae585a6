"""Figure of the face distances of generated images and of real images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.reporting.plots import encode_figure, legend_below, line_style, new_figure

if TYPE_CHECKING:
    from matplotlib.artist import Artist

_BIN = 0.05


def plot_distances(distances: Mapping[str, NDArray[np.float64]], thresholds: Mapping[str, float], title: str) -> bytes:
    """Plot histograms of distances, each normalised by its own total, with thresholds.

    Args:
        distances: label -> (n,) finite distances, n > 0; the first histogram is filled.
        thresholds: name -> distance; the legend gives the share of each histogram strictly below it.
        title: title of the figure.

    Returns:
        A PNG file.
    """
    figure, (panel,) = new_figure(1, (7.2, 3.8), title)
    edges = np.arange(int(max(values.max() for values in distances.values()) / _BIN) + 2) * _BIN
    handles: list[Artist] = []
    labels = []
    for number, (what, values) in enumerate(distances.items()):
        share = np.histogram(values, edges)[0] / len(values)
        style = line_style(number)
        handles.append(
            panel.stairs(share, edges, fill=True, alpha=0.55, color=style["color"])
            if number == 0
            else panel.stairs(share, edges, linewidth=1.8, **style)
        )
        below = ", ".join(f"{(values < threshold).mean():.0%} < {threshold:.3g}" for threshold in thresholds.values())
        labels.append(f"{what}, n = {len(values)}: {below}")
    for number, (name, threshold) in enumerate(thresholds.items()):
        dashes = ((0, (1, 1)), (0, (5, 2)), "-")[number % 3]
        handles.append(panel.axvline(threshold, color="#333333", linewidth=1.2, linestyle=dashes))
        labels.append(name)
    panel.set(xlabel="Euclidean distance of face embeddings", ylabel=f"share per {_BIN}", xlim=(0, None))
    legend_below(panel, handles, labels)
    figure.subplots_adjust(top=0.84)
    return encode_figure(figure)
