"""Checkpoints: what a training leaves behind for `run`, a safetensors file with its settings inside."""

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
    """What was learnt, and how.

    Args:
        name: of the recipe that made it.
        arrays: tensor name -> array, in half precision.
        hparams: of the network and its training.
        card: JSON: seed, benchmark, iterations done, held-out losses, versions.
        digest: of the tensors.
        path: of the file.
    """

    name: str
    arrays: Mapping[str, Any]
    hparams: Hyperparameters
    card: Mapping[str, Any]
    digest: str
    path: Path

    def fill(self, network: nn.Module) -> None:
        """Load the tensors into a network, as float32.

        Raises:
            UserError: where the file holds another network's.
        """
        import torch

        try:
            network.load_state_dict({key: torch.from_numpy(array).float() for key, array in self.arrays.items()})
        except RuntimeError as error:
            raise UserError(
                f"The checkpoint {self.path} does not fit the network that its own settings describe: it was made by "
                f"another version of fhpt-bench; train it anew with `fhpt-bench train {self.name}`."
            ) from error


def write_checkpoint(
    path: Path, name: str, network: nn.Module, hparams: Hyperparameters, card: Mapping[str, Any]
) -> None:
    """Write a network in half precision, which halves the file and moves no pixel by more than rounding does.

    Args:
        path: of the file.
        name: of the recipe.
        network: on any device.
        hparams: kept inside.
        card: JSON, kept inside.

    Raises:
        UserError: where it cannot be written.
    """
    arrays = {key: tensor.detach().half().cpu().numpy() for key, tensor in network.state_dict().items()}
    origin = f"fhpt-bench train {name}, seed {card['seed']}, on {card['benchmark']['id']}"
    write_bytes(path, weights_bytes(name, arrays, origin, {**card, "settings": asdict(hparams)}))


def read_checkpoint(name: str, path: Path | None = None) -> Checkpoint:
    """The checkpoint of a recipe.

    Args:
        name: of the recipe.
        path: its file; None for the one in `FHPT_WEIGHTS_DIR`, else the one that ships with the package.

    Raises:
        WeightsMissing: where there is none.
        UserError: where the file cannot be read, or is another recipe's.
    """
    found = weights.obtain(name) if path is None else weights.read_file(name, path)
    try:
        card = json.loads(read_header(found.path, name)["card"])
        held = dict(card["settings"])
        hparams = Hyperparameters(**{**held, "loss": LossWeights(**held["loss"]), "betas": tuple(held["betas"])})
    except (KeyError, TypeError, ValueError) as error:
        known = ", ".join(field.name for field in fields(Hyperparameters))
        raise UserError(
            f"{found.path} holds no settings that this version knows ({error}; it knows {known}): train it anew with "
            f"`fhpt-bench train {name}`."
        ) from error
    return Checkpoint(name, found.arrays, hparams, card, found.digest, found.path)
