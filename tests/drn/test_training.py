"""`fhpt-bench train drn` and `drn-face`, from the command to a checkpoint that `run` can use; one process and two."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import fhpt_bench as fb
from drn.hyperparameters import PAPER, SMALL, Hyperparameters
from drn.recipe import DRNRecipe, End2EndRecipe, FaceRecipe, PBOnlyRecipe, Texture64Recipe
from fhpt_bench.errors import UserError
from fhpt_bench.training.checkpoint import read_checkpoint
from fhpt_bench.training.train import train
from fhpt_bench.weights import FOLDER_VARIABLE
from tests.float64 import COMMAND, TOLERANCE, Float64


def read_log(folder: Path) -> list[list[float]]:
    """The rows of `log.csv` without its header; NaN for an empty cell."""
    with (folder / "log.csv").open(encoding="utf-8", newline="") as file:
        return [[float(cell or "nan") for cell in row] for row in list(csv.reader(file))[1:]]


def read_state(folder: Path) -> dict[str, Any]:
    """The networks, optimisers, schedules and stream position in `checkpoint.pt`."""
    state: dict[str, Any] = torch.load(folder / "checkpoint.pt", weights_only=True)["state"]
    return state


def run_in_two_processes(*command: str) -> None:
    """Run a Python program, given as its path or as `-m` and its module, in two processes with one thread each."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launch, *command], capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr


def test_two_processes_train_as_one(small_studio: Path, tmp_path: Path) -> None:
    """Two halves of each batch give the losses and gradients of the whole batch, except for the rounding of float64.

    The test fails if a process uses only its own gradients or the sum in place of the mean, if both draw the same half
    of a batch or of the augmentation, or if the log has the losses of one process only.
    """
    recipe = f"{small_studio.parent / 'recipes.py'}:Whole"
    with Float64():
        train(recipe, str(small_studio), out=tmp_path / "one", device="cpu")
    arguments = ["train", recipe, "-b", str(small_studio), "--out", str(tmp_path / "two"), "--device", "cpu"]
    run_in_two_processes(COMMAND, *arguments)
    np.testing.assert_allclose(read_log(tmp_path / "two"), read_log(tmp_path / "one"), rtol=TOLERANCE, atol=TOLERANCE)
    one, two = read_state(tmp_path / "one"), read_state(tmp_path / "two")
    assert all(tensor.dtype == torch.float64 for tensor in one["network"].values())
    torch.testing.assert_close(two, one, rtol=TOLERANCE, atol=TOLERANCE)
    assert read_checkpoint("drn", Hyperparameters, tmp_path / "two" / "drn.safetensors").card["iterations"] == 3


def test_two_processes_evaluate_as_one(small_studio: Path, checkpoints: Path, tmp_path: Path, one_thread: None) -> None:
    """On a CPU each image is generated alone and, here, by one thread: the scores are equal to the last bit."""
    checkpoint, out = checkpoints / "drn.safetensors", tmp_path / "two"
    options = ["-b", str(small_studio), "--checkpoint", str(checkpoint), "--limit", "12", "--out", str(out)]
    run_in_two_processes("-m", "fhpt_bench", "run", "-m", "drn-no-face", "-p", "psnr,ssim", *options)
    one = fb.run("drn-no-face", str(small_studio), "psnr,ssim", checkpoint=checkpoint, limit=12, out=tmp_path / "one")
    two = fb.read_record(out)
    assert two.provenance.processes == 2
    for name in ("psnr", "ssim"):
        assert one[name].n == 12
        assert two[name].value == one[name].value


def test_a_resumed_training_gives_the_same_bytes(small_studio: Path, tmp_path: Path) -> None:
    for recipe, name in (("Whole", "drn"), ("Face", "drn-face")):
        path = f"{small_studio.parent / 'recipes.py'}:{recipe}"
        whole, pieces = tmp_path / f"{name}-whole", tmp_path / f"{name}-pieces"
        facts = train(path, str(small_studio), out=whole, device="cpu")
        assert facts["iterations"] == "3 of 3"
        first = train(path, str(small_studio), out=pieces, device="cpu", time_budget=1e-9)
        assert first["iterations"] == "1 of 3"
        assert read_checkpoint(name, Hyperparameters, pieces / f"{name}.safetensors").card["iterations"] == 1
        train(path, str(small_studio), out=pieces, device="cpu")
        assert (pieces / f"{name}.safetensors").read_bytes() == (whole / f"{name}.safetensors").read_bytes()
        assert list((whole / "samples").iterdir())


CONTINUES = """
from dataclasses import replace

from drn import recipe
from tests.drn.conftest import TINY

STANDING = dict(batch_size=4, learning_rate=1e-12, weight_decay=0.0, mixed_precision="no")


class Second(recipe.DRNRecipe):
    presets = {"tiny": replace(TINY, iterations=1, half_size_iterations=0, continues=True, **STANDING)}
    judged = 2
"""


def test_a_preset_that_continues_begins_with_the_trained_weights(
    small_studio: Path, checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "second.py"
    file.write_text(CONTINUES)
    monkeypatch.setenv(FOLDER_VARIABLE, str(checkpoints))
    train(f"{file}:Second", str(small_studio), out=tmp_path / "out", device="cpu")
    begun, given = (
        read_checkpoint("drn", Hyperparameters, place / "drn.safetensors") for place in (tmp_path / "out", checkpoints)
    )
    assert begun.hparams.continues
    assert begun.arrays.keys() == given.arrays.keys()
    assert all(np.allclose(begun.arrays[key], array, atol=1e-3) for key, array in given.arrays.items())
    identity = json.loads((tmp_path / "out" / "training.json").read_text())
    assert identity["builds_on"] == {"drn": given.digest}
    assert DRNRecipe().bases("cpu") == ("drn",)
    assert DRNRecipe().bases("small") == ()


def test_trained_checkpoints_run(small_studio: Path, tmp_path: Path) -> None:
    for recipe in ("Whole", "Face"):
        path = f"{small_studio.parent / 'recipes.py'}:{recipe}"
        facts = train(path, str(small_studio), out=tmp_path / recipe, device="cpu")
        assert ("pairs left out" in facts) == (recipe == "Face")  # only the face module needs frontal faces
    (tmp_path / "Face" / "drn-face.safetensors").rename(tmp_path / "Whole" / "drn-face.safetensors")
    checkpoint = tmp_path / "Whole" / "drn.safetensors"
    record = fb.run("drn", str(small_studio), "psnr", checkpoint=checkpoint, limit=4, out=tmp_path / "run")
    assert record["psnr"].n == 4


def test_a_dry_run_reports_sizes_and_times(small_studio: Path, tmp_path: Path) -> None:
    recipe = f"{small_studio.parent / 'recipes.py'}:Whole"
    plan = train(recipe, str(small_studio), out=tmp_path / "plan", device="cpu", dry_run=True)
    assert "(network " in plan["parameters"]
    assert "3 iterations" in plan["estimated time"]
    assert " s from 2 on" in plan["one iteration"]  # iteration 1 has half the image size
    assert not (tmp_path / "plan").exists()


@pytest.mark.parametrize("recipe", [DRNRecipe, End2EndRecipe, FaceRecipe, PBOnlyRecipe, Texture64Recipe])
def test_recipes_report_what_a_benchmark_lacks(recipe: type[DRNRecipe], small_studio: Path) -> None:
    benchmark = small_studio.with_name(f"{recipe.card.name}.toml")
    lines = small_studio.read_text().splitlines()
    benchmark.write_text("\n".join(line for line in lines if not line.startswith("train_pairs")))
    with pytest.raises(UserError, match="names no training pairs"):
        train(recipe.card.name, str(benchmark))
    benchmark.write_text(small_studio.read_text().replace("[64, 48]", "[64, 47]"))
    with pytest.raises(UserError, match="47 wide"):
        train(recipe.card.name, str(benchmark))
    if recipe is FaceRecipe:
        benchmark.write_text("\n".join(line for line in lines if not line.startswith("train_truth")))
        with pytest.raises(UserError, match="has no face landmarks"):
            train(recipe.card.name, str(benchmark))


def test_the_presets_have_the_papers_values() -> None:
    """All numbers of "Implementation Details" and of Table II (the ablations)."""
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
def test_a_gpu_that_replays_steps_gives_the_losses_of_the_cpu(small_studio: Path, tmp_path: Path) -> None:
    """Enough iterations of one shape that steps are recorded and replayed; in float64, which hides rounding."""
    recipes = small_studio.parent / "replayed.py"
    text = (small_studio.parent / "recipes.py").read_text()
    recipes.write_text(
        text.replace("iterations=3,", "iterations=9,").replace("half_size_iterations=1", "half_size_iterations=0")
    )
    for device in ("cpu", "cuda"):
        with Float64():
            train(f"{recipes}:Whole", str(small_studio), out=tmp_path / device, device=device, mixed_precision="no")
    np.testing.assert_allclose(read_log(tmp_path / "cuda"), read_log(tmp_path / "cpu"), rtol=TOLERANCE, atol=TOLERANCE)
