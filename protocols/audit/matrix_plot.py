"""The picture of an audit: scores by damage, coloured by the strength from which on the damage is noticed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fhpt_bench.reporting.plots import encode_figure
from protocols.audit.findings import Finding


def plot_matrix(table: Mapping[str, Mapping[str, Finding]], damages: Sequence[str], title: str) -> bytes:
    """Draw the matrix.

    Args:
        table: score key -> name of the damage -> finding.
        damages: names of the kinds of damage, in their order.
        title: benchmark, version and number of pairs.

    Returns:
        The bytes of a PNG file.
    """
    from matplotlib.figure import Figure

    values = np.full((len(table), len(damages)), np.nan)
    figure = Figure((1.6 + 0.62 * len(damages), 1.8 + 0.3 * len(table)), layout="constrained")
    axes = figure.subplots()
    for row, found in enumerate(table.values()):
        for column, name in enumerate(damages):
            if (finding := found.get(name)) is None:
                continue
            noticed = finding.noticed_from
            values[row, column] = 6 if noticed is None else noticed
            text = ("-" if noticed is None else str(noticed)) + ("!" if any(finding.better) else "")
            axes.text(column, row, text, ha="center", va="center", fontsize=8)
    axes.imshow(values, cmap="RdYlGn_r", vmin=0, vmax=7, aspect="auto", alpha=0.75)
    axes.set_xticks(range(len(damages)), damages, rotation=45, ha="left", fontsize=8)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(table)), list(table), fontsize=8)
    axes.set_title(f"{title}\nweakest strength (1 to 5) that is noticed; -: none; !: better with damage", fontsize=9)
    return encode_figure(figure)
