"""The ablation "PB Fixed": a trained PATN that stays as it is, and a detail branch that is trained."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import fhpt_bench as fb
from baselines.patn.hyperparameters import SMALL as PATN
from baselines.patn.network import PATNetwork
from drn.ablations import PBFixed
from drn.hyperparameters import PAPER, SMALL, PBFixedHyperparameters
from drn.network import FixedBranch, PBFixedNetwork
from drn.recipe import PBFixedRecipe
from fhpt_bench import weights
from fhpt_bench.errors import UserError
from fhpt_bench.training.checkpoint import read_checkpoint, write_checkpoint
from fhpt_bench.training.train import train
from fhpt_bench.weights import FOLDER_VARIABLE, WeightsMissing
from fhpt_bench.weights.table import to_train

CARD = {"seed": 0, "benchmark": {"id": "studio", "version": "1.0"}}
TINY_PATN = replace(PATN, width=3, blocks=2, dropout=0.5, pose_maps="delta")
RECIPE = """
from dataclasses import replace

from drn import recipe
from drn.hyperparameters import SMALL, PBFixedHyperparameters

class Fixed(recipe.PBFixedRecipe):
    presets = {"tiny": replace(
        recipe.PBFixedRecipe.presets["small"], width=2, detail_blocks=1, style=4, hidden=4, discriminator_width=2,
        batch_size=4, iterations=3, fixed_iterations=2, half_size_iterations=1, mixed_precision="no",
    )}
    judged = 2
"""


def write_patn(folder: Path, seed: int, width: int = 3) -> Path:
    """Write a PATN of random weights as its checkpoint; return the folder."""
    folder.mkdir()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = PATNetwork(width, 2, 0.5)
    write_checkpoint(folder / "patn.safetensors", "patn", network, replace(TINY_PATN, width=width), CARD)
    return folder


@pytest.fixture
def recipe(small_people: Path, tmp_path: Path) -> str:
    file = tmp_path / "fixed.py"
    file.write_text(RECIPE)
    return f"{file}:Fixed"


def test_without_a_trained_patn_the_message_names_the_command(
    small_people: Path, recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = tuple(spec for spec in weights.TABLE if spec.name != "patn")
    monkeypatch.setattr(weights, "TABLE", (*others, to_train("patn", "PATN")))
    with pytest.raises(WeightsMissing) as raised:
        train(recipe, str(small_people), out=tmp_path / "out", device="cpu")
    first = str(raised.value.args[0])
    assert "patn" in first
    assert f"train them with `fhpt-bench train patn --out DIR` and set {FOLDER_VARIABLE} to DIR." in first
    assert not (tmp_path / "out").exists()


def test_only_the_detail_branch_is_trained_and_the_checkpoint_runs(
    small_people: Path, recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(write_patn(tmp_path / "patn", 1)))
    given = read_checkpoint("patn", type(TINY_PATN))
    facts = train(recipe, str(small_people), out=tmp_path / "whole", device="cpu")
    assert facts["iterations"] == "3 of 3"
    file = tmp_path / "whole" / "drn-pb-fixed.safetensors"
    found = read_checkpoint("drn-pb-fixed", PBFixedHyperparameters, file)
    assert found.hparams.patn == TINY_PATN
    fixed = {name.removeprefix("transfer.patn."): array for name, array in found.arrays.items() if "patn" in name}
    assert fixed.keys() == given.arrays.keys()
    assert all((fixed[name] == array).all() for name, array in given.arrays.items())
    state = torch.load(tmp_path / "whole" / "checkpoint.pt", weights_only=True)["state"]
    assert {name for name in state if name.startswith("optimiser")} == {"optimiser of detail", "optimiser of critics"}
    identity = json.loads((tmp_path / "whole" / "training.json").read_text())
    assert identity["builds_on"] == {"patn": given.digest}

    train(recipe, str(small_people), out=tmp_path / "pieces", device="cpu", time_budget=1e-9)
    train(recipe, str(small_people), out=tmp_path / "pieces", device="cpu")
    assert (tmp_path / "pieces" / file.name).read_bytes() == file.read_bytes()

    monkeypatch.delenv(FOLDER_VARIABLE)  # the checkpoint includes PATN
    record = fb.run(PBFixed, str(small_people), "psnr", checkpoint=file, limit=4, out=tmp_path / "run")
    assert record["psnr"].n == 4

    monkeypatch.setenv(FOLDER_VARIABLE, str(write_patn(tmp_path / "other", 2)))
    with pytest.raises(UserError, match="holds something other than this training"):
        train(recipe, str(small_people), out=tmp_path / "pieces", device="cpu")


def test_the_fixed_branch_is_patn_without_dropout_or_gradients() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = PBFixedNetwork(
            PBFixedHyperparameters(width=2, detail_blocks=1, style=4, hidden=4, patn=TINY_PATN)
        ).train()
        source, maps = torch.rand(1, 3, 32, 24) * 2 - 1, torch.rand(1, 18, 32, 24)
        stages = network(source, maps, maps.flip(1))
    branch = network.transfer
    assert isinstance(branch, FixedBranch)
    assert torch.equal(stages.coarse, branch.patn.eval()(source, maps, maps.flip(1)))
    assert stages.guidance.shape == (1, 12, 8, 6)
    assert stages.residual is not None
    torch.testing.assert_close(stages.image, stages.coarse + stages.residual)
    stages.image.square().mean().backward()
    assert all(parameter.grad is None for parameter in branch.parameters())
    assert all(parameter.grad is not None for parameter in network.detail.parameters())


def test_the_presets_are_drns() -> None:
    for name, whole in (("small", SMALL), ("paper", PAPER)):
        preset = vars(PBFixedRecipe.presets[name])
        assert {key: value for key, value in preset.items() if key != "patn"} == vars(whole)
    assert not PBFixedRecipe.alternate


def test_a_file_with_a_number_of_blocks_beyond_its_tensors_is_refused(tmp_path: Path) -> None:
    hparams = PBFixedHyperparameters(width=2, detail_blocks=1, style=4, hidden=4, patn=TINY_PATN)
    network = PBFixedNetwork(hparams)
    file = tmp_path / "drn-pb-fixed.safetensors"
    huge = replace(hparams, patn=replace(TINY_PATN, blocks=10**9))
    write_checkpoint(file, "drn-pb-fixed", network, huge, CARD)
    with pytest.raises(UserError, match="does not fit the network"):
        PBFixed(file)
