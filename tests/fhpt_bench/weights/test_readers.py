import io
import os
import pickle

import numpy as np
import pytest

from fhpt_bench.weights.readers import _ArrayUnpickler, tensor_digest


class Evil:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps(Evil(os.system, "touch hacked"), protocol=3),
        pickle.dumps(Evil(eval, "open('hacked', 'w')"), protocol=2),
        pickle.dumps(np.array([Evil(os.system, "touch hacked")], dtype=object), protocol=3),
        pickle.dumps(np.array([1, None], dtype=object), protocol=3),
        pickle.dumps(np.zeros(3), protocol=3),
        pickle.dumps(np.zeros(3, ">f4"), protocol=3),
        pickle.dumps(np.zeros(2, [("a", "f4")]), protocol=3),
        pickle.dumps(np.zeros(3, np.float32), protocol=5),  # protocol 5 handles buffers differently
        # BUILD with a dictionary on a replaced class: {"x": 1} must not become its state
        b"\x80\x03cnumpy\ndtype\n}X\x01\0\0\0xK\x01sb.",
        b"\x80\x03cnumpy.core.multiarray\n_reconstruct\n}X\x01\0\0\0xK\x01sb.",
        b"\x80\x03cnumpy\nndarray\n}X\x01\0\0\0xK\x01sb.",
        # an attribute of an accepted name is another name
        b"\x80\x04\x8c\x05numpy\x8c\x0edtype.__init__\x93.",
        # fewer bytes than the shape needs
        pickle.dumps(np.zeros(300, np.float32), protocol=3).replace(b"M,\x01", b"M,\x02"),
    ],
)
def test_pickles_can_only_contain_arrays(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((pickle.UnpicklingError, TypeError, ValueError, AttributeError)):
        _ArrayUnpickler(io.BytesIO(content)).load()
    assert list(tmp_path.iterdir()) == []


def test_pickled_arrays_are_read():
    arrays = {"c": np.arange(6, dtype=np.float32).reshape(2, 3)}
    arrays["fortran"] = np.asfortranarray(arrays["c"])
    found = _ArrayUnpickler(io.BytesIO(pickle.dumps(arrays, protocol=3))).load()
    assert all(np.array_equal(found[name].array, array) for name, array in arrays.items())


def test_digest_depends_on_names_shapes_types_and_values():
    base = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.zeros(0, np.float32)}
    others = [
        {"a": base["a"]},
        {"a": base["a"], "c": base["b"]},
        {"a": base["a"].reshape(3, 2), "b": base["b"]},
        {"a": base["a"].view(np.int32), "b": base["b"]},
        {"a": base["a"] + 1, "b": base["b"]},
        {"a": base["a"].T.copy().T + 1e-6, "b": base["b"]},
    ]
    digests = {tensor_digest(each) for each in (base, *others)}
    assert len(digests) == 1 + len(others)
    assert tensor_digest({"b": base["b"], "a": np.asfortranarray(base["a"])}) == tensor_digest(base)
