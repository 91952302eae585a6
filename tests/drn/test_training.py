"""`fhpt-bench train drn` and `drn-face` from their command to a checkpoint that runs; one process and two."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import fhpt_bench as fb
from drn.checkpoint import read_checkpoint
from drn.hyperparameters import PAPER, SMALL
from drn.recipe import DRNRecipe, End2EndRecipe, FaceRecipe, PBOnlyRecipe, Texture64Recipe
from fhpt_bench.errors import UserError
from fhpt_bench.training.train import train


def log(folder: Path) -> list[list[float]]:
    with (folder / "log.csv").open(encoding="utf-8", newline="") as file:
        return [[float(cell or "nan") for cell in row] for row in list(csv.reader(file))[1:]]


def in_two(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, "-m", "fhpt_bench", *arguments], capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_two_processes_train_and_evaluate_as_one(small_studio: Path, tmp_path: Path) -> None:
    recipe = f"{small_studio.parent / 'recipes.py'}:Whole"
    train(recipe, str(small_studio), out=tmp_path / "one", device="cpu")
    in_two(["train", recipe, "-b", str(small_studio), "--out", str(tmp_path / "two"), "--device", "cpu"])
    # Sums of halves round differently, and an adaptive optimiser's first steps make much of that.
    np.testing.assert_allclose(log(tmp_path / "two")[:2], log(tmp_path / "one")[:2], rtol=2e-4)
    np.testing.assert_allclose(log(tmp_path / "two"), log(tmp_path / "one"), rtol=5e-3)
    one, two = (read_checkpoint("drn", tmp_path / name / "drn.safetensors") for name in ("one", "two"))
    for name, array in one.arrays.items():
        np.testing.assert_allclose(two.arrays[name], array, rtol=0.05, atol=2e-3, err_msg=name)
    assert two.card["iterations"] == 3
    scores = []
    for count in (1, 2):
        out = tmp_path / f"run{count}"
        options = ["-b", str(small_studio), "--checkpoint", str(one.path), "--limit", "12", "--out", str(out)]
        command = ["run", "-m", "drn-no-face", "-p", "psnr,ssim", *options, "--processes", "1"]
        if count == 2:
            in_two(command[:-2])
        else:
            fb.run("drn-no-face", str(small_studio), "psnr,ssim", checkpoint=one.path, limit=12, out=out)
        record = fb.read_record(out)
        scores.append([record["psnr"].value, record["ssim"].value])
    assert scores[0] == scores[1]


def test_a_stopped_training_goes_on_to_the_same_bytes(small_studio: Path, tmp_path: Path) -> None:
    for recipe, name in (("Whole", "drn"), ("Face", "drn-face")):
        path = f"{small_studio.parent / 'recipes.py'}:{recipe}"
        whole, pieces = tmp_path / f"{name}-whole", tmp_path / f"{name}-pieces"
        told = train(path, str(small_studio), out=whole, device="cpu")
        assert told["iterations"] == "3 of 3"
        first = train(path, str(small_studio), out=pieces, device="cpu", time_budget=1e-9)
        assert first["iterations"] == "1 of 3"
        assert read_checkpoint(name, pieces / f"{name}.safetensors").card["iterations"] == 1
        train(path, str(small_studio), out=pieces, device="cpu")
        assert (pieces / f"{name}.safetensors").read_bytes() == (whole / f"{name}.safetensors").read_bytes()
        assert list((whole / "samples").iterdir())


def test_what_was_trained_runs(small_studio: Path, tmp_path: Path) -> None:
    for recipe in ("Whole", "Face"):
        train(f"{small_studio.parent / 'recipes.py'}:{recipe}", str(small_studio), out=tmp_path / recipe, device="cpu")
    (tmp_path / "Face" / "drn-face.safetensors").rename(tmp_path / "Whole" / "drn-face.safetensors")
    checkpoint = tmp_path / "Whole" / "drn.safetensors"
    record = fb.run("drn", str(small_studio), "psnr", checkpoint=checkpoint, limit=4, out=tmp_path / "run")
    assert record["psnr"].n == 4


def test_a_plan_counts_everything(small_studio: Path, tmp_path: Path) -> None:
    recipe = f"{small_studio.parent / 'recipes.py'}:Whole"
    plan = train(recipe, str(small_studio), out=tmp_path / "plan", device="cpu", dry_run=True)
    assert "(network " in plan["parameters"]
    assert "3 iterations" in plan["estimated time"]
    assert " s from 2 on" in plan["one iteration"]  # at full size, which takes longer
    assert not (tmp_path / "plan").exists()


@pytest.mark.parametrize("recipe", [DRNRecipe, End2EndRecipe, FaceRecipe, PBOnlyRecipe, Texture64Recipe])
def test_recipes_say_what_a_benchmark_lacks(recipe: type[DRNRecipe], small_studio: Path) -> None:
    settings = small_studio.with_name(f"{recipe.card.name}.toml")
    lines = small_studio.read_text().splitlines()
    settings.write_text("\n".join(line for line in lines if not line.startswith("train_pairs")))
    with pytest.raises(UserError, match="names no training pairs"):
        train(recipe.card.name, str(settings))
    settings.write_text(small_studio.read_text().replace("[64, 48]", "[64, 47]"))
    with pytest.raises(UserError, match="47 wide"):
        train(recipe.card.name, str(settings))
    if recipe is FaceRecipe:
        settings.write_text("\n".join(line for line in lines if not line.startswith("train_truth")))
        with pytest.raises(UserError, match="knows no face landmarks"):
            train(recipe.card.name, str(settings))


def test_the_paper_and_its_ablations() -> None:
    """ "Implementation Details" and Table II, number by number."""
    assert (PAPER.width, PAPER.transfer_blocks, PAPER.detail_blocks, PAPER.style) == (64, 9, 6, 128)
    assert (PAPER.iterations, PAPER.fixed_iterations, PAPER.discriminator_steps) == (200_000, 50_000, 3)
    loss = PAPER.loss
    assert (loss.gan, loss.perceptual, loss.reconstruction, loss.style) == (1.0, 5.0, 10.0, 5.0)
    assert (PAPER.learning_rate, PAPER.weight_decay, PAPER.betas) == (1e-4, 1e-5, (0.5, 0.999))
    assert (PAPER.perceptual_network, SMALL.perceptual_network) == ("vgg19", "vgg16")
    assert not PAPER.recolour
    assert PAPER.half_size_iterations == 0
    assert (SMALL.transfer_blocks, SMALL.detail_blocks, SMALL.style) == (9, 6, 128)
    assert Texture64Recipe.presets["paper"].style == 64
    assert not PBOnlyRecipe.detail
    assert not End2EndRecipe.alternate
    assert End2EndRecipe.detail


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU")
def test_what_a_gpu_replays_is_what_it_computes(small_studio: Path, tmp_path: Path) -> None:
    """Enough iterations of one shape that steps are recorded: the CPU's losses, to the precision's rounding."""
    recipes = small_studio.parent / "replayed.py"
    text = (small_studio.parent / "recipes.py").read_text()
    recipes.write_text(
        text.replace("iterations=3,", "iterations=9,").replace("half_size_iterations=1", "half_size_iterations=0")
    )
    for device in ("cpu", "cuda"):
        train(f"{recipes}:Whole", str(small_studio), out=tmp_path / device, device=device, mixed_precision="no")
    np.testing.assert_allclose(log(tmp_path / "cuda"), log(tmp_path / "cpu"), rtol=2e-2, atol=1e-3)
