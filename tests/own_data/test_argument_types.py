"""Arguments of a wrong type in Python: one sentence, not an exception of some library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fhpt_bench as fb
from tests.hostile.conftest import write_benchmark

CALLS: dict[str, tuple[Callable[[], Any], str]] = {
    "an array of images": (lambda: fb.evaluate(np.zeros((2, 8, 8, 3))), "images must be .*path.*, not ndarray"),
    "no images": (lambda: fb.evaluate(None), "images must be the path of a folder: str or pathlib.Path, not NoneType"),
    "a list of folders": (lambda: fb.evaluate(["a"]), "images must be .*, not list"),
    "a number as name": (lambda: fb.evaluate("x", 3), "name must be a text, not int"),
    "a number as layout": (lambda: fb.evaluate("x", layout=3), "layout must be a text, not int"),
    "a number as model": (lambda: fb.run(3), "neither a name nor a Generator"),
    "a number as benchmark": (lambda: fb.run("warp", 3), "benchmark must be a text, not int"),
    "a number as protocols": (
        lambda: fb.run("warp", protocols=3),
        "protocols must be a text, or a list of texts, not int",
    ),
    "numbers as protocols": (
        lambda: fb.run("warp", protocols=[3]),
        "protocols must be a text, or a list of texts, not int",
    ),
    "half a pair": (lambda: fb.run("warp", limit=1.5), "limit must be a whole number, not float"),
    "a yes as limit": (lambda: fb.run("warp", limit=True), "limit must be a whole number, not bool"),
    "a text as batch size": (lambda: fb.run("warp", batch_size="16"), "batch_size must be a whole number, not str"),
    "a number as folder": (lambda: fb.run("warp", out=3), "out must be a path: str or pathlib.Path, not int"),
    "bytes as folder": (lambda: fb.run("warp", data_root=b"x"), "data_root must be a path"),
    "a list as checkpoint": (lambda: fb.run("drn", checkpoint=["x"]), "checkpoint must be a path"),
    "a text as yes": (lambda: fb.run("warp", overwrite="no"), "overwrite must be True or False, not str"),
    "a record as path": (lambda: fb.read_record({}), "path must be the path of a record"),
    "a number as device": (lambda: fb.run("warp", device=0), "device must be a text, not int"),
}


@pytest.mark.parametrize(("call", "message"), CALLS.values(), ids=CALLS)
def test_a_sentence_says_what_is_expected(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(fb.UserError, match=message):
        call()


def test_a_path_object_names_a_benchmark(tmp_path: Path) -> None:
    file: Any = write_benchmark(tmp_path / "data")
    assert fb.run("copy-source", file, ("psnr",), out=tmp_path / "out")["psnr"].n == 24
