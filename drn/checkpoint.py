"""Checkpoints: the result of a training, a safetensors file that includes the hyperparameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drn.hyperparameters import Hyperparameters, LossWeights
from fhpt_bench import weights
from fhpt_bench.errors import UserError
from fhpt_bench.files import write_bytes
from fhpt_bench.weights.own import read_header, weights_bytes

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Checkpoint:
    """A trained network and how it was trained.

    Args:
        name: name of the recipe that trained it.
        arrays: tensor name -> array, in half precision.
        hparams: hyperparameters of the network and its training.
        card: JSON: seed, benchmark, iterations done, held-out losses, versions.
        digest: digest of the tensors.
        path: path of the file.
    """

    name: str
    arrays: Mapping[str, Any]
    hparams: Hyperparameters
    card: Mapping[str, Any]
    digest: str
    path: Path

    def fill(self, network: nn.Module) -> None:
        """Load the tensors into a network, as float32.

        Args:
            network: changed in place.

        Raises:
            UserError: if the tensors do not fit the network.
        """
        import torch

        try:
            network.load_state_dict({key: torch.from_numpy(array).float() for key, array in self.arrays.items()})
        except RuntimeError as error:
            raise UserError(
                f"The checkpoint {self.path} does not fit the network that its hyperparameters describe: it was made "
                f"by another version of fhpt-bench; train it again with `fhpt-bench train {self.name}`."
            ) from error


def write_checkpoint(
    path: Path, name: str, network: nn.Module, hparams: Hyperparameters, card: Mapping[str, Any]
) -> None:
    """Write a network in half precision, which halves the file and changes pixels by no more than rounding.

    Args:
        path: path of the file.
        name: name of the recipe.
        network: the network, on any device.
        hparams: its hyperparameters, stored in the file.
        card: JSON, stored in the file.

    Raises:
        UserError: if the file cannot be written.
    """
    arrays = {key: tensor.detach().half().cpu().numpy() for key, tensor in network.state_dict().items()}
    origin = f"fhpt-bench train {name}, seed {card['seed']}, on {card['benchmark']['id']}"
    write_bytes(path, weights_bytes(name, arrays, origin, {**card, "settings": asdict(hparams)}))


def read_checkpoint(name: str, path: Path | None = None) -> Checkpoint:
    """Read the checkpoint of a recipe.

    Args:
        name: name of the recipe.
        path: path of the file; default: the file in `FHPT_WEIGHTS_DIR`, else the one that ships with the package.

    Raises:
        WeightsMissing: if there is no checkpoint.
        UserError: if the file cannot be read, or belongs to another recipe.
    """
    found = weights.obtain(name) if path is None else weights.read_file(name, path)
    try:
        card = json.loads(read_header(found.path, name)["card"])
        stored = dict(card["settings"])
        hparams = Hyperparameters(**{**stored, "loss": LossWeights(**stored["loss"]), "betas": tuple(stored["betas"])})
    except (KeyError, TypeError, ValueError) as error:
        known = ", ".join(field.name for field in fields(Hyperparameters))
        raise UserError(
            f"{found.path} holds no hyperparameters that this version knows ({error}; it knows {known}): train it "
            f"again with `fhpt-bench train {name}`."
        ) from error
    return Checkpoint(name, found.arrays, hparams, card, found.digest, found.path)
