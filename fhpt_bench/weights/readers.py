"""Readers of published weights files that never run code from them."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
Reader = Callable[[Path], Arrays]


def tensor_digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    """The digest of weights, independent of their file format; it enters fingerprints.

    Args:
        arrays: tensor name -> array.

    Returns:
        The sha256 of name, dtype, shape and bytes of each tensor, in the order of the names.

    Examples:
        >>> one, two = np.zeros(2, np.float32), np.ones((1, 2), np.float32)
        >>> tensor_digest({"a": one, "b": two}) == tensor_digest({"b": two, "a": one})
        True
        >>> tensor_digest({"a": two}) == tensor_digest({"a": two.reshape(2)})
        False
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(json.dumps([name, array.dtype.str, list(array.shape)]).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def safetensors_file(path: Path) -> Arrays:
    """All tensors of a safetensors file."""
    from safetensors.numpy import load_file

    arrays: Arrays = load_file(path)
    return arrays


def torch_checkpoint(prefix: str) -> Reader:
    """A reader of those tensors of a PyTorch checkpoint whose names begin with a prefix."""

    def read(path: Path) -> Arrays:
        return _checkpoint(path, prefix)

    return read


def archived_checkpoint(member: str) -> Reader:
    """A reader of all tensors of a PyTorch checkpoint inside a source archive.

    Args:
        member: the checkpoint's path in the archive.
    """

    def read(path: Path) -> Arrays:
        return _checkpoint(_extract(path, member), "")

    return read


def _checkpoint(file: Path | BinaryIO, prefix: str) -> Arrays:
    import torch

    tensors = torch.load(file, map_location="cpu", weights_only=True)
    # The batch counters of batch normalisation are only needed for training.
    return {
        name: tensor.detach().contiguous().numpy()
        for name, tensor in tensors.items()
        if name.startswith(prefix) and not name.endswith(".num_batches_tracked")
    }


def _extract(path: Path, member: str) -> io.BytesIO:
    """One file of an archive, in memory: nothing is extracted to disk."""
    with tarfile.open(path, "r:gz") as archive:
        file = archive.extractfile(member)
        if file is None:
            raise ValueError(f"{member} is not a file")
        return io.BytesIO(file.read())


def flax_archive(member: str, network: str, convolutions: Sequence[int]) -> Reader:
    """A reader of the convolutions of a Flax network, pickled inside a source archive.

    Args:
        member: the pickle's path in the archive.
        network: the key of the network in the pickle.
        convolutions: torchvision's number of `Conv_0`, `Conv_1`, … among its `features`.

    Returns:
        A reader that returns tensors with torchvision's names and axes (out, in, height, width).
    """

    def read(path: Path) -> Arrays:
        layers = _ArrayUnpickler(_extract(path, member)).load()[network]
        arrays = {}
        for position, number in enumerate(convolutions):
            layer = layers[f"Conv_{position}"]
            arrays[f"features.{number}.weight"] = np.ascontiguousarray(layer["kernel"].array.transpose(3, 2, 0, 1))
            arrays[f"features.{number}.bias"] = layer["bias"].array
        return arrays

    return read


class _DType:
    """Replaces `numpy.dtype` in a pickle: accepts little-endian float32 only, above all no objects."""

    __slots__ = ()

    def __init__(self, code: str, *flags: bool) -> None:
        if code != "f4":
            raise pickle.UnpicklingError(f"arrays of dtype {code!r} are not accepted")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] != "<":
            raise pickle.UnpicklingError("only little-endian arrays are accepted")


class _Array:
    """Replaces a numpy array in a pickle: numpy's own `__setstate__` is not safe for untrusted input."""

    __slots__ = ("array",)

    def __init__(self, *nothing: object) -> None:
        self.array: NDArray[np.float32] = np.empty(0, np.float32)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, content = state
        if not isinstance(dtype, _DType) or not isinstance(content, bytes):
            raise pickle.UnpicklingError("an array must be bytes of float32")
        self.array = np.frombuffer(content, "<f4").reshape(shape, order="F" if fortran else "C")


class _ArrayUnpickler(pickle.Unpickler):
    """Accepts only the three names that a pickled numpy array needs, each replaced by a harmless class."""

    _ACCEPTED: Mapping[tuple[str, str], object] = {
        ("numpy.core.multiarray", "_reconstruct"): _Array,
        ("numpy", "ndarray"): "numpy.ndarray",  # only passed to `_reconstruct`
        ("numpy", "dtype"): _DType,
    }

    def find_class(self, module: str, name: str) -> Any:
        """The replacement for a name in the pickle.

        Raises:
            pickle.UnpicklingError: for any other name.
        """
        if (module, name) not in self._ACCEPTED:
            raise pickle.UnpicklingError(f"{module}.{name} is not accepted")
        return self._ACCEPTED[module, name]
