"""The manifest of a benchmark's files: their sizes and sha256, and a check of the files against it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fhpt_bench.errors import UserError
from fhpt_bench.files import sha256_bytes, write_text
from fhpt_bench.reading import read_json, sha256_file

MANIFEST = "manifest.json"


class _File(BaseModel):
    model_config = ConfigDict(frozen=True)
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0)]


class Manifest(BaseModel):
    """The content of `manifest.json`; `files` are paths below its folder, with `/` on every system."""

    model_config = ConfigDict(frozen=True)
    format: Literal[1]
    files: dict[str, _File]


@dataclass(frozen=True)
class Difference:
    """One file that differs from the manifest.

    Args:
        path: path below the benchmark's folder.
        state: `missing`, `changed`, or `unlisted` if the manifest does not list it.
    """

    path: str
    state: Literal["missing", "changed", "unlisted"]


def manifest_entry(content: bytes) -> dict[str, str | int]:
    """The manifest entry of a file with this content."""
    return {"sha256": sha256_bytes(content), "bytes": len(content)}


def write_manifest(folder: Path, files: Mapping[str, Mapping[str, str | int]]) -> None:
    """Write a manifest.

    Args:
        folder: the benchmark's data.
        files: path below the folder -> `manifest_entry`.

    Raises:
        UserError: if it cannot be written.
    """
    content = {"format": 1, "files": dict(sorted(files.items()))}
    write_text(folder / MANIFEST, json.dumps(content, indent=1) + "\n")


def read_manifest(folder: Path) -> Manifest | None:
    """Read a benchmark's manifest; None if it has none.

    Args:
        folder: the benchmark's data.

    Raises:
        UserError: if it cannot be read, is not a manifest, or names a file outside the folder.
    """
    path = folder / MANIFEST
    if not path.exists():
        return None
    try:
        manifest = Manifest.model_validate(read_json(path))
    except ValidationError as error:
        raise UserError(f"The manifest {path} cannot be read: get the benchmark's files again.") from error
    for name in manifest.files:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise UserError(f"The manifest {path} names {name!r}, which is outside its folder: do not use it.")
    return manifest


def compare_with_manifest(folder: Path, manifest: Manifest, on_file: Callable[[], None]) -> list[Difference]:
    """Re-compute the digest of every file of a benchmark and compare it with the manifest.

    Args:
        folder: the benchmark's data.
        manifest: the expected files.
        on_file: called after each file of the manifest.

    Returns:
        All differences, sorted by path; hidden files (.DS_Store and the like) are ignored.

    Raises:
        UserError: if a file cannot be opened.
    """
    found = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }
    differences = [Difference(name, "unlisted") for name in found - set(manifest.files) - {MANIFEST}]
    for name, expected in manifest.files.items():
        if name not in found:
            differences.append(Difference(name, "missing"))
        elif sha256_file(folder / name) != expected.sha256:
            differences.append(Difference(name, "changed"))
        on_file()
    return sorted(differences, key=lambda difference: difference.path)
