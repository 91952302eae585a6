"""Checkpoints keep hyperparameters and tensors, and say why they cannot be used."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fhpt_bench.errors import UserError
from fhpt_bench.training.checkpoint import read_checkpoint, write_checkpoint
from fhpt_bench.training.checkpoint_model import CheckpointModel

CARD = {"seed": 3, "benchmark": {"id": "studio", "version": "1.0"}}


@dataclass(frozen=True)
class Weights:
    """A nested dataclass."""

    gan: float = 1.0


@dataclass(frozen=True)
class Hyperparameters:
    """Every kind of value that a preset may have."""

    width: int = 4
    betas: tuple[float, float] = (0.5, 0.999)
    loss: Weights = field(default_factory=Weights)
    kind: str = "delta"


@dataclass(frozen=True)
class Others:
    """Hyperparameters of another method."""

    depth: int = 1


HPARAMS = Hyperparameters(6, (0.0, 0.9), Weights(2.5), "gaussian")


def network(width: int = 6) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width))


def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    given = network()
    given(torch.rand(2, 3, 5, 5))  # counts one batch
    for folder in ("a", "b"):
        write_checkpoint(tmp_path / folder / "mine.safetensors", "mine", given, HPARAMS, CARD)
    assert (tmp_path / "a/mine.safetensors").read_bytes() == (tmp_path / "b/mine.safetensors").read_bytes()

    found = read_checkpoint("mine", Hyperparameters, tmp_path / "a/mine.safetensors")
    assert found.hparams == HPARAMS
    assert (found.card["seed"], found.name) == (3, "mine")
    assert found.arrays["0.weight"].dtype == np.float16
    filled = network()
    found.fill(filled)
    for name, tensor in given.state_dict().items():
        other = filled.state_dict()[name]
        assert other.dtype == tensor.dtype
        assert torch.equal(other, tensor.half().to(tensor.dtype)), name
    assert filled.state_dict()["1.num_batches_tracked"] == 1


def test_a_checkpoint_that_does_not_fit_says_so(tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    write_checkpoint(file, "mine", network(), HPARAMS, CARD)
    with pytest.raises(UserError, match=r"does not fit the network .* `fhpt-bench train mine`"):
        read_checkpoint("mine", Hyperparameters, file).fill(network(width=5))
    with pytest.raises(UserError, match=r"no hyperparameters that this version knows .* it knows depth\)"):
        read_checkpoint("mine", Others, file)
    with pytest.raises(UserError, match="give a checkpoint of other"):
        read_checkpoint("other", Hyperparameters, file)


class Scaled(CheckpointModel):
    """A model that counts the calls of its network."""

    recipe, hyperparameters = "mine", Hyperparameters

    def build(self, hparams: Hyperparameters) -> nn.Module:
        return network(hparams.width)

    def generate(self, batch: object) -> Tensor:
        raise AssertionError("these tests call the network only")


def test_a_model_is_filled_and_generates_image_by_image_on_a_cpu(tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    write_checkpoint(file, "mine", network(), HPARAMS, CARD)
    model = Scaled(file)
    assert model.hparams == HPARAMS
    assert not model.network.training
    assert list(model.trained) == ["mine"]
    images = torch.rand(3, 3, 5, 5)
    outputs = model.outputs(images)
    assert [len(part) for part in outputs] == [1, 1, 1]
    torch.testing.assert_close(torch.cat(outputs), model.network(images))
