"""Random weights in place of VGG's, batches of noise, and tiny recipes of the trained baselines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from fhpt_bench.networks.vgg import VGG16Maps
from fhpt_bench.training.pairs import TrainingBatch

SIZE = (64, 48)
RECIPES = """
from dataclasses import replace

from baselines.dsc import recipe as dsc
from baselines.dsc.hyperparameters import SMALL as DSC
from baselines.patn import recipe as patn
from baselines.patn.hyperparameters import SMALL as PATN
from baselines.pg2 import recipe as pg2
from baselines.pg2.hyperparameters import SMALL as PG2
from baselines.spt import recipe as spt
from baselines.spt.hyperparameters import SMALL as SPT
from baselines.vunet import recipe as vunet
from baselines.vunet.hyperparameters import SMALL as VUNET

SIZES = dict(width=2, discriminator_width=2, batch_size=4, iterations=3, mixed_precision="no")


class Dsc(dsc.DSCRecipe):
    presets = {"tiny": replace(DSC, levels=4, dropout=0.5, half_size_iterations=0, **SIZES)}
    judged = 2


class Patn(patn.PATNRecipe):
    presets = {"tiny": replace(
        PATN, blocks=2, dropout=0.5, discriminator_dropout=0.5, fixed_iterations=2, half_size_iterations=1, **SIZES
    )}
    judged = 2


class Pg2(pg2.PG2Recipe):
    presets = {"tiny": replace(PG2, blocks=3, bottleneck=4, coarse_iterations=2, **SIZES)}
    judged = 2


class Spt(spt.SPTRecipe):
    presets = {"tiny": replace(
        SPT, levels=4, dropout=0.5, semantic_width=2, semantic_levels=4, detector_width=2, detector_blocks=1,
        face_side=32,
        detector_iterations=1, semantic_iterations=1, coarse_iterations=1, **SIZES
    )}
    judged = 2


class Vunet(vunet.VUNetRecipe):
    presets = {"tiny": replace(
        VUNET, width=2, levels=5, initial_batches=2, batch_size=4, iterations=3, fixed_iterations=1,
        mixed_precision="no",
    )}
    judged = 2
"""


@pytest.fixture
def random_vgg(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights in VGG16's shapes: which step changes which network does not depend on them."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = torch.nn.ModuleDict({"features": VGG16Maps.layers()}).state_dict()
    monkeypatch.setattr("fhpt_bench.training.losses.store.load", lambda name: layers)


@pytest.fixture
def keep_random_state() -> Iterator[None]:
    """Torch's random numbers after the test are those before it."""
    with torch.random.fork_rng():
        yield


class Stream:
    """Batches of noise, a different one at each call; `position` counts them."""

    def __init__(self, size: int = 2) -> None:
        self.position, self.size = 0, size

    def next_batch(self) -> TrainingBatch:
        self.position += 1
        return noise(self.position, self.size)

    def state_dict(self) -> dict[str, Any]:
        return {"position": self.position}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.position = state["position"]


def noise(seed: int, size: int = 2) -> TrainingBatch:
    """A batch of random pixels, joints and landmarks."""
    rng = torch.Generator().manual_seed(seed)
    images = [torch.randint(0, 256, (size, 3, *SIZE), generator=rng, dtype=torch.uint8) for _ in range(2)]
    points = [torch.rand((size, n, 2), generator=rng) * 40 for n in (18, 18, 68, 68)]
    maps = [torch.randint(0, 9, (size, *SIZE), generator=rng, dtype=torch.uint8) for _ in range(2)]
    return TrainingBatch(*images, *points, torch.arange(size), *maps)


@pytest.fixture
def stream() -> Stream:
    """A stream of batches of noise."""
    return Stream()


@pytest.fixture
def held_out() -> TrainingBatch:
    """A batch of noise that the stream does not have."""
    return noise(0)


@pytest.fixture(scope="session")
def tiny_recipes(small_people: Path) -> str:
    """The path of a file with tiny recipes: `Dsc`, `Patn`, `Pg2`, `Spt`, `Vunet`."""
    file = small_people.with_name("baselines.py")
    file.write_text(RECIPES)
    return str(file)
