"""Tiny checkpoints with random weights, and tiny recipes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from drn.checkpoint import write_checkpoint
from drn.face import FaceModule
from drn.hyperparameters import SMALL, Hyperparameters
from drn.network import DetailReplenishingNetwork
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.pairs import read_pairs
from fhpt_bench.data.pose import read_keypoints
from fhpt_bench.data.truth import read_truth

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


SIZE = (64, 48)
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
def small_studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark of 17 of studio's training people at a quarter of the size; both splits have the same pairs."""
    studio = load_benchmark("studio")
    folder = tmp_path_factory.mktemp("small")
    (folder / "train").mkdir()
    names = studio.train_images[: 17 * 5]
    scale = np.array([SIZE[1] / studio.image_size[1], SIZE[0] / studio.image_size[0]])
    poses = read_keypoints(studio.training_files["keypoints"], studio.image_size)
    keypoints = ["name:keypoints_y:keypoints_x"]
    for name in names:
        with Image.open(studio.train_folder / name) as image:
            image.resize(SIZE[::-1]).save(folder / "train" / name)
        x, y = np.nan_to_num(poses[name] * scale, nan=-1).round(2).T
        keypoints.append(f"{name}: {y.tolist()}: {x.tolist()}")
    faces = read_truth(studio.training_files["truth"], None).keypoints["face"]
    rows = np.stack([faces[name] * [*scale, 1] for name in names]).astype(np.float32)
    np.savez(folder / "truth.npz", names=np.array(names), face=rows)
    pairs = [f"{a},{b}" for a, b in read_pairs(studio.training_files["pairs"]) if {a, b} <= set(names)]
    for file, lines in (("keypoints.csv", keypoints), ("pairs.csv", ["from,to", *pairs]), ("train.lst", names)):
        (folder / file).write_text("\n".join(lines) + "\n")
    (folder / "recipes.py").write_text(RECIPES)
    benchmark = folder / "small.toml"
    benchmark.write_text(
        f'id = "small"\nversion = "1"\ntitle = "small people"\nroot = "."\nimage_size = {list(SIZE)}\n'
        'images = "train"\npairs = "pairs.csv"\nkeypoints = "keypoints.csv"\ntruth = "truth.npz"\n'
        'train_images = "train"\ntrain_list = "train.lst"\ntrain_pairs = "pairs.csv"\n'
        'train_keypoints = "keypoints.csv"\ntrain_truth = "truth.npz"\nprotocols = ["psnr"]\n'
    )
    return benchmark
