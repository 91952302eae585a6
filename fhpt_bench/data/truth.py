"""Ground truth beyond the body's joints: face landmarks and parsing maps, where a benchmark has them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.errors import UserError
from fhpt_bench.files import explained


@dataclass(frozen=True)
class Truth:
    """What is known of each image by name.

    Args:
        face: name -> (68, 2) float32 pixels (x, y), NaN where not visible; empty where the benchmark has none.
        parsing: name -> (H, W) uint8, SPT's 9 classes; empty where the benchmark has none.
    """

    face: dict[str, NDArray[np.float32]]
    parsing: dict[str, NDArray[np.uint8]]


def read_truth(face: Path | None, parsing: Path | None) -> Truth:
    """Read the compressed tables of a benchmark (NumPy archives without pickles).

    Args:
        face: archive with names (N,) and face (N, 68, 3) as x, y, visible.
        parsing: archive with names (N,) and labels (N, H, W).

    Raises:
        UserError: where an archive cannot be read or lacks an array.
    """
    faces: dict[str, NDArray[np.float32]] = {}
    if face:
        names, points = _arrays(face, "names", "face")
        hidden = points[..., 2] == 0
        points = np.where(hidden[..., None], np.nan, points[..., :2]).astype(np.float32)
        faces = {str(name): point for name, point in zip(names, points, strict=True)}
    maps: dict[str, NDArray[np.uint8]] = {}
    if parsing:
        names, labels = _arrays(parsing, "names", "labels")
        maps = {str(name): label for name, label in zip(names, labels, strict=True)}
    return Truth(faces, maps)


def _arrays(path: Path, *keys: str) -> list[NDArray[np.generic]]:
    with explained(path, "read"):
        try:
            with np.load(path, allow_pickle=False) as archive:
                return [archive[key] for key in keys]
        except (KeyError, ValueError, EOFError) as error:
            raise UserError(f"The table {path} cannot be read ({error}): get the benchmark's files again.") from error
