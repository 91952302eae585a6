"""Plots of a table as SVG that fits light and dark pages: what is drawn in the ink colour has the text's colour."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import escape

from fhpt_bench.reporting.plots import line_style, literal
from leaderboards.columns import Column, sees_pose
from leaderboards.ranking import Measured
from leaderboards.tables import Row, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INK, _BAR, _GRID = "#010203", "#010204", "#7f7f7e"  # the first two are replaced by the page's colours
_MOST = 14  # models in a plot of lines, which cannot be told apart otherwise
_LONG = 30  # models in a plot of intervals
_BINS = 40
_AXES, _KEY = 4.4, 0.75  # inches: the axes of every plot, and the line samples of a legend


def table_plots(table: Table, headlines: set[str], measured: Mapping[str, Measured]) -> list[tuple[str, str]]:
    """The plots of a table: intervals of the headline scores, curves of scores that have one, and distances of faces.

    Args:
        table: the table.
        headlines: keys of the headline scores.
        measured: label of a row -> its record with its values by pair.

    Returns:
        (caption, SVG) each.
    """
    from matplotlib import rc_context

    style: Any = {
        "svg.fonttype": "none", "svg.hashsalt": table.heading, "text.color": _INK, "axes.edgecolor": _INK,
        "axes.labelcolor": _INK, "xtick.color": _INK, "ytick.color": _INK, "font.size": 10,
        "font.family": "sans-serif",
    }  # fmt: skip
    with rc_context(style):
        plots = [_forest(table, at) for at, column in enumerate(table.columns) if column.key in headlines]
        plots += _curves(table)
        plots += _histograms(table, headlines, measured)
    return [plot for plot in plots if plot is not None]


def _forest(table: Table, at: int) -> tuple[str, str] | None:
    """Value and interval of every model in one score."""
    column = table.columns[at]
    found = [(score, row) for row in table.rows if (score := _score(row, at)) is not None]
    if len(found) < 2:
        return None
    sign = -1 if column.higher_is_better else 1
    models = [i for i, (_, row) in enumerate(found) if not row.record.model.oracle]
    best = set(sorted(models, key=lambda i: sign * found[i][0].value)[:_LONG])
    shown = [found[i] for i in range(len(found)) if i in best or found[i][1].record.model.oracle]
    labels = [literal(row.label) for _, row in shown[::-1]]
    figure, axes = _figure(0.7 + 0.28 * len(shown), left=_width(labels))
    axes.grid(visible=False, axis="y")
    places = {kind: [i for i, (_, row) in enumerate(shown[::-1]) if row.record.model.oracle == kind] for kind in (0, 1)}
    for kind, colour in ((0, _BAR), (1, _INK)):
        scores = [shown[::-1][place][0] for place in places[kind]]
        values = [score.value for score in scores]
        ends = [score.interval[:2] if score.interval else (score.value, score.value) for score in scores]
        if scores:
            axes.hlines(places[kind], *zip(*ends, strict=True), linewidth=3.2, alpha=0.45, color=colour, clip_on=False)
            axes.plot(values, places[kind], "o", markersize=5, color=colour, clip_on=False)
    axes.set_yticks(range(len(shown)), labels)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.6, len(shown) - 0.4)
    better = "higher is better" if column.higher_is_better else "lower is better"
    axes.set_xlabel(f"{literal(column.label)}{literal(f' ({column.unit})') if column.unit else ''}, {better}")
    which = "" if len(best) == len(models) else f", the best {len(best)} of {len(models)} models"
    counts = sorted({score.n for score, _ in shown})
    n = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    caption = f"{_name(column)}: value and 95 % interval, n = {n}{which}"
    return caption, _svg(figure, caption)


def _curves(table: Table) -> list[tuple[str, str] | None]:
    """Share of keypoints below each threshold, for scores with a curve in their details."""
    plots: list[tuple[str, str] | None] = []
    for at, column in enumerate(table.columns):
        rows = [row for row in table.rows if _curve(row, at) is not None][:_MOST]
        if len(rows) < 2:
            continue
        figure, axes = _figure(3.6, right=_KEY + _width([literal(row.label) for row in rows]))
        for number, row in enumerate(rows):
            thresholds, shares = _curve(row, at) or ([], [])
            style = line_style(number)
            style["color"] = _INK if style["color"] == "#000000" else style["color"]
            axes.plot([0, *thresholds], [0, *shares], linewidth=1.8, label=literal(row.label), **style)
        axes.set(xlabel="distance threshold, pixels", ylabel="share of keypoints", ylim=(0, 1), xlim=(0, None))
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, handlelength=3.2)
        counted = {int(score.details["n_keypoints"]) for row in rows if (score := _score(row, at))}
        keypoints = f"n = {counted.pop():,} keypoints" if len(counted) == 1 else "different numbers of keypoints"
        caption = f"{_name(column)}: share of keypoints that are closer than a distance, {keypoints}"
        plots.append((caption, _svg(figure, caption)))
    return plots


def _histograms(table: Table, headlines: set[str], measured: Mapping[str, Measured]) -> list[tuple[str, str] | None]:
    """Distribution of the values by pair of headline scores in which lower is better and the pose is not seen."""
    plots: list[tuple[str, str] | None] = []
    for at, column in enumerate(table.columns):
        if column.key not in headlines or sees_pose(column.key):
            continue
        values = [
            (row, counted.loc[counted["skipped"] == "", "value"].to_numpy(float))
            for row in table.rows
            if _score(row, at) is not None and (counted := measured[row.label][1].get(column.key)) is not None
        ][:_MOST]
        values = [(row, found) for row, found in values if len(found)]
        everything = np.concatenate([found for _, found in values]) if values else np.zeros(0)
        if len(values) < 2 or len(np.unique(everything)) <= 3:  # right or wrong: no distribution
            continue
        edges = np.linspace(everything.min(), everything.max(), _BINS + 1)
        labels = [f"{literal(row.label)}, n = {len(found)}" for row, found in values]
        figure, axes = _figure(3.2, right=_KEY + _width(labels))
        for number, (_, found) in enumerate(values):
            style = line_style(number)
            style["color"] = _INK if style["color"] == "#000000" else style["color"]
            shares = np.histogram(found, edges)[0] / len(found)
            axes.stairs(shares, edges, label=labels[number], linewidth=1.6, **style)
        axes.set(xlabel=literal(column.label), ylabel="share of pairs")
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, handlelength=3.2)
        caption = f"{_name(column)}: distribution over pairs"
        plots.append((caption, _svg(figure, caption)))
    return plots


def _name(column: Column) -> str:
    """A column's name in captions: that of the page's tables, with its variant."""
    return f"{column.label} ({', '.join([column.key.split(':')[1], *([f'#{column.tag}'] if column.tag else [])])})"


def _score(row: Row, at: int) -> Any:
    cell = row.cells[at]
    return cell.score if cell is not None and cell.score.value is not None else None


def _curve(row: Row, at: int) -> tuple[Sequence[float], Sequence[float]] | None:
    """The curve of a score; a record is a stranger's, so that its form is checked."""
    score = _score(row, at)
    if score is None:
        return None
    thresholds, shares = score.details.get("anchors"), score.details.get("curve")
    both = (thresholds, shares)
    if not all(isinstance(part, list) and part and all(isinstance(x, int | float) for x in part) for part in both):
        return None
    if len(thresholds) != len(shares) or not isinstance(score.details.get("n_keypoints"), int):
        return None
    return thresholds, shares


def _width(labels: Sequence[str]) -> float:
    """Inches of the longest label; the page's font is not known, so that there is some room."""
    return 0.15 + 0.088 * max(map(len, labels))


def _figure(height: float, left: float = 0.7, right: float = 0.15) -> tuple[Figure, Any]:
    """A figure with axes of one width, and its margins in inches, as text of the page's font needs them.

    Margins that matplotlib finds itself would draw every figure twice.
    """
    from matplotlib.figure import Figure

    width = left + _AXES + right
    figure = Figure(figsize=(width, height))
    axes = figure.subplots()
    figure.subplots_adjust(left=left / width, right=1 - right / width, bottom=0.5 / height, top=1 - 0.1 / height)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=_GRID, linewidth=0.5, alpha=0.35)
    axes.set_axisbelow(True)
    return figure, axes


def _svg(figure: Figure, caption: str) -> str:
    """Inline SVG without a background, sized by the page; texts are escaped by the library."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor").replace(_BAR, "var(--bar)").replace("\r", "")
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    box = re.search(r'viewBox="([-\d. ]+)"', text)
    assert box is not None
    head = f'<svg viewBox="{box[1]}" role="img" focusable="false" aria-label="{escape(caption)}">'
    text = head + text[text.index(">") + 1 :]
    text = re.sub(r"<!--.*?-->|\n *", lambda found: " " if found[0][0] == "\n" else "", text, flags=re.DOTALL)
    named = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))
    # Ids are shared by all plots of the page otherwise.
    mark = hashlib.sha256(caption.encode()).hexdigest()[:8]
    return re.sub("<[^>]*>", lambda tag: _smaller(tag[0], named, mark), text)


def _smaller(tag: str, named: set[str], mark: str) -> str:
    """A tag with the page's font, and with ids of its own plot where something refers to them."""
    tag = re.sub(r" font-family: [^;\"]*;| transform=\"rotate\(-0 [^)]*\)\"", "", tag)
    tag = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in named else "", tag)
    return re.sub(r'(id="|url\(#|href="#)', lambda found: f"{found[1]}{mark}-", tag)
