"""Pair lists (source, target), and lists of the images of a training split."""

from __future__ import annotations

import csv
from pathlib import Path

from fhpt_bench.data.names import stem
from fhpt_bench.errors import UserError, plain
from fhpt_bench.reading import NAME, read_lines


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """Read a CSV pair list with the columns `from` and `to`.

    Args:
        path: the file; a byte-order mark and any line ending are accepted.

    Returns:
        (source, target) file names in the order of the file.

    Raises:
        UserError: if a column is missing, a row is incomplete, a name points outside the image folder,
            two images differ only in their suffix, a pair is repeated, or there is no pair.
    """
    lines = read_lines(path)
    try:
        return _pairs(path, csv.DictReader([f"{line}\n" for line in lines], strict=True))
    except csv.Error as error:
        raise UserError(f"The pair list {path} is not a CSV file ({error}): write one pair per line.") from error


def _pairs(path: Path, reader: csv.DictReader[str]) -> list[tuple[str, str]]:
    missing = [column for column in ("from", "to") if column not in (reader.fieldnames or ())]
    if missing:
        raise UserError(
            f"The pair list {path} has no column {' and no column '.join(map(repr, missing))}: "
            "its first line must be `from,to`."
        )
    pairs: dict[str, tuple[str, str]] = {}
    spelled: dict[str, str] = {}
    for row in reader:
        source, target = (row["from"] or "").strip(), (row["to"] or "").strip()
        if not source or not target:
            raise UserError(
                f"Line {reader.line_num} of the pair list {path} has a missing name: it must read `from,to`."
            )
        for name in (source, target):
            _check_name(name, f"Line {reader.line_num} of the pair list {path}")
            if spelled.setdefault(stem(name), name) != name:
                raise UserError(
                    f"Line {reader.line_num} of the pair list {path} names {name}, and a line before it "
                    f"{spelled[stem(name)]}: two images with the same name, rename one of them."
                )
        pair_id = f"{stem(source)}___{stem(target)}"
        if pair_id in pairs:
            raise UserError(f"Line {reader.line_num} of the pair list {path} repeats the pair {pair_id}: remove it.")
        pairs[pair_id] = (source, target)
    if not pairs:
        raise UserError(f"The pair list {path} has no pair.")
    return list(pairs.values())


def read_image_list(path: Path) -> tuple[str, ...]:
    """Read a list of image names, one per line.

    Args:
        path: the file; a byte-order mark, any line ending and empty lines are accepted.

    Returns:
        File names in the order of the file, each once.

    Raises:
        UserError: if a name points outside the image folder, or there is no name.
    """
    names: dict[str, None] = {}
    for number, line in enumerate(read_lines(path), start=1):
        if name := line.strip():
            _check_name(name, f"Line {number} of the image list {path}")
            names[name] = None
    if not names:
        raise UserError(f"The image list {path} is empty.")
    return tuple(names)


def _check_name(name: str, line: str) -> None:
    if "/" in name or "\\" in name or name.startswith("."):
        raise UserError(f"{line} names {name!r}: no folders are allowed.")
    if len(name) > NAME or name != plain(name):
        raise UserError(f"{line} names {name[:NAME]!r}: give a name of up to {NAME} printable characters.")
