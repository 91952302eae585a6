"""A run that is resumed with another batch size: refused if the images of its model depend on it."""

from __future__ import annotations

from pathlib import Path

import pytest

import fhpt_bench as fb
from tests.fhpt_bench.evaluation.device_plugins import forget


def test_a_model_that_draws_is_resumed_with_its_batch_size(tiny: Path, tmp_path: Path, plugins: Path) -> None:
    run, model = tmp_path / "run", f"{plugins}:Random"
    whole = fb.run(model, str(tiny), "psnr", out=run, batch_size=4, device="cpu")
    assert whole.model.batch_size == 4
    forget(run, 2)
    with pytest.raises(fb.UserError, match=r"draws random numbers, .* with --batch-size 4, on which they depend"):
        fb.run(model, str(tiny), "psnr", out=run, batch_size=8, device="cpu")
    resumed = fb.run(model, str(tiny), "psnr", out=run, batch_size=4, device="cpu")
    assert resumed.pairs == whole.pairs
    # With all images there, another batch size changes nothing.
    added = fb.run(model, str(tiny), "psnr,ssim", out=run, batch_size=8, device="cpu")
    assert (added.pairs.images_sha256, added.model.batch_size) == (whole.pairs.images_sha256, 4)
    other = fb.run(model, str(tiny), "psnr", out=tmp_path / "other", batch_size=8, device="cpu")
    assert other.pairs.images_sha256 != whole.pairs.images_sha256, "the batch size does matter"


@pytest.mark.parametrize("name", ["Own", "OwnNumPy"])
@pytest.mark.parametrize(("size", "other"), [(4, 8), (8, 4)])
def test_random_numbers_of_a_model_itself_are_found(
    tiny: Path, tmp_path: Path, plugins: Path, name: str, size: int, other: int
) -> None:
    run, model = tmp_path / "run", f"{plugins}:{name}"
    whole = fb.run(model, str(tiny), "psnr", out=run, batch_size=size, device="cpu")
    forget(run, 16 // size)
    with pytest.raises(fb.UserError, match=rf"paints other images with --batch-size {other}, .* --batch-size {size}, "):
        fb.run(model, str(tiny), "psnr", out=run, batch_size=other, device="cpu")
    assert fb.run(model, str(tiny), "psnr", out=run, batch_size=size, device="cpu").pairs == whole.pairs


@pytest.mark.parametrize("name", ["Plain", "Rounded"])
def test_other_models_are_resumed_with_any_batch_size(tiny: Path, tmp_path: Path, plugins: Path, name: str) -> None:
    run, model = tmp_path / "run", f"{plugins}:{name}"
    whole = fb.run(model, str(tiny), "psnr", out=run, batch_size=4, device="cpu")
    forget(run, 2)
    resumed = fb.run(model, str(tiny), "psnr", out=run, batch_size=8, device="cpu")
    assert (resumed.pairs == whole.pairs) == (name == "Plain")
    assert resumed.run_id == whole.run_id
    assert resumed.model.batch_size is None
