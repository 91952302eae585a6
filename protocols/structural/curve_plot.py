"""Keypoint error curves of several models in one figure, one panel per part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fhpt_bench.reporting.plots import encode_figure, legend_below, line_style, literal, new_figure

if TYPE_CHECKING:
    from fhpt_bench.protocol import Score

# Each hand has its own score; the figure shows both hands together, as in the paper.
_PARTS = ("body", "face", "hands")
_LEGEND = "area under the curve (AUC), 95 % interval"


def plot_curves(scores: Mapping[str, Mapping[str, Score]], title: str, decimals: Mapping[str, int]) -> bytes | None:
    """Plot the share of keypoints by distance threshold, like Fig. 7 of Yang et al., arXiv:2005.12494.

    Args:
        scores: model -> metric -> score with the curve in its details; the lines of the first model are thicker.
        title: title of the figure, of one line or more.
        decimals: metric -> those of its areas in the legend.

    Returns:
        A PNG file, or None if no score has a curve. Each legend lists the models by area (AUC), the largest first.
    """
    parts = [part for part in _PARTS if any(part in of for of in scores.values())]
    if not parts:
        return None
    figure, panels = new_figure(len(parts), (4.4, 3.4), title)
    for part, panel in zip(parts, panels, strict=True):
        lines = []
        n = {of[part].details["n_keypoints"] for of in scores.values() if part in of}
        for number, (model, of) in enumerate(scores.items()):
            if part not in of:
                continue
            details = of[part].details
            # No distance is below 0 pixels, so every curve starts at (0, 0).
            (line,) = panel.plot(
                [0, *details["anchors"]], [0, *details["curve"]], linewidth=1.6 if number else 2.8, **line_style(number)
            )
            counted = f", n = {details['n_keypoints']}" if len(n) > 1 else ""
            lines.append((of[part].value or 0.0, line, f"{_area(of[part], decimals[part])} {literal(model)}{counted}"))
        lines.sort(key=lambda found: -found[0])
        legend_below(panel, [line for _, line, _ in lines], [label for _, _, label in lines], _LEGEND)
        panel.set(xlabel="distance threshold, pixels", ylabel="share of keypoints", ylim=(0, 1), xlim=(0, None))
        panel.set_title(f"{part}, n = {n.pop()} keypoints" if len(n) == 1 else part, fontsize=10)
    figure.subplots_adjust(top=0.84 - 0.07 * title.count("\n"), wspace=0.28)
    return encode_figure(figure)


def _area(score: Score, decimals: int) -> str:
    low_high = [f"{end:.{decimals}f}" for end in (score.interval.low, score.interval.high)] if score.interval else []
    return f"{score.value:.{decimals}f}" + (f" [{', '.join(low_high)}]" if low_high else "")
