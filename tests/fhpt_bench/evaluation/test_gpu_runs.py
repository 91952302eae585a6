"""Runs on an NVIDIA GPU: the CPU's scores within what docs/precision.md allows, resumed runs, too little memory."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import fhpt_bench as fb
from tools.speed.gpu import score_rows

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU"),
]
PAIRS = 8
NOISY = """
import torch
from fhpt_bench.model import Generator, ModelCard

class Noisy(Generator):
    card = ModelCard("noisy", "the source with noise")
    def generate(self, batch):
        return batch.source + 0.1 * torch.randn_like(batch.source)
"""


def pixels(folder: Path) -> np.ndarray:
    return np.stack([np.asarray(Image.open(file)) for file in sorted((folder / "images").iterdir())])


def test_a_whole_run_is_that_of_the_cpu(tmp_path: Path) -> None:
    painted = {}
    for device in ("cpu", "cuda"):
        fb.run("drn", limit=PAIRS, protocols="psnr", out=tmp_path / device, device=device)
        painted[device] = pixels(tmp_path / device).astype(int)
    apart = np.abs(painted["cuda"] - painted["cpu"])
    assert apart.max() <= 2
    assert (apart > 0).mean() < 1e-3
    # The same images under all protocols: with few pairs, one level of a pixel can move a keypoint.
    cpu, gpu = (
        fb.evaluate(tmp_path / "cpu" / "images", "drn", limit=PAIRS, out=tmp_path / f"{device}-scores", device=device)
        for device in ("cpu", "cuda")
    )
    rows = score_rows(gpu, cpu)
    assert len(rows) > 30
    assert [row for row in rows if row[-1] != "yes"] == []
    assert any(row[3] != "0.0e+00" for row in rows), "nothing was computed on the GPU"


def test_a_resumed_run_is_equal(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "noisy.py").write_text(NOISY)
    run, chosen = tmp_path / "run", "psnr,ssim,lpips:vgg-0.1,fd-effnet-lite0"

    def measure(out: Path) -> fb.Record:
        return fb.run(f"{tmp_path / 'noisy.py'}:Noisy", str(tiny), chosen, out=out, batch_size=4, device="cuda")

    whole = measure(run)
    file = run / "progress" / "rank-0.jsonl"
    file.write_bytes(b"\n".join([line for line in file.read_bytes().splitlines() if line][:2]))
    resumed = measure(run)
    assert resumed.pairs == whole.pairs
    assert [(score.key, score.value) for score in resumed.scores] == [
        (score.key, score.value) for score in whole.scores
    ]


def test_too_little_memory_is_tried_in_smaller_parts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def measure(out: Path) -> fb.Record:
        return fb.run("copy-source", limit=64, protocols="lpips:vgg-0.1", out=out, batch_size=64, device="cuda")

    whole = measure(tmp_path / "whole")
    torch.cuda.empty_cache()
    _, total = torch.cuda.mem_get_info()
    torch.cuda.set_per_process_memory_fraction(min(1.0, 2**31 / total))
    try:
        short = measure(tmp_path / "short")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert any(
        "out of memory with 64 at once" in one.getMessage() for one in caplog.records if one.levelno == logging.WARNING
    )
    assert short["lpips"].value == pytest.approx(whole["lpips"].value, rel=1e-5)
    assert short["lpips"].n == 64
