"""Pairs with the same generated image: measured once, with the same values; and a run without figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import fhpt_bench as fb
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.images import encode_png
from fhpt_bench.records.comparison import read_values


def test_pairs_with_one_image_have_one_forward_and_the_same_values(tmp_path: Path) -> None:
    whole = load_benchmark("studio")
    target = whole.pairs[0].target
    pairs = [pair for pair in whole.pairs if pair.target == target][:3]
    other = np.random.default_rng(0).integers(0, 256, (3, 256, 176, 3), np.uint8)
    values = {}
    for name, pictures in {"same": [0, 0, 1], "single": [0], "other": [0, 2, 1]}.items():
        folder = tmp_path / name
        folder.mkdir()
        for pair, picture in zip(pairs, pictures, strict=False):
            (folder / f"{pair.id}.png").write_bytes(encode_png(other[picture]))
        record = fb.evaluate(
            folder,
            name,
            protocols="lpips:alex-0.1,ssim",
            allow_missing=True,
            figures=False,
            out=tmp_path / f"run-{name}",
        )
        forwards = {stage.name: stage.forwards for stage in record.stages if stage.forwards}
        assert forwards == {"alexnet-maps": len(set(pictures)) + 1}  # and the target
        assert not (tmp_path / f"run-{name}" / "figures").exists()
        assert "figures" not in {stage.name for stage in record.stages}
        values[name] = read_values(record)["lpips:alex-0.1:lpips"]["value"]
    first, second, third = (pair.id for pair in pairs)
    assert values["same"][first] == values["same"][second] == values["single"][first] == values["other"][first]
    assert values["same"][third] == values["other"][third] != values["same"][first]
