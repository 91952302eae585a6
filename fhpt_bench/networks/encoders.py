"""Encoders that a TOML file names: what each is, where its file is, and which are known to this process."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from fhpt_bench.errors import UserError, did_you_mean
from fhpt_bench.feature import FeatureSpec
from fhpt_bench.files import cache_folder, explained, sha256_bytes, sha256_json
from fhpt_bench.reading import SIDE, read_file, read_toml, sha256_file
from fhpt_bench.weights import FOLDER_VARIABLE

VARIABLE = "FHPT_ENCODERS"
READY = Path(__file__).with_name("encoders.toml")
FILE_BYTES = 8 << 30  # a network is read into memory as a whole, so that what is opened is what was checked
FACE_SIDE = 112  # of aligned faces
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,59}")
_PLAIN = {"output": "pooled", "positions": "timm", "fit": "stretch"}  # what an entry has if it does not say otherwise
_FIT = {
    "stretch": "the whole image, aspect not kept,",
    "crop": "the middle square of the image",
    "face": "the face, aligned by five points (eyes, nose, corners of the mouth) of {points} to ArcFace's template,",
}

_Side = Annotated[int, Field(ge=1, le=SIDE)]
_Text = Annotated[str, Field(min_length=1, max_length=2000)]
_Channels = tuple[float, float, float]


class Encoder(BaseModel):
    """One entry of an encoders file: a network that turns an image into a vector, and what it is given.

    Args:
        kind: "timm" (an architecture of timm with its weights), "torchscript" or "onnx" (a whole network).
        file: the file, relative to the folder of the encoders file.
        sha256: digest of the file; another file is not opened.
        size: height and width of the input, or one number for both.
        resize: Pillow's filter, applied to the uint8 image.
        mean: of the three channels, for pixels in [0, 1]; subtracted.
        std: of the three channels; divided by.
        fit: which part of the image: "stretch", "crop" or "face".
        architecture: timm's name; only for timm.
        output: "pooled" (the features before the classifier) or "head" (the result of the last layer); only for timm.
        positions: how position embeddings are adapted to another size: as "timm" or as "dinov2"; only for timm.
        url: where the file comes from; for messages only.
        name: the key of the entry.
        folder: folder of the encoders file; None for a ready entry.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: Literal["timm", "torchscript", "onnx"]
    file: _Text
    sha256: str | None = None
    size: _Side | tuple[_Side, _Side]
    resize: Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
    mean: _Channels
    std: _Channels
    fit: Literal["stretch", "crop", "face"] = "stretch"
    architecture: _Text | None = None
    output: Literal["pooled", "head"] = "pooled"
    positions: Literal["timm", "dinov2"] = "timm"
    url: Annotated[str, Field(max_length=2000)] = ""
    name: str = Field(exclude=True)
    folder: Path | None = Field(exclude=True)

    @field_validator("sha256")
    @classmethod
    def _hexadecimal(cls, digest: str | None) -> str | None:
        if digest is not None and not re.fullmatch(r"[0-9a-f]{64}", digest.lower()):
            raise ValueError("a sha256 has 64 hexadecimal digits")
        return digest and digest.lower()

    @model_validator(mode="after")
    def _fits(self) -> Encoder:
        timm = self.kind == "timm"
        if timm != (self.architecture is not None):
            raise ValueError("timm needs an architecture" if timm else f"{self.kind} takes no architecture")
        for key in () if timm else ("output", "positions"):
            if getattr(self, key) != _PLAIN[key]:
                raise ValueError(f"{self.kind} takes no {key}")
        if not all(value > 0 for value in self.std):
            raise ValueError("std must be above 0")
        if self.fit == "face" and (self.sides != (FACE_SIDE, FACE_SIDE) or self.resize != "bilinear"):
            raise ValueError(f'fit = "face" needs size = {FACE_SIDE} and resize = "bilinear"')
        return self

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of the input."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    @property
    def feature(self) -> str:
        """Id of its feature: the name, and digits of everything that can change its values."""
        return f"encoder-{self.name}-{sha256_json(self.text)[:8]}"

    @property
    def text(self) -> str:
        """Everything that can change its values, in words."""
        network = {
            "timm": f"timm {self.architecture}, {self.output}, position embedding as {self.positions}",
            "torchscript": "a TorchScript network",
            "onnx": "an ONNX network",
        }[self.kind]
        height, width = self.sides
        mean, std = (", ".join(map(str, values)) for values in (self.mean, self.std))
        how = "bilinear" if self.fit == "face" else f"Pillow's {self.resize}"
        part = _FIT[self.fit].format(points=_face_points()) if self.fit == "face" else _FIT[self.fit]
        return (
            f"{network}, file sha256 {self.sha256}; {part} to {height}x{width} (height x width), {how} on uint8, "
            f"/ 255, minus ({mean}), divided by ({std})"
        )

    @property
    def spec(self) -> FeatureSpec:
        """What identifies its feature."""
        backend = "onnxruntime" if self.kind == "onnx" else "torch"
        return FeatureSpec(self.feature, 1, (), self.text, backend)

    @property
    def path(self) -> Path:
        """The file; of a ready entry, the first place that has it, or where it belongs."""
        if self.folder is not None:
            return self.folder / Path(self.file).expanduser()
        given = os.environ.get(FOLDER_VARIABLE)
        places = [*([Path(given).expanduser()] if given else []), cache_folder() / "weights"]
        return next((place / self.file for place in places if (place / self.file).is_file()), places[0] / self.file)

    def problem(self) -> str | None:
        """Why it cannot be used here, a sentence with the way out; None if its file is there and is the right one."""
        path, called = self.path, f"of the encoder {self.name}"
        get = f"get it from {self.url}, " if self.url else ""
        if not path.is_file():
            way = "or correct `file`" if get else "correct `file`"
            if self.folder is None:
                way = f"put it into a folder, and set {FOLDER_VARIABLE} to the folder"
            return f"There is no file {path if self.folder else self.file} {called}: {get}{way}."
        if (found := _digest(path)) != self.sha256:
            stated = f"has the sha256 {found} in place of {self.sha256}"
            return f"The file {path} {called} {stated}: {get or 'get it again, '}or correct `sha256`."
        if self.kind == "onnx" and importlib.util.find_spec("onnxruntime") is None:
            return f"The encoder {self.name} is an ONNX file, which needs onnxruntime: pip install 'fhpt-bench[onnx]'."
        return None

    def content(self) -> bytes:
        """The bytes of its file, whose digest is checked again.

        Raises:
            UserError: if it cannot be read, or is another file.
        """
        content = read_file(self.path, FILE_BYTES)
        if (found := sha256_bytes(content)) != self.sha256:
            raise UserError(f"The file {self.path} of the encoder {self.name} has changed: its sha256 is now {found}.")
        return content


def _face_points() -> str:
    from fhpt_bench.networks.keypoints import MediaPipeHolistic

    spec = MediaPipeHolistic.spec
    return f"{spec.id} {spec.version} ({spec.backend})"


@functools.lru_cache(maxsize=64)
def _digest_of(path: Path, size: int, changed: int) -> str:
    return sha256_file(path)


def _digest(path: Path) -> str:
    """The sha256 of a file, computed once as long as its size and time stay the same."""
    with explained(path, "read"):
        found = path.stat()
    return _digest_of(path, found.st_size, found.st_mtime_ns)


def read_encoders(path: Path) -> dict[str, Encoder]:
    """Read an encoders file; the files that it names are not opened.

    Args:
        path: a TOML file with one table per encoder; the key is its name.

    Returns:
        Name -> encoder.

    Raises:
        UserError: if the file cannot be read, or a key is missing, unknown or wrong; the message names the key.
    """
    found = {}
    for name, table in read_toml(path).items():
        if not _NAME.fullmatch(name) or not isinstance(table, dict):
            raise UserError(
                f"{path} has {name!r}, which is no encoder: write a table [name] for each, its name in lower-case "
                "letters, digits, hyphens and dots."
            )
        folder = None if path == READY else path.absolute().parent
        found[name] = _checked(path, name, {**table, "name": name, "folder": folder}, table)
        if found[name].sha256 is None:
            raise UserError(_without_digest(path, found[name]))
    return found


def _checked(path: Path, name: str, content: dict[str, Any], table: Mapping[str, Any]) -> Encoder:
    if given := {"name", "folder"} & set(table):
        raise UserError(f"{path} is wrong at {name}.{min(given)}: there is no such key.")
    try:
        return Encoder.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join([name, *(str(part) for part in first["loc"][:1])])
        reason = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            known = set(Encoder.model_fields) - {"name", "folder"}
            reason = f"there is no such key, {did_you_mean(str(first['loc'][0]), known)}"
        raise UserError(f"{path} is wrong at {key}: {reason.rstrip('.')}.") from error


def _without_digest(path: Path, encoder: Encoder) -> str:
    found = (
        f"its file has {_digest(encoder.path)}" if encoder.path.is_file() else f"there is no file {encoder.path} yet"
    )
    return f"{path} gives no sha256 of {encoder.name} ({found}): write the digest that its authors state."


_given: Path | None = None


def use_encoders(path: Path | None) -> None:
    """Make the encoders of a file known to this process, in addition to the ready ones, in place of earlier files.

    Args:
        path: an encoders file; None for the file that `FHPT_ENCODERS` names, if it is set.

    Raises:
        UserError: as `read_encoders`, and if an entry has the name of a ready one.
    """
    global _given
    _given = path
    known_encoders()


def known_encoders() -> dict[str, Encoder]:
    """Name -> encoder: the ready ones, then those of the user's file.

    Raises:
        UserError: as `use_encoders`.
    """
    variable = os.environ.get(VARIABLE)
    path = _given or (Path(variable) if variable else None)
    ready = _read(READY, 0)
    if path is None:
        return ready
    path = path.expanduser()
    with explained(path, "read"):
        changed = path.stat().st_mtime_ns
    own = _read(path, changed)
    if taken := set(own) & set(ready):
        raise UserError(f"{path} has {min(taken)!r}, the name of a ready encoder: choose another name.")
    return {**ready, **own}


@functools.lru_cache(maxsize=8)
def _read(path: Path, changed: int) -> dict[str, Encoder]:
    return read_encoders(path)
