"""The pictures of an audit: scores by damage, and scores by scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fhpt_bench.reporting.plots import encode_figure
from protocols.audit.agreement import Agreement
from protocols.audit.findings import AuditedScore, Finding, sign


def plot_matrix(table: Mapping[AuditedScore, Mapping[str, Finding]], damages: Sequence[str], title: str) -> bytes:
    """Draw which score notices which damage, coloured by the strength from which on it does.

    Args:
        table: score -> name of the damage -> finding.
        damages: names of the kinds of damage, in their order.
        title: benchmark, version and number of pairs.

    Returns:
        The bytes of a PNG file.
    """
    from matplotlib.figure import Figure

    values = np.full((len(table), len(damages)), np.nan)
    figure = Figure((2.6 + 0.5 * len(damages), 1.8 + 0.3 * len(table)), layout="constrained")
    axes = figure.subplots()
    for row, found in enumerate(table.values()):
        for column, name in enumerate(damages):
            if (finding := found.get(name)) is None:
                continue
            if any(finding.decided):
                values[row, column] = finding.noticed_from or 6
            axes.text(column, row, sign(finding), ha="center", va="center", fontsize=8)
    axes.imshow(values, cmap="RdYlGn_r", vmin=0, vmax=7, aspect="auto", alpha=0.75)
    axes.set_xticks(range(len(damages)), damages, rotation=45, ha="left", fontsize=8)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(table)), [score.key for score in table], fontsize=8)
    signs = "weakest strength (1 to 5) that is noticed; -: none; !: better with damage; °, ?: no value or few people"
    axes.set_title(f"{title}\n{signs}", fontsize=9)
    return encode_figure(figure)


def plot_agreement(found: Agreement, title: str) -> bytes:
    """Draw the rank correlations of scores.

    Args:
        found: the agreement.
        title: benchmark, version and number of pairs.

    Returns:
        The bytes of a PNG file.
    """
    from matplotlib.figure import Figure

    figure = Figure((3.2 + 0.42 * len(found.keys), 2.6 + 0.36 * len(found.keys)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(found.matrix, cmap="RdBu", vmin=-1, vmax=1, aspect="auto", alpha=0.8)
    for row, column in np.ndindex(found.matrix.shape):
        axes.text(column, row, f"{found.matrix[row, column]:.2f}", ha="center", va="center", fontsize=7)
    axes.set_xticks(range(len(found.keys)), found.keys, rotation=60, ha="left", fontsize=8)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(found.keys)), found.keys, fontsize=8)
    axes.set_title(f"{title}\nSpearman's rank correlation over {found.n} sets of images", fontsize=9)
    return encode_figure(figure)
