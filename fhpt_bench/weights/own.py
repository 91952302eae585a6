"""Our own weights format: safetensors with a name, a digest, an origin and a card in the header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fhpt_bench.weights.readers import Arrays, tensor_digest
from fhpt_bench.weights.sources import Unusable

_LENGTH = 8  # bytes of the number before a safetensors header


def weights_bytes(name: str, arrays: Arrays, origin: str, card: Mapping[str, Any]) -> bytes:
    """Serialise weights in the store's format; equal weights and cards give equal bytes.

    Args:
        name: name of the weights.
        arrays: tensor name -> array.
        origin: description of the source.
        card: JSON object that describes the training.
    """
    from safetensors.numpy import save

    content = save(arrays, {"name": name, "digest": tensor_digest(arrays), "origin": origin, "card": json.dumps(card)})
    # The library writes the metadata in an order that differs between calls.
    length = int.from_bytes(content[:_LENGTH], "little")
    header = json.loads(content[_LENGTH : _LENGTH + length])
    spelled = json.dumps({**header, "__metadata__": dict(sorted(header["__metadata__"].items()))}).encode()
    spelled += b" " * (-len(spelled) % _LENGTH)
    return len(spelled).to_bytes(_LENGTH, "little") + spelled + content[_LENGTH + length :]


def read_header(path: Path, name: str) -> dict[str, str]:
    """The metadata of a file in our format; its tensors are not read.

    Args:
        path: path of the file.
        name: name of the weights that the file should hold.

    Raises:
        Unusable: if the file is damaged, or holds something else.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            header: dict[str, str] = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise Unusable(f"it is damaged ({error})") from error
    if header.get("name") != name or "digest" not in header or "origin" not in header:
        raise Unusable(f"it was not written by fhpt-bench as {name}")
    return header


def read_own(path: Path, name: str) -> tuple[Arrays, str]:
    """Arrays and digest of a file in our format, after its digest was checked.

    Raises:
        Unusable: if the file is damaged, or holds something else.
    """
    from safetensors.numpy import load_file

    known = read_header(path, name)["digest"]
    try:
        arrays: Arrays = load_file(path)
    # The library raises errors of several types for dtypes that numpy does not have.
    except Exception as error:
        raise Unusable(f"it is damaged ({type(error).__name__}: {error})") from error
    found = tensor_digest(arrays)
    if found != known:
        raise Unusable(f"its tensors have the digest {found} in place of {known}")
    return arrays, found
