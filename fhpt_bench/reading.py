"""Reading of files that may come from strangers: what may be read, and how much of it, in one place."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import os
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from fhpt_bench.errors import UserError
from fhpt_bench.files import explained

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Limits of what is read; DeepFashion's largest list has 101,966 lines, 14 MB.
LIST_BYTES = 128 << 20  # a list, a table of pairs, a keypoint file
LINES, LINE = 250_000, 50_000  # lines of a list, and characters of one
JSON_BYTES = 32 << 20
TOML_BYTES, TOML_LINE = 256 << 10, 2000  # the parser takes very long for a long dotted key
IMAGE_BYTES = 64 << 20
IMAGE_PIXELS = 1 << 25
ARCHIVE_BYTES = 1 << 30  # the arrays of a NumPy archive, uncompressed
FILE_BYTES = 1 << 40  # any other file, which is not loaded as a whole
DEPTH, VALUES = 20, 1_000_000  # nesting and number of values of a JSON or TOML file
TEXT, NAME = 20_000, 200  # characters of any text, and of a name or title
NUMBER, COUNT = 1e100, 10**9  # largest absolute value of a number, and largest count
SIDE = 8192  # pixels
SHARDS = 10_000  # jobs that share a run
SCORES, COLUMNS = 1000, 3000  # scores of a record, and columns of its table of pairs


@contextlib.contextmanager
def open_file(path: Path, most: int) -> Iterator[io.BufferedReader]:
    """Open a regular file of limited size for reading.

    Args:
        path: path of the file; links are followed.
        most: the largest size in bytes.

    Raises:
        UserError: if it is missing, larger, a folder, a pipe or a device, or the operating system refuses.
    """
    with explained(path, "read"):
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
            raise UserError(f"Cannot read {path}: it is {kind}, not a file.")
        if found.st_size > most:
            raise UserError(f"Cannot read {path}: it has {found.st_size:,} bytes, more than the limit of {most:,}.")
        # Does not wait, even if the file was replaced by a pipe since.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(descriptor, "rb") as file:
        yield file


def read_file(path: Path, most: int) -> bytes:
    """The content of a regular file of limited size; see `open_file`."""
    with open_file(path, most) as file, explained(path, "read"):
        return file.read(most)


def sha256_file(path: Path) -> str:
    """The sha256 of a file's bytes as 64 hexadecimal digits.

    Raises:
        UserError: if the file cannot be read.
    """
    with open_file(path, FILE_BYTES) as file, explained(path, "read"):
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 text, without a byte-order mark and without line ends.

    Args:
        path: path of the file.

    Raises:
        UserError: if it cannot be read, is not UTF-8 text, or exceeds a limit.
    """
    content = read_file(path, LIST_BYTES)
    if b"\0" in content:
        raise UserError(f"The list {path} contains zero bytes: it is damaged, or not text; get it again.")
    if max(content.count(b"\n"), content.count(b"\r")) > LINES:
        raise UserError(f"The list {path} has more than {LINES:,} lines: give a shorter one.")
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"The list {path} is not UTF-8 text: save it as UTF-8.") from error
    for number, line in enumerate(lines, start=1):
        if len(line) > LINE:
            raise UserError(f"Line {number} of {path} has more than {LINE:,} characters: it is not a list.")
    return lines


def read_json(path: Path, most: int = JSON_BYTES) -> Any:
    """The content of a JSON file.

    Args:
        path: path of the file.
        most: the largest size in bytes.

    Raises:
        UserError: if it cannot be read, is not JSON, or exceeds a limit.
    """
    return parse_json(read_file(path, most), str(path))


def parse_json(content: bytes | str, what: str) -> Any:
    """Parse JSON within the limits of depth, numbers and texts.

    Args:
        content: the JSON text.
        what: its name for messages.

    Raises:
        UserError: if it is not JSON, or exceeds a limit.

    Examples:
        >>> parse_json("[1e999]", "x.json")
        Traceback (most recent call last):
        fhpt_bench.errors.UserError: x.json is not JSON that can be used: it holds the number 1e999.
    """
    try:
        return limited(json.loads(content, parse_float=_number, parse_constant=_refuse))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{what} is not JSON that can be used: {_reason(error)}.") from error


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Args:
        path: path of the file.

    Raises:
        UserError: if it cannot be read, is not TOML, or exceeds a limit.
    """
    content = read_file(path, TOML_BYTES)
    if any(len(line) > TOML_LINE for line in content.splitlines()):
        raise UserError(f"{path} has a line of more than {TOML_LINE:,} characters: break it.")
    try:
        found = tomllib.loads(content.decode())
        limited(found)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not TOML that can be used: {_reason(error)}.") from error
    return found


def limited(content: Any) -> Any:
    """Return parsed JSON or TOML unchanged, if it is within the limits.

    Args:
        content: nested dicts and lists.

    Raises:
        ValueError: if it is nested too deeply, has too many values, a text that is too long, or a number that is too
            large; a clause without a full stop.
    """
    level, depth, values = [content], 0, 1
    while level:
        if depth > DEPTH:
            raise ValueError(f"it is nested more than {DEPTH} levels deep")
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += [*value, *value.values()]
            elif isinstance(value, list):
                below += value
            elif isinstance(value, str):
                _check_text(value)
            elif isinstance(value, int | float) and not abs(value) <= (NUMBER if isinstance(value, float) else 2**63):
                raise ValueError("it holds a number that is too large")
        values += len(below)
        if values > VALUES:
            raise ValueError(f"it has more than {VALUES:,} values")
        level, depth = below, depth + 1
    return content


def _check_text(text: str) -> None:
    if len(text) > TEXT:
        raise ValueError(f"it holds a text of {len(text):,} characters, more than {TEXT:,}")


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        _refuse(text)
    return value


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"it holds the number {text[:20]}")


def _reason(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error).rstrip(".")


def read_archive(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a NumPy archive (.npz), without pickles.

    Args:
        path: path of the file.

    Raises:
        UserError: if it cannot be read, or its arrays exceed a limit.
    """
    import zipfile

    content = read_file(path, ARCHIVE_BYTES)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > ARCHIVE_BYTES:
                raise ValueError(f"its arrays have more than {ARCHIVE_BYTES >> 20} MiB")
            return {member.filename.removesuffix(".npy"): parse_array(archive.read(member)) for member in members}
    # The library also raises errors of the compression modules, which have no common base.
    except Exception as error:
        reason = str(error).rstrip(".") or type(error).__name__
        raise UserError(f"The table {path} cannot be read ({reason}): get the benchmark's files again.") from error


def parse_array(content: bytes) -> NDArray[Any]:
    """The array of a .npy file; nothing is allocated that its content does not fill.

    Args:
        content: the bytes of the file.

    Raises:
        ValueError: if it is not such a file, holds Python objects, or is shorter or longer than its header says.
    """
    import numpy as np
    from numpy.lib import format as npy

    file = io.BytesIO(content)
    try:
        version = npy.read_magic(file)  # type: ignore[no-untyped-call]
        read_header: Any = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        shape, fortran, dtype = read_header(file)
        bytes_ = math.prod(shape) * dtype.itemsize
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError, MemoryError, SyntaxError) as error:
        raise ValueError("it is not a NumPy array") from error
    if dtype.hasobject or any(side < 0 for side in shape) or bytes_ != len(content) - file.tell():
        raise ValueError("its header does not fit its content")
    array: NDArray[Any] = np.frombuffer(content, dtype, offset=file.tell()) if bytes_ else np.empty(shape, dtype)
    return array.reshape(shape, order="F" if fortran else "C")
