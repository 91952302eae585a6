"""Optional ground truth of a benchmark: keypoints with visibility, and parsing maps."""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.data.keypoints import PARTS, SLICES
from fhpt_bench.errors import UserError, plain
from fhpt_bench.files import write_bytes
from fhpt_bench.reading import NAME, read_archive


@dataclass(frozen=True)
class Truth:
    """The ground truth of each image, by image name.

    Args:
        keypoints: part (`fhpt_bench.data.keypoints.PARTS`) -> name -> (K, 3) float32: x, y in pixels and visible, 0 or
            1; hidden points have coordinates too. Only the parts that the benchmark has.
        parsing: name -> (H, W) uint8, SPT's 9 classes; empty if the benchmark has none.
        estimator: what estimated the keypoints, if they are not exact.
    """

    keypoints: dict[str, dict[str, NDArray[np.float32]]] = field(default_factory=dict)
    parsing: dict[str, NDArray[np.uint8]] = field(default_factory=dict)
    estimator: str | None = None

    @property
    def tables(self) -> list[Mapping[str, NDArray[np.generic]]]:
        """All tables: image name -> row."""
        return [*self.keypoints.values(), *([self.parsing] if self.parsing else [])]

    @functools.cached_property
    def face(self) -> dict[str, NDArray[np.float32]]:
        """Name -> (68, 2) float32 pixels (x, y), NaN if not visible; empty if the benchmark has none."""
        return {
            name: np.where(points[:, 2:] == 0, np.float32(np.nan), points[:, :2])
            for name, points in self.keypoints.get("face", {}).items()
        }


def read_truth(keypoints: Path | None, parsing: Path | None) -> Truth:
    """Read the compressed tables of a benchmark (NumPy archives without pickles).

    Args:
        keypoints: archive with names (N,) and, for some of the parts, (N, K, 3) as x, y, visible; an array
            `estimator` names what estimated them; or None.
        parsing: archive with names (N,) and labels (N, H, W); or None.

    Raises:
        UserError: if an archive cannot be read, or an array is missing or of another shape.
    """
    points: dict[str, dict[str, NDArray[np.float32]]] = {}
    estimator = None
    if keypoints:
        arrays = read_archive(keypoints)
        estimator = plain(str(arrays["estimator"]))[:NAME] if "estimator" in arrays else None
        for part in (part for part in PARTS if part in arrays):
            rows = _named(keypoints, arrays, part)
            points[part] = {name: row.astype(np.float32) for name, row in rows.items()}
            if any(row.shape != (PARTS[part], 3) for row in rows.values()):
                raise UserError(f"The table {keypoints} does not have {PARTS[part]} points (x, y, visible) for {part}.")
        if not points:
            raise UserError(f"The table {keypoints} has none of {', '.join(PARTS)}: get the benchmark's files again.")
    maps: dict[str, NDArray[np.uint8]] = {}
    if parsing:
        for name, row in _named(parsing, read_archive(parsing), "labels").items():
            with np.errstate(invalid="ignore"):  # a label that is not finite is not equal either
                maps[name] = row.astype(np.uint8)
            if (maps[name] != row).any():
                raise UserError(
                    f"The parsing map of {name} in {parsing} has labels that are not 0 to 255: make it again."
                )
    return Truth(points, maps, estimator)


def write_landmarks(path: Path, names: Sequence[str], keypoints: NDArray[np.float32], estimator: str) -> bytes:
    """Write estimated keypoints of face and hands as a table for `read_truth`.

    Args:
        path: the file.
        names: N image names.
        keypoints: (N, 128, 3) x, y in pixels and found, 0 or 1.
        estimator: what estimated them.

    Returns:
        The bytes of the file; equal input gives equal bytes.

    Raises:
        UserError: if it cannot be written.
    """
    buffer = io.BytesIO()
    parts = {part: keypoints[:, place] for part, place in SLICES.items() if part != "body"}
    np.savez_compressed(buffer, names=np.array(names), estimator=np.array(estimator), **parts)
    write_bytes(path, buffer.getvalue())
    return buffer.getvalue()


def _named(path: Path, arrays: dict[str, NDArray[np.generic]], key: str) -> dict[str, NDArray[np.generic]]:
    """The rows of one array by image name."""
    for needed in ("names", key):
        if needed not in arrays:
            raise UserError(f"The table {path} has no array {needed!r}: get the benchmark's files again.")
    if arrays["names"].ndim != 1 or not arrays[key].ndim or arrays[key].dtype.kind not in "fiub":
        raise UserError(f"The table {path} has an array of another shape or type: get the benchmark's files again.")
    if len(arrays["names"]) != len(arrays[key]):
        raise UserError(
            f"The table {path} has a different number of rows in {key!r} than names: get the benchmark's files again."
        )
    return {str(name): row for name, row in zip(arrays["names"], arrays[key], strict=True)}
