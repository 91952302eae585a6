"""`fhpt-bench train` of the trained baselines, from the recipe to a checkpoint that `run` can use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import fhpt_bench as fb
from baselines.dsc.models import DSC
from baselines.dsc.recipe import DSCRecipe
from baselines.patn.models import PATN
from baselines.patn.recipe import PATNRecipe
from baselines.pg2.models import PG2
from baselines.pg2.recipe import PG2Recipe
from baselines.spt.models import SPT
from baselines.spt.recipe import SPTRecipe
from baselines.vunet.models import VUNet
from baselines.vunet.recipe import VUNetRecipe
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.errors import UserError
from fhpt_bench.model import PairBatch, models
from fhpt_bench.training.checkpoint import read_checkpoint
from fhpt_bench.training.checkpoint_model import CheckpointModel
from fhpt_bench.training.generator_recipe import GeneratorRecipe
from fhpt_bench.training.recipe import recipes
from fhpt_bench.training.train import train
from tests.float64 import TOLERANCE, Float64

MODELS: dict[str, type[CheckpointModel]] = {"dsc": DSC, "patn": PATN, "pg2": PG2, "spt": SPT, "vunet": VUNet}
RECIPES: dict[str, type[GeneratorRecipe]] = {
    "dsc": DSCRecipe, "patn": PATNRecipe, "pg2": PG2Recipe, "spt": SPTRecipe, "vunet": VUNetRecipe
}  # fmt: skip
YEARS = {"dsc": 2018, "patn": 2019, "pg2": 2017, "spt": 2019, "vunet": 2018}
NAMES = tuple(MODELS)
UNTRAINED = [name for name in NAMES if name not in ("dsc", "patn")]


@pytest.fixture(scope="module")
def trained(small_people: Path, tiny_recipes: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished tiny training of each baseline, in a folder of its name."""
    folder = tmp_path_factory.mktemp("trained")
    for name in NAMES:
        facts = train(f"{tiny_recipes}:{name.title()}", str(small_people), out=folder / name, device="cpu")
        assert facts["iterations"] == "3 of 3"
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_resumed_training_gives_the_same_bytes(
    name: str, trained: Path, small_people: Path, tiny_recipes: str, tmp_path: Path
) -> None:
    path = f"{tiny_recipes}:{name.title()}"
    for done in ("1 of 3", "2 of 3", "3 of 3"):  # PG2 and SPT have stages
        facts = train(path, str(small_people), out=tmp_path / "pieces", device="cpu", time_budget=1e-9)
        assert facts["iterations"] == done
    for file in (f"{name}.safetensors", "log.csv", "samples/000003.png"):
        assert (tmp_path / "pieces" / file).read_bytes() == (trained / name / file).read_bytes(), file


@pytest.mark.parametrize("name", NAMES)
def test_a_trained_checkpoint_runs(name: str, trained: Path, small_people: Path, tmp_path: Path) -> None:
    file = trained / name / f"{name}.safetensors"
    record = fb.run(name, str(small_people), "psnr", checkpoint=file, limit=4, out=tmp_path / "run")
    found = read_checkpoint(name, MODELS[name].hyperparameters, file)
    assert record["psnr"].n == 4
    assert record.model.trained == {name: found.digest}
    assert record.model.conditioning == (("pose", "source-parsing") if name == "spt" else ("pose",))
    assert {array.dtype for array in found.arrays.values()} == {np.dtype(np.float16)}
    assert found.hparams.width == 2
    assert found.card["benchmark"]["id"] == "small"
    for image in (tmp_path / "run" / "images").iterdir():
        assert np.asarray(Image.open(image)).std() > 1


def test_pg2_keeps_the_size_of_its_images(trained: Path) -> None:
    model = PG2(trained / "pg2" / "pg2.safetensors")
    assert model.hparams.image_size == (64, 48)
    pose = torch.full((1, 18, 2), 5.0)
    batch = PairBatch(("0",), torch.zeros(1, 3, 32, 48), pose, pose)
    with pytest.raises(UserError, match="trained on images 48 wide and 64 high, and these are 48 wide and 32 high"):
        model.generate(batch)


@pytest.mark.parametrize("name", UNTRAINED)
def test_an_untrained_model_says_how_to_train_it(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"fhpt-bench train {name}"):
        fb.run(name, protocols="psnr", limit=2, out=tmp_path / "run")


def test_a_training_that_can_use_no_pair_says_what_it_needs(
    small_people: Path, tiny_recipes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `drn-face` on landmarks without a frontal face, or DSC on poses without hips."""
    monkeypatch.setattr(GeneratorRecipe, "usable", lambda self, hparams, pairs, index: index[:0])
    with pytest.raises(UserError, match=r"patn can use none of the .* because it needs training pairs with body keypo"):
        train(f"{tiny_recipes}:Patn", str(small_people), out=tmp_path / "out", device="cpu")


def test_a_checkpoint_of_another_model_is_refused(trained: Path) -> None:
    with pytest.raises(UserError, match="was not written by fhpt-bench as patn"):
        PATN(trained / "pg2" / "pg2.safetensors")


def test_models_recipes_and_weights_have_the_same_names() -> None:
    for name, model in MODELS.items():
        recipe = RECIPES[name]
        assert models.load(name) is model
        assert recipes.load(name) is recipe
        assert model.recipe == model.card.name == recipe.card.name == name
        assert model.card.trainable
        assert [preset for preset in recipe.presets if preset != "cpu"] == ["small", "paper"]
        assert model.card.year == YEARS[name]
    odd = replace(load_benchmark("studio"), image_size=(256, 178))
    assert "patn needs multiples of 4" in (PATNRecipe().lacks(odd) or "")
    assert PG2Recipe().lacks(odd) is None


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU")
@pytest.mark.parametrize("name", [name for name in NAMES if name != "vunet"])  # whose latents are noise
def test_a_gpu_that_replays_steps_gives_the_losses_of_the_cpu(
    name: str, small_people: Path, tiny_recipes: str, tmp_path: Path
) -> None:
    """Enough iterations of each kind that steps are recorded and replayed; in float64, which hides rounding."""
    file = tmp_path / "longer.py"
    text = (
        Path(tiny_recipes).read_text().replace("iterations=3,", "iterations=12,").replace("dropout=0.5", "dropout=0.0")
    )
    file.write_text(text.replace("coarse_iterations=2", "coarse_iterations=6"))
    logs = []
    for device in ("cpu", "cuda"):
        with Float64():
            train(
                f"{file}:{name.title()}", str(small_people), out=tmp_path / device, device=device, mixed_precision="no"
            )
        rows = (tmp_path / device / "log.csv").read_text().splitlines()[1:]
        logs.append([[float(cell or "nan") for cell in row.split(",")] for row in rows])
    np.testing.assert_allclose(logs[1], logs[0], rtol=TOLERANCE, atol=TOLERANCE)
