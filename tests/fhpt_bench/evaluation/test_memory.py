"""Too little memory: smaller parts are tried, then one sentence says what to do. The end of memory is simulated."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

import fhpt_bench as fb
from fhpt_bench.evaluation.memory import Portions
from tests.fhpt_bench.evaluation.device_plugins import PAIRS


def test_smaller_parts_are_tried_before_a_protocol_fails(
    tiny: Path, tmp_path: Path, plugins: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = {"Distance": "HungryDistance", "Spread": "HungrySpread"}
    plain, hungry = (
        fb.run("warp", str(tiny), ["psnr", *(f"{plugins}:{name}" for name in chosen)], out=tmp_path / way, device="cpu")
        for way, chosen in (("plain", names), ("hungry", names.values()))
    )
    assert not hungry.failed
    for key in ("psnr", "distance", "spread"):
        assert (hungry[key].value, hungry[key].n) == (plain[key].value, plain[key].n)
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING and "out of memory" in r.message]
    # Each size is tried once in the whole run, though it has two batches of pairs and two of real images.
    tried = [16, 8, 4]
    assert [text for text in warnings if "comparing pairs" in text] == [
        f"comparing pairs: out of memory with {size} at once, continued with {size // 2}; "
        "values may differ in the last digits."
        for size in tried
    ]
    assert len(warnings) == 2 * len(tried)


def test_what_never_fits_fails_in_one_sentence(tiny: Path, tmp_path: Path, plugins: Path) -> None:
    record = fb.run("warp", str(tiny), [f"{plugins}:NoDistance", "psnr"], out=tmp_path / "run", device="cpu")
    assert record["distance"].reason == "out of memory with one image at once: end other programs that use the memory."
    assert record["psnr"].status == "ok"


def test_a_model_that_does_not_fit_is_told_what_to_do(tiny: Path, tmp_path: Path, plugins: Path) -> None:
    with pytest.raises(fb.UserError, match=r"large failed .*: out of memory with 16 images at once: give --batch-size"):
        fb.run(f"{plugins}:Large", str(tiny), "psnr", out=tmp_path / "run", device="cpu")
    record = fb.run(f"{plugins}:Large", str(tiny), "psnr", out=tmp_path / "run", batch_size=2, device="cpu")
    assert record["psnr"].n == PAIRS
    with pytest.raises(fb.UserError, match=r"huge cannot be moved to cpu: out of memory: end other programs"):
        fb.run(f"{plugins}:Huge", str(tiny), "psnr", out=tmp_path / "huge", device="cpu")

    def greedy(batch: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    with pytest.raises(fb.UserError, match="The evaluation ran out of memory: give a smaller batch_size than 5"):
        fb.Evaluator(str(tiny), "psnr", batch_size=5, device="cpu")(greedy)


@pytest.mark.parametrize("place", ["model.to_device", "evaluation.model_images.quantise"])
def test_memory_that_ends_beside_the_model_is_said_in_the_same_sentence(
    tiny: Path, tmp_path: Path, plugins: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(f"fhpt_bench.{place}", short)
    with pytest.raises(fb.UserError, match=r"plain failed .*: out of memory with 16 images at once: give --batch-size"):
        fb.run(f"{plugins}:Plain", str(tiny), "psnr", out=tmp_path / "run", device="cpu")


def test_other_errors_are_not_tried_again() -> None:
    seen: list[slice] = []

    def fail(part: slice) -> None:
        seen.append(part)
        raise RuntimeError("sizes do not match")

    with pytest.raises(RuntimeError, match="sizes"):
        Portions("sums")(fail, 8)
    assert len(seen) == 1
