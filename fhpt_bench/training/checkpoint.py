"""Checkpoints of trained generators: a safetensors file in half precision that includes the hyperparameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_type_hints

from fhpt_bench import weights
from fhpt_bench.errors import UserError
from fhpt_bench.files import write_bytes
from fhpt_bench.reading import parse_json
from fhpt_bench.weights.own import read_header, weights_bytes

if TYPE_CHECKING:
    from torch import nn
    from torch.overrides import TorchFunctionMode

_RANDOM = ("normal_", "uniform_", "trunc_normal_", "xavier_uniform_", "kaiming_uniform_")  # of torch.nn.init, Tensor
H = TypeVar("H")  # a dataclass of hyperparameters


@dataclass(frozen=True)
class Checkpoint(Generic[H]):
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
    hparams: H
    card: Mapping[str, Any]
    digest: str
    path: Path

    def make(self, build: Callable[[H], nn.Module]) -> nn.Module:
        """Make the network that the hyperparameters describe, and fill it.

        Its shapes are compared with the file's before any memory is used: a stranger's file may describe anything.

        Args:
            build: hyperparameters -> untrained network.

        Raises:
            UserError: if the tensors do not fit the network, or no network can be made.
        """
        import torch

        held = {key: tuple(array.shape) for key, array in self.arrays.items()}
        try:
            if max(_block_numbers(self.hparams), default=0) > len(held):
                raise ValueError("more blocks than tensors")
            with torch.device("meta"), _without_random_values():
                described = {key: tuple(tensor.shape) for key, tensor in build(self.hparams).state_dict().items()}
        except Exception as error:  # a network made of wrong numbers may fail in any way
            raise self._misfit() from error
        if described != held:
            raise self._misfit()
        network = build(self.hparams)
        self.fill(network)
        return network

    def _misfit(self) -> UserError:
        return UserError(
            f"The checkpoint {self.path} does not fit the network that its hyperparameters describe: it was made "
            f"by another version of fhpt-bench; train it again with `fhpt-bench train {self.name}`."
        )

    def fill(self, network: nn.Module) -> None:
        """Load the tensors into a network: numbers as float32, counters as they are.

        Args:
            network: changed in place.

        Raises:
            UserError: if the tensors do not fit the network.
        """
        import torch

        tensors = {key: torch.from_numpy(array) for key, array in self.arrays.items()}
        try:
            network.load_state_dict({key: t.float() if t.is_floating_point() else t for key, t in tensors.items()})
        except RuntimeError as error:
            raise self._misfit() from error


def write_checkpoint(path: Path, name: str, network: nn.Module, hparams: Any, card: Mapping[str, Any]) -> None:
    """Write a network in half precision, which halves the file and changes pixels by no more than rounding.

    Args:
        path: path of the file.
        name: name of the recipe.
        network: the network, on any device. Equal networks give equal bytes.
        hparams: its hyperparameters, a dataclass of JSON values, tuples and such dataclasses; stored in the file.
        card: JSON with a `seed` and a `benchmark` that has an `id`; stored in the file.

    Raises:
        UserError: if the file cannot be written.
    """
    tensors = {key: tensor.detach() for key, tensor in network.state_dict().items()}
    arrays = {key: (t.half() if t.is_floating_point() else t).cpu().contiguous().numpy() for key, t in tensors.items()}
    origin = f"fhpt-bench train {name}, seed {card['seed']}, on {card['benchmark']['id']}"
    write_bytes(path, weights_bytes(name, arrays, origin, {**card, "settings": asdict(hparams)}))


def read_checkpoint(name: str, kind: type[H], path: Path | None = None) -> Checkpoint[H]:
    """Read the checkpoint of a recipe.

    Args:
        name: name of the recipe.
        kind: the dataclass of its hyperparameters. A field that the file does not have gets its default.
        path: path of the file; default: the file in `FHPT_WEIGHTS_DIR`, else the one that ships with the package.

    Raises:
        WeightsMissing: if there is no checkpoint.
        UserError: if the file cannot be read, or belongs to another recipe.
    """
    found = weights.obtain(name) if path is None else weights.read_file(name, path)
    try:
        card = parse_json(read_header(found.path, name)["card"], str(found.path))
        hparams = _decoded(kind, dict(card["settings"]))
    except (KeyError, TypeError, ValueError) as error:
        known = ", ".join(_field_names(kind))
        raise UserError(
            f"{found.path} holds no hyperparameters that this version knows ({error}; it knows {known}): train it "
            f"again with `fhpt-bench train {name}`."
        ) from error
    return Checkpoint(name, found.arrays, hparams, card, found.digest, found.path)


def _without_random_values() -> TorchFunctionMode:
    """Leave out random initial values, for which torch would import its compiler on the device "meta"."""
    from torch.overrides import TorchFunctionMode

    class Mode(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            given = kwargs or {}
            if getattr(func, "__name__", "") in _RANDOM:
                return given["tensor"] if "tensor" in given else args[0]
            return func(*args, **given)

    return Mode()


def _decoded(kind: type[H], stored: Mapping[str, Any]) -> H:
    """A dataclass from its JSON, in which tuples are lists."""
    types = get_type_hints(kind)
    values = {}
    for name, value in stored.items():
        if is_dataclass(part := types.get(name)):
            value = _decoded(part, dict(value))  # type: ignore[arg-type]  # a field's type is a class
        values[name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def _block_numbers(hparams: Any) -> Iterator[int]:
    """The numbers of blocks among hyperparameters, also those of a network inside the network."""
    for field in fields(hparams):
        value = getattr(hparams, field.name)
        if is_dataclass(value):
            yield from _block_numbers(value)
        elif field.name.endswith("blocks") and isinstance(value, int):
            yield value


def _field_names(kind: Any) -> list[str]:
    return [field.name for field in fields(kind)]
