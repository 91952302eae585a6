"""Trained models: loading, errors, generated images, and the pictures of their stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import fhpt_bench as fb
from drn.face import face_boxes
from drn.hyperparameters import SMALL, Hyperparameters
from drn.models import DRN, DRNCoarse, DRNWithoutFace
from drn.visualize import principal_colours
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.cli import cli
from fhpt_bench.data.real_images import RealImages
from fhpt_bench.errors import UserError
from fhpt_bench.evaluation.pair_batch import pair_batch
from fhpt_bench.model import PairBatch, models
from fhpt_bench.training.checkpoint import read_checkpoint


@pytest.fixture(scope="module")
def batch() -> PairBatch:
    """Pairs of studio, some with a frontal face in both images."""
    benchmark = load_benchmark("studio", limit=12)
    real = RealImages(benchmark.folder, benchmark.image_size, benchmark.image_digests())
    return pair_batch(benchmark, real, benchmark.pairs, ("pose", "face-landmarks"))


def test_a_checkpoint_keeps_hyperparameters_and_tensors(make_checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    hparams = replace(SMALL, width=2, transfer_blocks=1, style=6, hidden=3)
    path = make_checkpoint(tmp_path, "drn-tex64", hparams)
    found = read_checkpoint("drn-tex64", Hyperparameters, path)
    assert found.hparams == hparams
    assert found.card["benchmark"]["id"] == "studio"
    assert path.read_bytes() == make_checkpoint(tmp_path, "drn-tex64", hparams).read_bytes()
    assert {array.dtype for array in found.arrays.values()} == {np.dtype(np.float16)}


@pytest.mark.parametrize("name", [name for name in models.entries() if name.startswith("drn-") and name[4:] in (
    "pb-only", "tex64", "end2end"
)])  # fmt: skip
def test_untrained_ablations_raise_an_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"fhpt-bench train {name}"):
        fb.run(name, protocols="psnr", limit=2, out=tmp_path / "run")
    assert not (tmp_path / "run" / "record.json").exists()


def test_unusable_checkpoints_raise_an_error_with_the_reason(checkpoints: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"drn-pb-only\.safetensors cannot be used \(it was not written .* as drn"):
        DRNWithoutFace(checkpoints / "drn-pb-only.safetensors")
    with pytest.raises(UserError, match="There is no checkpoint"):
        DRNWithoutFace(tmp_path / "none.safetensors")
    broken = tmp_path / "drn.safetensors"
    content = bytearray((checkpoints / "drn.safetensors").read_bytes())
    content[-3] ^= 1
    broken.write_bytes(content)
    with pytest.raises(UserError, match="have the digest"):
        DRNWithoutFace(broken)
    broken.write_bytes(b"\x80\x04pickle")
    with pytest.raises(UserError, match="damaged"):
        DRNWithoutFace(broken)
    with pytest.raises(UserError, match="--checkpoint is given, but the model 'warp'"):
        fb.run("warp", protocols="psnr", limit=2, out=tmp_path / "run", checkpoint=checkpoints / "drn.safetensors")


def test_a_run_records_the_digests_and_does_not_depend_on_the_batch_size(
    checkpoints: Path, make_checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    file = checkpoints / "drn.safetensors"
    records = [
        fb.run("drn", protocols="psnr", limit=6, out=tmp_path / str(size), checkpoint=file, batch_size=size)
        for size in (1, 6)
    ]
    assert set(records[0].model.trained) == {"drn", "drn-face"}
    assert records[0].model.trained["drn"] == read_checkpoint("drn", Hyperparameters, file).digest
    assert records[0].model.conditioning == ("pose", "face-landmarks")
    assert records[0]["psnr"].value == records[1]["psnr"].value
    for image in (tmp_path / "1" / "images").iterdir():
        assert (np.asarray(Image.open(image)) == np.asarray(Image.open(tmp_path / "6" / "images" / image.name))).all()
    other = make_checkpoint(tmp_path, "drn", seed=1)
    make_checkpoint(tmp_path, "drn-face")
    with pytest.raises(UserError, match="--overwrite"):
        fb.run("drn", protocols="psnr", limit=6, out=tmp_path / "1", checkpoint=other)


def test_the_face_is_blended_in_only_if_both_images_show_a_frontal_face(checkpoints: Path, batch: PairBatch) -> None:
    file = checkpoints / "drn.safetensors"
    with torch.inference_mode():
        plain, full = DRNWithoutFace(file).generate(batch), DRN(file).generate(batch)
    assert batch.source_face_landmarks is not None
    assert batch.target_face_landmarks is not None
    shown = face_boxes(batch.source_face_landmarks)[1]
    boxes, wanted = face_boxes(batch.target_face_landmarks)
    both = shown & wanted
    assert 0 < int(both.sum()) < len(both)
    difference = (full - plain).abs().amax(1)
    assert not difference[~both].any()
    for i in both.nonzero().flatten().tolist():
        x, y, side = boxes[i].tolist()
        reach = side / 2 + side  # the blurred mask is 0 beyond that
        far = torch.ones(difference.shape[1:], dtype=torch.bool)
        top, left = max(0, int(y + side / 2 - reach)), max(0, int(x + side / 2 - reach))
        far[top : int(y + side / 2 + reach), left : int(x + side / 2 + reach)] = False
        assert not difference[i][far].any()
        assert difference[i, int(y + side / 2), int(x + side / 2)] > 0
    with pytest.raises(ValueError, match="face landmarks"):
        DRN(file).generate(replace(batch, target_face_landmarks=None))


def test_coarse_and_final_differ_by_the_residual(checkpoints: Path, batch: PairBatch) -> None:
    file = checkpoints / "drn.safetensors"
    with torch.inference_mode():
        coarse, final = DRNCoarse(file).generate(batch), DRNWithoutFace(file).generate(batch)
        residual = DRNWithoutFace(file).stages(batch).residual
    torch.testing.assert_close(coarse + residual, final)
    assert residual.abs().max() > 0


def test_pictures_of_the_stages(checkpoints: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.png"
    for what, model, columns in (("guidance", "drn", 5), ("stages", "drn", 8), ("stages", "drn-pb-only", 5)):
        arguments = [
            "visualize", what, "--model", model, "--checkpoint", str(checkpoints / f"{model}.safetensors"),
            "--pairs", "2", "--out", str(out),
        ]  # fmt: skip
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 0, result.output
        with Image.open(out) as image:
            assert image.size[0] == 8 + columns * (176 + 8)
    with pytest.raises(UserError, match="no guidance map"):
        CliRunner().invoke(cli, ["visualize", "stages", "--model", "warp"], catch_exceptions=False)
    with pytest.raises(UserError, match="There is no pair 'unknown'"):
        CliRunner().invoke(cli, ["visualize", "stages", "--pair", "unknown"], catch_exceptions=False)


def test_principal_colours_follow_the_content() -> None:
    maps = torch.zeros(1, 8, 4, 6)
    maps[:, 0, :, :3] = 1.0
    maps += torch.randn(maps.shape, generator=torch.Generator().manual_seed(0)) * 0.01
    colours = principal_colours(maps)[0].astype(int)
    left, right = colours[:, :3, 0], colours[:, 3:, 0]
    assert left.min() - right.max() > 150  # the first component is channel 0, with high values for 1
