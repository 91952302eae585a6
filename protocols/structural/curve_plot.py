"""Keypoint error curves of several models in one figure, a panel a part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fhpt_bench.reporting.plots import encode_figure, legend_below, line_look, literal, new_figure

if TYPE_CHECKING:
    from fhpt_bench.protocol import Score

# Each hand has a score of its own; the figure shows both together, as the paper's does.
_PARTS = ("body", "face", "hands")
_LEGEND = "area under the curve (AUC), 95 % interval"


def plot_curves(scores: Mapping[str, Mapping[str, Score]], title: str) -> bytes | None:
    """Share of keypoints by distance, like Fig. 7 of Yang et al., arXiv:2005.12494.

    Args:
        scores: model -> metric -> its score, the curve in its details; the first model's lines are thicker.
        title: over the figure.

    Returns:
        A PNG file: the models of a panel are listed by their area (AUC), the largest first; None without a curve.
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
            # No keypoint lies closer than 0 pixels, so every curve begins in the corner.
            (line,) = panel.plot(
                [0, *details["anchors"]], [0, *details["curve"]], linewidth=1.6 if number else 2.8, **line_look(number)
            )
            counted = f", n = {details['n_keypoints']}" if len(n) > 1 else ""
            lines.append((of[part].value or 0.0, line, f"{_area(of[part])} {literal(model)}{counted}"))
        lines.sort(key=lambda found: -found[0])
        legend_below(panel, [line for _, line, _ in lines], [label for _, _, label in lines], _LEGEND)
        panel.set(xlabel="distance threshold, pixels", ylabel="share of keypoints", ylim=(0, 1), xlim=(0, None))
        panel.set_title(f"{part}, n = {n.pop()} keypoints" if len(n) == 1 else part, fontsize=10)
    figure.subplots_adjust(top=0.84, wspace=0.28)
    return encode_figure(figure)


def _area(score: Score) -> str:
    interval = f" [{score.interval.low:.3f}, {score.interval.high:.3f}]" if score.interval else ""
    return f"{score.value:.3f}{interval}"
