"""Readers return a result or raise `UserError`, whatever the bytes."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from fhpt_bench.benchmarks.schema import read_schema
from fhpt_bench.data.images import read_header, read_image
from fhpt_bench.data.keypoint_files import read_keypoint_file
from fhpt_bench.data.pairs import read_image_list, read_pairs
from fhpt_bench.data.parsing_maps import read_labels
from fhpt_bench.data.pose import read_keypoints
from fhpt_bench.data.prepare.lists import (
    read_any_images,
    read_any_keypoints,
    read_any_pairs,
    read_items,
    read_partition,
)
from fhpt_bench.data.truth import read_truth
from fhpt_bench.errors import UserError
from fhpt_bench.reading import parse_array, parse_json, read_archive, read_json, read_toml
from fhpt_bench.records.comparison import read_values
from fhpt_bench.records.pair_table import read_pair_values, read_people
from fhpt_bench.records.schema import read_record
from fhpt_bench.records.validation import validate_record
from tests.hostile.conftest import write_benchmark

NAME = "fashionMENDenimid0000008001_1front.jpg"
FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def image(kind: str, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (9, 7, 3), np.uint8)
    Image.fromarray(pixels).convert(mode).save(buffer, kind)
    return buffer.getvalue()


def archive() -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, names=np.array(["a"]), face=np.zeros((1, 68, 3), np.float32))
    return buffer.getvalue()


def pair_table(file: Path) -> object:
    folder = file.with_suffix("")
    folder.mkdir(exist_ok=True)
    file.replace(folder / "pairs.csv")
    rows = max(0, (folder / "pairs.csv").read_bytes().count(b"\n") - 1)
    return read_pair_values(folder, rows), read_people(folder, rows)


def toml() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return write_benchmark(Path(folder) / "data").read_bytes()


POSE = json.dumps([1.5] * 18)
PERSON = {"people": [{"pose_keypoints_2d": [1.0] * 54}]}
# Name -> the reader and a valid file to mutate.
READERS: dict[str, tuple[Callable[[Path], object], bytes]] = {
    "pairs": (read_pairs, b"from,to\na.png,b.png\nb.png,a.png\n"),
    "image list": (read_image_list, b"a.png\nb.png\n"),
    "keypoints": (lambda file: read_keypoints(file, (256, 176)), f"a.png: {POSE}: {POSE}\n".encode()),
    "any pairs": (read_any_pairs, f"from,to\n{NAME},{NAME.replace('1front', '2side')}\n".encode()),
    "any images": (read_any_images, f"{NAME}\n".encode()),
    "any keypoints": (read_any_keypoints, f"{NAME}: {POSE}: {POSE}\n".encode()),
    "partition": (
        read_partition,
        b"1\nimage_name item_id evaluation_status\nimg/MEN/Denim/id_00000080/01_1_front.jpg id_00000080 train\n",
    ),
    "items": (read_items, b"1\nid_00000080\n"),
    "benchmark file": (read_schema, toml()),
    "toml": (read_toml, toml()),
    "json": (read_json, json.dumps(PERSON).encode()),
    "openpose": (lambda file: read_keypoint_file(file, (256, 176)), json.dumps(PERSON).encode()),
    "png": (read_image, image("PNG")),
    "jpeg": (read_image, image("JPEG")),
    "image header": (read_header, image("PNG")),
    "archive": (read_archive, archive()),
    "label map": (lambda file: read_labels(file, (9, 7)), image("PNG", "L")),
    "truth": (lambda file: read_truth(file, None), archive()),
    "parsing": (lambda file: read_truth(None, file), archive()),
    "pair table": (pair_table, b"pair,person,ssim:canonical:ssim\na___b,p,0.5\nb___a,p,0.25\n"),
}  # fmt: skip


PIECES = [b"", b"\0", b"\xff", b"\n", b'"', b"[", b"9" * 400, b"-1", b"nan", b"1e999", b",,"]


@st.composite
def mutated(draw: st.DrawFn, valid: bytes) -> bytes:
    """Bytes of any kind, or a valid file with some pieces removed, repeated or replaced."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode(errors="replace")))
    content = bytearray(valid)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        end = min(len(content), at + draw(st.integers(0, 20)))
        piece = draw(st.sampled_from(PIECES))
        content[at:end] = piece or bytes(content[at:end]) * 2
    return bytes(content)


@pytest.mark.parametrize("name", READERS)
@FUZZ
@given(data=st.data())
def test_a_result_or_a_sentence(name: str, data: st.DataObject) -> None:
    read, valid = READERS[name]
    content = data.draw(mutated(valid))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "file.x"
        file.write_bytes(content)
        said = ""
        try:
            read(file)
        except UserError as error:
            said = str(error)
        assert "\n" not in said
        assert len(said) < 3000


@pytest.mark.parametrize("name", READERS)
def test_the_valid_file_is_read(name: str, tmp_path: Path) -> None:
    read, valid = READERS[name]
    (tmp_path / "file.x").write_bytes(valid)
    if name == "parsing":  # the archive has no labels
        with pytest.raises(UserError, match="no array 'labels'"):
            read(tmp_path / "file.x")
    else:
        assert read(tmp_path / "file.x") is not None


NUMBERS = st.integers() | st.floats() | st.sampled_from([10**30, -(10**30), 1e308])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def places(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a JSON value."""
    found = [path] if path else []
    for key, value in (
        content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    ):
        found += places(value, (*path, key))
    return found


@FUZZ
@given(data=st.data())
def test_a_record_with_any_value_anywhere(true_record: Path, data: st.DataObject) -> None:
    """Read, validated and put on a board: a result or a sentence."""
    content = json.loads((true_record / "record.json").read_text())
    for _ in range(data.draw(st.integers(1, 3))):
        *steps, last = data.draw(st.sampled_from(places(content)))
        here = content
        for step in steps:
            here = here[step]
        here[last] = data.draw(VALUES)
        if not isinstance(content, dict) or not content:
            break
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pairs.csv").write_bytes((true_record / "pairs.csv").read_bytes())
        (Path(folder) / "record.json").write_text(json.dumps(content))
        try:
            record = read_record(folder)
        except UserError:
            return
        assert validate_record(record).checks
        with contextlib.suppress(UserError):
            read_values(record)


@FUZZ
@given(content=st.binary(max_size=200) | st.text(max_size=200))
def test_parsers(content: bytes | str) -> None:
    with contextlib.suppress(UserError):
        parse_json(content, "x")
    if isinstance(content, bytes):
        for start in (b"", b"\x93NUMPY\x01\x00"):
            with contextlib.suppress(ValueError):
                parse_array(start + content)
