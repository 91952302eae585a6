"""Folders of generated images as published tools write them, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

import fhpt_bench as fb
from fhpt_bench.benchmark import Benchmark, Pair
from fhpt_bench.records.schema import Record

# What published tools write: file name without suffix, panels by row, and whether they are squares.
NAMES: dict[str, Callable[[str, str], str]] = {
    "plain": lambda s, t: f"{s[:-4]}___{t[:-4]}",
    "patn": lambda s, t: f"{s}___{t}_vis",
    "rate": lambda s, t: f"{s}___{t}_vis",
    "vunet": lambda s, t: f"{s}___{t}_vis",
    "dsc": lambda s, t: f"{s}_{t}",
    "gfla": lambda s, t: f"{s[:-4]}_2_{t[:-4]}_vis",
    "pcdms": lambda s, t: f"{s[:-4]}_to_{t[:-4]}",
}
PANELS = {
    "patn": [["source", "pose", "target", "pose", "generated"]],
    "rate": [["source", "pose", "coarse"], ["target", "residual", "generated"]],
    "vunet": [["source", "target", "generated"]],
    "dsc": [["source", "target", "generated"]],
}
SQUARE = ("vunet", "dsc")


def generated(benchmark: Benchmark, pair: Pair) -> np.ndarray:
    """The generated image of an imaginary model: the source image, mirrored."""
    return real(benchmark, pair.source)[:, ::-1]


def real(benchmark: Benchmark, name: str) -> np.ndarray:
    return np.asarray(Image.open(benchmark.folder / name).convert("RGB"))


def write_layout(
    folder: Path, layout: str, benchmark: Benchmark, suffix: str = ".png", square: bool = False, ending: str = ".jpg"
) -> Path:
    """Write the mirrored sources as a tool with this layout does; squares have white columns on both sides."""
    folder.mkdir(parents=True, exist_ok=True)
    for pair in benchmark.pairs:
        shown = {"source": real(benchmark, pair.source), "target": real(benchmark, pair.target)}
        shown["generated"] = generated(benchmark, pair)
        rows = []
        for row in PANELS.get(layout, [["generated"]]):
            panels = [shown.get(what, np.full_like(shown["source"], 90)) for what in row]
            rows.append(np.hstack([padded(panel) if square or layout in SQUARE else panel for panel in panels]))
        name = NAMES[layout](pair.source[:-4] + ending, pair.target[:-4] + ending)
        Image.fromarray(np.vstack(rows)).save(folder / f"{name}{suffix}", **({"quality": 90} if "j" in suffix else {}))
    return folder


def padded(panel: np.ndarray) -> np.ndarray:
    side = (panel.shape[0] - panel.shape[1]) // 2
    return np.pad(panel, ((0, 0), (side, side), (0, 0)), constant_values=255)


def scored(folder: Path, out: Path, protocols: str = "ssim,psnr", **how: object) -> Record:
    """The record of a folder, on 10 pairs of `studio`."""
    return fb.evaluate(folder, "mine", protocols=protocols, limit=10, out=out, **how)  # type: ignore[arg-type]
