"""Tiny checkpoints with random weights: nobody would take what they paint for a result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from drn.checkpoint import write_checkpoint
from drn.face import FaceModule
from drn.network import DetailReplenishingNetwork
from drn.settings import SMALL, Settings

TINY = replace(SMALL, width=2, transfer_blocks=2, detail_blocks=1, style=4, hidden=4)
CARD = {"seed": 0, "benchmark": {"id": "studio", "version": "1.0"}}


def random_checkpoint(folder: Path, name: str, settings: Settings = TINY, seed: int = 0) -> Path:
    """Write an untrained network as a checkpoint of a recipe; returns its file."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network: torch.nn.Module = (
            FaceModule(settings.width, settings.style, settings.hidden)
            if name == "drn-face"
            else DetailReplenishingNetwork(settings, detail=name != "drn-pb-only")
        )
        # Instance norm hides a scale; larger last weights make something to see.
        for parameter in network.parameters():
            parameter.data.mul_(3)
    path = folder / f"{name}.safetensors"
    write_checkpoint(path, name, network, settings, CARD)
    return path


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with checkpoints of `drn`, `drn-face` and `drn-pb-only`."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for name in ("drn", "drn-face", "drn-pb-only"):
        random_checkpoint(folder, name)
    return folder
