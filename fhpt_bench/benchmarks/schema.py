"""The settings of a benchmark: what its TOML file says."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fhpt_bench.errors import UserError
from fhpt_bench.files import explained

_Pixels = Annotated[int, Field(gt=0)]


class Anchors(BaseModel):
    """The largest threshold of each part's keypoint error curve."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    body: _Pixels
    face: _Pixels
    hand: _Pixels


class BenchmarkSchema(BaseModel):
    """The TOML file of a benchmark; paths are below its data's root. See benchmarks/studio.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    version: str
    title: str
    root: str | None = None
    get: str = "get it"
    image_size: tuple[_Pixels, _Pixels]
    images: str
    train_images: str | None = None
    train_list: str | None = None
    train_pairs: str | None = None
    train_keypoints: str | None = None
    train_truth: str | None = None
    pairs: str
    keypoints: str
    truth: str | None = None
    parsing: str | None = None
    cluster: Literal["person", "item"] = "person"
    protocols: tuple[str, ...]
    anchors: Anchors | None = None

    @model_validator(mode="after")
    def _list_and_folder(self) -> BenchmarkSchema:
        if (self.train_images is None) != (self.train_list is None):
            raise ValueError("train_images (a folder) and train_list (names, one a line) need each other")
        return self


def read_schema(path: Path) -> BenchmarkSchema:
    """Read the TOML file of a benchmark.

    Args:
        path: of the file.

    Raises:
        UserError: where it cannot be read, or a setting is missing, unknown or wrong; the message names it.
    """
    with explained(path, "read"):
        try:
            return BenchmarkSchema.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except tomllib.TOMLDecodeError as error:
            raise UserError(f"The benchmark file {path} is not valid TOML: {error}.") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise UserError(f"The benchmark file {path} is wrong at {where!r}: {first['msg'].lower()}.") from error
