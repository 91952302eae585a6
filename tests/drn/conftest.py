"""Tiny checkpoints with random weights, and tiny recipes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from drn.face import FaceModule
from drn.hyperparameters import SMALL, Hyperparameters
from drn.network import DetailReplenishingNetwork
from fhpt_bench.training.checkpoint import write_checkpoint

TINY = replace(SMALL, width=2, transfer_blocks=2, detail_blocks=1, style=4, hidden=4)
CARD = {"seed": 0, "benchmark": {"id": "studio", "version": "1.0"}}


def random_checkpoint(folder: Path, name: str, hparams: Hyperparameters = TINY, seed: int = 0) -> Path:
    """Write an untrained network as a checkpoint of a recipe; return its file."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network: torch.nn.Module = (
            FaceModule(hparams.width, hparams.style, hparams.hidden)
            if name == "drn-face"
            else DetailReplenishingNetwork(hparams, detail=name != "drn-pb-only")
        )
        # Instance norm removes the scale of most weights; larger last weights give images with visible content.
        for parameter in network.parameters():
            parameter.data.mul_(3)
    path = folder / f"{name}.safetensors"
    write_checkpoint(path, name, network, hparams, CARD)
    return path


@pytest.fixture(scope="session")
def make_checkpoint() -> Callable[..., Path]:
    """The function `random_checkpoint`."""
    return random_checkpoint


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with checkpoints of `drn`, `drn-face` and `drn-pb-only`."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for name in ("drn", "drn-face", "drn-pb-only"):
        random_checkpoint(folder, name)
    return folder


RECIPES = """
from dataclasses import replace

from drn import recipe
from drn.hyperparameters import FACE_SMALL, SMALL

SIZES = dict(
    width=2, transfer_blocks=1, detail_blocks=1, style=4, hidden=4, discriminator_width=2, batch_size=4, iterations=3,
    fixed_iterations=2, mixed_precision="no",
)


class Whole(recipe.DRNRecipe):
    presets = {"tiny": replace(SMALL, half_size_iterations=1, **SIZES)}
    judged = 2


class Face(recipe.FaceRecipe):
    presets = {"tiny": replace(FACE_SMALL, **SIZES)}
    judged = 2
"""


@pytest.fixture(scope="session")
def small_studio(small_people: Path) -> Path:
    """The benchmark of small people, with the tiny recipes in `recipes.py` next to it."""
    small_people.with_name("recipes.py").write_text(RECIPES)
    return small_people
