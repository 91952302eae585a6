"""The schema of a benchmark's TOML file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from fhpt_bench.data.pose import same_shape
from fhpt_bench.errors import UserError
from fhpt_bench.reading import NAME, SIDE, read_toml

_PROTOCOL = re.compile(r"[\w@+-]+(:[\w.@+-]+)?")  # no dot in the id, so that it cannot be a file
_Pixels = Annotated[int, Field(gt=0, le=SIDE)]
_Name = Annotated[str, Field(max_length=NAME)]


class Anchors(BaseModel):
    """The largest threshold of the keypoint error curve of some parts, in pixels."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    body: _Pixels | None = None
    face: _Pixels | None = None
    hand: _Pixels | None = None


class BenchmarkSchema(BaseModel):
    """A benchmark's TOML file; paths are relative to the root of its data. Example: benchmarks/studio.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=NAME)]
    version: _Name
    title: _Name
    root: str | None = None
    get: str = "get it"
    image_size: tuple[_Pixels, _Pixels]
    images: str
    train_images: str | None = None
    train_list: str | None = None
    train_pairs: str | None = None
    train_keypoints: str | None = None
    train_truth: str | None = None
    train_parsing: str | None = None
    train_landmarks: str | None = None
    pairs: str
    keypoints: str
    truth: str | None = None
    landmarks: str | None = None
    parsing: str | None = None
    cluster: Literal["person", "item"] = "person"
    people: str | None = None
    keypoint_frame: tuple[_Pixels, _Pixels] | None = None
    keypoint_fit: Literal["shift", "scale"] = "scale"
    protocols: tuple[str, ...]
    anchors: Anchors | None = None
    shareable: bool = False

    @field_validator("protocols")
    @classmethod
    def _registered_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        # Data must not run code: a file of protocols is named on the command line only.
        for name in names:
            if not _PROTOCOL.fullmatch(name):
                raise ValueError(f"{name!r} is not the name of a protocol: name files with --protocols instead")
        return names

    @model_validator(mode="after")
    def _fit_of_another_shape(self) -> BenchmarkSchema:
        frame, size = self.keypoint_frame, self.image_size
        if frame is None or "keypoint_fit" in self.model_fields_set:
            return self
        if not same_shape(frame, size):
            raise ValueError(
                f"keypoint_frame {list(frame)} has another shape than image_size {list(size)}, both [height, width]: "
                'correct it, or add keypoint_fit = "shift" if parts were cut off, "scale" if images were squeezed'
            )
        return self

    @model_validator(mode="after")
    def _list_and_folder(self) -> BenchmarkSchema:
        if (self.train_images is None) != (self.train_list is None):
            raise ValueError("train_images (a folder) and train_list (one name per line) must be given together")
        if (self.truth and self.landmarks) or (self.train_truth and self.train_landmarks):
            raise ValueError("landmarks are estimates for images without truth: name one of the two tables")
        return self


def read_schema(path: Path) -> BenchmarkSchema:
    """Read the TOML file of a benchmark.

    Args:
        path: path of the TOML file.

    Raises:
        UserError: if the file cannot be read, or a key is missing, unknown or wrong; the message names the key.
    """
    try:
        return BenchmarkSchema.model_validate(read_toml(path))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise UserError(f"The benchmark file {path} is wrong at {key!r}: {first['msg'].lower()}.") from error
