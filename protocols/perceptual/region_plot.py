"""A bar chart of several models by region of the person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fhpt_bench.reporting.plots import COLOURS, encode_figure, legend_below, literal, new_figure

if TYPE_CHECKING:
    from matplotlib.artist import Artist

    from fhpt_bench.protocol import Score

_HATCHES = ("", "//", "..", "xx")  # with the colours, as many styles as lines have
_GROUP = 0.8  # share of the width of a region that its bars take
_BAR = 0.11  # smallest width of a bar, in inches


def plot_regions(
    scores: Mapping[str, Mapping[str, Score]], measure: str, regions: Sequence[str], axis: str, title: str
) -> bytes | None:
    """Draw one measure of several models, one group of bars per region, with 95 % intervals.

    Args:
        scores: model -> metric `<measure>-<region>` -> score.
        measure: which measure.
        regions: the regions, from left to right; those without any score are left out.
        axis: label of the vertical axis.
        title: title of the figure.

    Returns:
        A PNG file, or None if no model has a score of the measure.
    """
    metrics = {region: f"{measure}-{region}" for region in regions}
    shown = [region for region, metric in metrics.items() if any(metric in of for of in scores.values())]
    if not shown:
        return None
    width = max(8.0, len(shown) * len(scores) * _BAR / _GROUP)
    figure, (panel,) = new_figure(1, (width, 3.6), title)
    drawn: dict[str, Artist] = {}
    bar = _GROUP / len(scores)
    for number, (model, of) in enumerate(scores.items()):
        for place, region in enumerate(shown):
            if (score := of.get(metrics[region])) is None or score.value is None:
                continue
            left = place - _GROUP / 2 + number * bar
            colour, hatch = COLOURS[number % len(COLOURS)], _HATCHES[number % len(_HATCHES)]
            bars = panel.bar(
                left, score.value, bar, align="edge", edgecolor="white", linewidth=0.5, color=colour, hatch=hatch
            )
            drawn.setdefault(literal(model), bars[0])
            if score.interval is not None:
                ends = [[max(0.0, score.value - score.interval.low)], [max(0.0, score.interval.high - score.value)]]
                panel.errorbar(left + bar / 2, score.value, ends, color="#444444", linewidth=0.8)
    panel.set_xticks(range(len(shown)), [f"{region}\nn = {_count(scores, metrics[region])}" for region in shown])
    panel.set_ylabel(axis)
    panel.grid(visible=False, axis="x")
    legend_below(panel, [*drawn.values()], [*drawn], "mean over pairs, 95 % interval over people")
    return encode_figure(figure)


def _count(scores: Mapping[str, Mapping[str, Score]], metric: str) -> str:
    """The number of pairs, which may differ between models."""
    counts = sorted({of[metric].n for of in scores.values() if metric in of})
    return f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
