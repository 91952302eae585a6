"""Plots of a table as SVG that fits light and dark pages: what is drawn in the ink colour has the text's colour."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import escape

from fhpt_bench.reporting.plots import line_style, literal
from leaderboards.ranking import Measured
from leaderboards.tables import Row, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INK, _BAR, _GRID = "#010203", "#010204", "#7f7f7e"  # the first two are replaced by the page's colours
_MOST = 14  # models in a plot of lines, which cannot be told apart otherwise
_BINS = 40


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
    rows = [row for row in table.rows if _score(row, at) is not None]
    if len(rows) < 2:
        return None
    column = table.columns[at]
    figure, axes = _figure(6.4, 0.9 + 0.28 * len(rows))
    for place, row in enumerate(reversed(rows)):
        score = _score(row, at)
        assert score is not None
        low, high = score.interval[:2] if score.interval else (score.value, score.value)
        style: dict[str, Any] = {"color": _INK if row.record.model.oracle else _BAR}
        axes.plot([low, high], [place, place], linewidth=3.2, alpha=0.45, solid_capstyle="butt", **style)
        axes.plot([score.value], [place], "o", markersize=5, **style)
    axes.set_yticks(range(len(rows)), [literal(row.label) for row in reversed(rows)])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    better = "higher is better" if column.higher_is_better else "lower is better"
    axes.set_xlabel(f"{literal(column.label)}{literal(f' ({column.unit})') if column.unit else ''}, {better}")
    caption = f"{column.name}: value and 95 % interval, n = {table.benchmark.n_pairs} pairs"
    return caption, _svg(figure, caption)


def _curves(table: Table) -> list[tuple[str, str] | None]:
    """Share of keypoints below each threshold, for scores with a curve in their details."""
    plots: list[tuple[str, str] | None] = []
    for at, column in enumerate(table.columns):
        rows = [row for row in table.rows if _curve(row, at) is not None][:_MOST]
        if len(rows) < 2:
            continue
        figure, axes = _figure(6.4, 3.6)
        for number, row in enumerate(rows):
            thresholds, shares = _curve(row, at) or ([], [])
            style = line_style(number)
            style["color"] = _INK if style["color"] == "#000000" else style["color"]
            axes.plot([0, *thresholds], [0, *shares], linewidth=1.8, label=literal(row.label), **style)
        axes.set(xlabel="distance threshold, pixels", ylabel="share of keypoints", ylim=(0, 1), xlim=(0, None))
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, handlelength=3.2)
        counted = {int(score.details["n_keypoints"]) for row in rows if (score := _score(row, at))}
        keypoints = f"n = {counted.pop():,} keypoints" if len(counted) == 1 else "different numbers of keypoints"
        caption = f"{column.name}: share of keypoints that are closer than a distance, {keypoints}"
        plots.append((caption, _svg(figure, caption)))
    return plots


def _histograms(table: Table, headlines: set[str], measured: Mapping[str, Measured]) -> list[tuple[str, str] | None]:
    """Distribution of the values by pair of headline scores in which lower is better and the pose is not seen."""
    from leaderboards.page.content import installed

    plots: list[tuple[str, str] | None] = []
    for at, column in enumerate(table.columns):
        kind = installed(column.key.partition(":")[0])
        if column.key not in headlines or kind is None or kind.sees_pose:
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
        figure, axes = _figure(6.4, 3.2)
        for number, (row, found) in enumerate(values):
            style = line_style(number)
            style["color"] = _INK if style["color"] == "#000000" else style["color"]
            shares = np.histogram(found, edges)[0] / len(found)
            axes.stairs(shares, edges, label=f"{literal(row.label)}, n = {len(found)}", linewidth=1.6, **style)
        axes.set(xlabel=literal(column.label), ylabel="share of pairs")
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, handlelength=3.2)
        caption = f"{column.name}: distribution over pairs"
        plots.append((caption, _svg(figure, caption)))
    return plots


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


def _figure(width: float, height: float) -> tuple[Figure, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=_GRID, linewidth=0.5, alpha=0.35)
    axes.set_axisbelow(True)
    return figure, axes


def _svg(figure: Figure, caption: str) -> str:
    """Inline SVG without a background, sized by the page; texts are escaped by the library."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor").replace(_BAR, "var(--bar)").replace("\r", "")
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    box = re.search(r'viewBox="([-\d. ]+)"', text)
    assert box is not None
    head = f'<svg viewBox="{box[1]}" role="img" focusable="false" aria-label="{escape(caption)}">'
    text = head + text[text.index(">") + 1 :]
    # Ids are shared by all plots of the page otherwise.
    mark = re.sub("[^a-z0-9]+", "-", caption.lower())[:60]
    text = re.sub(r'(id="|url\(#|href="#)', lambda found: f"{found[1]}{mark}-", text)
    return text
