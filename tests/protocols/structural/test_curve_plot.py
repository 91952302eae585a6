"""The figure of keypoint error curves: its lines and its legend."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from fhpt_bench.protocol import Interval, Score
from protocols.structural import curve_plot
from protocols.structural.curve_plot import plot_curves


def entry(metric: str, curve: list[float], n: int, interval: bool = True) -> Score:
    value = float(np.mean(curve))
    found = Interval(value - 0.1, value + 0.1, "") if interval else None
    return Score(metric, value, 1, interval=found, details={"anchors": [10, 20], "curve": curve, "n_keypoints": n})


DECIMALS = {"body": 3, "face": 3, "hands": 3}


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are encoded during a test."""
    kept: list[Figure] = []
    encode = curve_plot.encode_figure

    def keep(figure: Figure) -> bytes:
        kept.append(figure)
        return encode(figure)

    monkeypatch.setattr(curve_plot, "encode_figure", keep)
    return kept


def legend(panel: Any) -> list[str]:
    return [text.get_text() for text in panel.get_legend().get_texts()]


def test_every_model_has_its_line_in_every_part(figures: list[Figure]) -> None:
    scores = {
        "ours": {"body": entry("body", [0.2, 0.4], 9), "hands": entry("hands", [0.0, 0.2], 5, interval=False)},
        "$theirs$ of a very long name indeed": {"body": entry("body", [0.6, 0.8], 9), "face": entry("face", [0, 1], 3)},
        "_third": {"hands": entry("hands", [0.1, 0.3], 4), "hand-left": entry("hand-left", [1, 1], 2)},
    }
    png = plot_curves(scores, "a title", DECIMALS)
    assert png is not None
    with Image.open(io.BytesIO(png)) as image:
        assert 1200 < image.width < 2000
    (figure,) = figures
    body, face, hands = figure.axes
    assert [panel.get_title() for panel in figure.axes] == ["body, n = 9 keypoints", "face, n = 3 keypoints", "hands"]
    lines = [np.array(line.get_xydata()).tolist() for line in body.get_lines()]
    assert lines == [[[0, 0], [10, 0.2], [20, 0.4]], [[0, 0], [10, 0.6], [20, 0.8]]]
    # The larger area comes first; each model has the same colour and dashes in every panel.
    assert legend(body) == ["0.700 [0.600, 0.800] \\$theirs\\$ of a very long nam…", "0.300 [0.200, 0.400] ours"]
    assert legend(hands) == ["0.200 [0.100, 0.300] _third, n = 4", "0.100 ours, n = 5"]
    styles = [[(line.get_color(), line.get_linestyle()) for line in panel.get_lines()] for panel in (body, face, hands)]
    assert styles[0][1] == styles[1][0]
    assert styles[0][0] == styles[2][0]
    assert styles[2][1] not in styles[0]
    assert body.get_lines()[0].get_linewidth() > body.get_lines()[1].get_linewidth()


def test_many_models_and_none(figures: list[Figure]) -> None:
    curves = np.random.default_rng(0).random((28, 2))
    scores = {f"m{i}": {"face": entry("face", curve.tolist(), 3)} for i, curve in enumerate(curves)}
    assert plot_curves(scores, "", DECIMALS) is not None
    (panel,) = figures[0].axes
    assert len({(line.get_color(), line.get_linestyle()) for line in panel.get_lines()}) == 28
    assert len(legend(panel)) == 28
    assert plot_curves({"m": {"hand-left": entry("hand-left", [0, 1], 2)}}, "", DECIMALS) is None
