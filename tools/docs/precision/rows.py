"""A row of the precision tables, and access to the reference calls in the tests."""

from __future__ import annotations

import functools
import importlib.metadata
import math
import runpy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tools.docs.pages import table

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Row:
    """One of our numbers and its reference.

    Args:
        ours: protocol, variant, feature or function.
        reference: the reference, by the name of its call.
        package: PyPI name of the reference package; "" if there is none.
        inputs: inputs of both, with sizes.
        allowed: tolerance in the test.
        observed: largest observed difference.
        unit: "" for an absolute difference, "relative", or what is counted.
        test: file of the test.
    """

    ours: str
    reference: str
    package: str
    inputs: str
    allowed: float
    observed: float
    unit: str
    test: str

    @property
    def holds(self) -> bool:
        """Whether the observed difference is allowed."""
        return self.observed <= self.allowed


@functools.cache
def test_module(path: str) -> dict[str, Any]:
    """The names defined in a file below tests/; reference calls are written there once."""
    return runpy.run_path(str(ROOT / "tests" / path))


def images(n: int, height: int, width: int) -> tuple[Any, Any]:
    """The seeded pairs of the tests: two (n, height, width, 3) uint8 arrays."""
    pair: tuple[Any, Any] = test_module("protocols/perceptual/conftest.py")["make_pairs"](n, height, width)
    return pair


def apart(ours: ArrayLike, theirs: ArrayLike) -> float:
    """The largest absolute difference.

    Raises:
        ValueError: if a number is not finite, or the shapes differ: NaN would hide any difference.
    """
    a, b = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError(f"cannot compare {a.shape} with {b.shape}, or not all numbers are finite")
    return float(np.abs(a - b).max())


def relative(ours: float, theirs: float) -> float:
    """The difference relative to the reference."""
    return apart(ours, theirs) / abs(theirs)


def sizes(given: Sequence[tuple[int, int]]) -> str:
    """Heights and widths as text."""
    return ", ".join(f"{height}x{width}" for height, width in given)


def golden_table(rows: Sequence[Row]) -> str:
    """The Markdown table of some rows."""
    cells = [
        (
            f"`{row.ours}`", f"{row.reference}{_version(row.package)}", row.inputs, rounded_up(row.allowed, row.unit),
            f"{rounded_up(row.observed, row.unit)}{'' if row.holds else ' **too much**'}",
            f"[{Path(row.test).name}](../tests/{row.test})",
        )
        for row in rows
    ]  # fmt: skip
    return table(["ours", "reference", "inputs", "allowed", "observed", "test"], cells)


def _version(package: str) -> str:
    return f", {package} {importlib.metadata.version(package)}" if package else ""


def rounded_up(value: float, unit: str) -> str:
    """A difference as text with one digit, rounded up so that it is never shown smaller than it is."""
    if value == 0:
        text = "0"
    elif value >= 1:
        text = f"{value:g}"
    else:
        exponent = math.floor(math.log10(value))
        text = f"{math.ceil(value / 10.0**exponent - 1e-9)}e{exponent}"
        text = text if not text.startswith("10e") else f"1e{exponent + 1}"
    return f"{text} {unit}".rstrip()
