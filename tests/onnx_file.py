"""Tiny ONNX files, written without a library: their format is protocol buffers (onnx.proto3 of the ONNX project)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FLOAT = 1  # TensorProto.DataType
_IR_VERSION, _OPSET = 8, 17


def onnx_file(
    weights: NDArray[np.float32], size: tuple[int, int], outputs: int = 1, nodes: Sequence[str] = (), external: str = ""
) -> bytes:
    """A network of one 1x1 convolution, the mean over all pixels, and a flattening to (B, D).

    Args:
        weights: (D, 3, 1, 1) of the convolution.
        size: height and width of its input; the batch has any size.
        outputs: number of outputs, which are all the same.
        nodes: operators after the last one, such as "Log", each on the result of the one before.
        external: name of another file in which the weights are said to be.
    """
    names = [f"n{i}" for i in range(len(nodes) + 1)]
    made = [
        _node("Conv", ["x", "w"], "c"),
        _node("GlobalAveragePool", ["c"], "p"),
        _node("Flatten", ["p"], names[0]),
        *(_node(kind, [a], b) for kind, a, b in zip(nodes, names[:-1], names[1:], strict=True)),
        *(_node("Identity", [names[-1]], f"y{i}") for i in range(outputs)),
    ]
    dimensions = b"".join(_number(1, side) for side in weights.shape)
    tensor = dimensions + _number(2, FLOAT) + _text(8, "w")
    if external:
        entry = b"".join(_bytes(13, _text(1, key) + _text(2, value)) for key, value in (("location", external),))
        tensor += entry + _number(14, 1)
    else:
        tensor += _bytes(9, weights.astype("<f4").tobytes())
    graph = b"".join(_bytes(1, node) for node in made) + _text(2, "g") + _bytes(5, tensor)
    graph += _bytes(11, _value("x", ["b", 3, *size]))
    graph += b"".join(_bytes(12, _value(f"y{i}", ["b", weights.shape[0]])) for i in range(outputs))
    return _number(1, _IR_VERSION) + _bytes(7, graph) + _bytes(8, _text(1, "") + _number(2, _OPSET))


def _node(kind: str, inputs: Sequence[str], output: str) -> bytes:
    return b"".join(_text(1, name) for name in inputs) + _text(2, output) + _text(4, kind)


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    sides = (_number(1, side) if isinstance(side, int) else _text(2, side) for side in shape)
    tensor = _number(1, FLOAT) + _bytes(2, b"".join(_bytes(1, side) for side in sides))
    return _text(1, name) + _bytes(2, _bytes(1, tensor))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])
