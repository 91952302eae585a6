"""The lists of DeepFashion and Market-1501 in all formats that repositories use."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.data.pairs import SOURCE, TARGET
from fhpt_bench.data.pose import JOINTS, parse_keypoints
from fhpt_bench.data.prepare.spelling import DEEPFASHION, Spelling
from fhpt_bench.errors import UserError
from fhpt_bench.reading import read_lines

_BETWEEN = re.compile(r"\s*[,;\t]\s*| +")


def read_any_pairs(path: Path, spelling: Spelling = DEEPFASHION) -> list[tuple[str, str]]:
    """Read a pair list: with a header in any order, or in the format of train_pairs.txt, with the target first.

    Args:
        path: the file; fields are separated by commas, semicolons, tabs or spaces; names may have any known form.
        spelling: the data set's names.

    Returns:
        (source, target) stems, sorted.

    Raises:
        UserError: if a header or line cannot be parsed, a pair is repeated, or there is no pair.
    """
    rows = list(_lines(path))
    source_at, target_at, width, start = _columns(rows, path, spelling) if rows else (0, 1, 2, 0)
    pairs: dict[tuple[str, str], None] = {}
    for number, fields in rows[start:]:
        if len(fields) != width:
            raise UserError(
                f"Line {number} of the pair list {path} has {len(fields)} fields: write {width}, separated by commas."
            )
        source, target = (_name(fields[at], number, path, spelling) for at in (source_at, target_at))
        pair = (source, target)
        if pair in pairs:
            raise UserError(f"Line {number} of the pair list {path} repeats the pair {'___'.join(pair)}: remove it.")
        pairs[pair] = None
    if not pairs:
        raise UserError(f"The pair list {path} has no pair: get it again.")
    return sorted(pairs)


def _columns(rows: list[tuple[int, list[str]]], path: Path, spelling: Spelling) -> tuple[int, int, int, int]:
    """The columns of source and target, the number of fields per line, and the row of the first pair."""
    number, first = rows[0]
    if not any(map(spelling.plain, first)):
        at = [[i for i, word in enumerate(first) if word.lower() in known] for known in (SOURCE, TARGET)]
        if [len(places) for places in at] != [1, 1]:
            raise UserError(f"Line {number} of the pair list {path} is neither a header nor a pair: make it `from,to`.")
        return at[0][0], at[1][0], len(first), 1
    if len(first) == 2 and all("/" in name.replace("\\", "/") for name in first):
        return 1, 0, 2, 0
    raise UserError(
        f"The pair list {path} has no header to tell sources from targets: add `from,to` or `to,from` as its first "
        "line."
    )


def read_any_images(path: Path, spelling: Spelling = DEEPFASHION) -> list[str]:
    """Read a list of images, one per line, with names in any known form.

    Returns:
        Stems, sorted, without duplicates.

    Raises:
        UserError: if a line is not such a name, or there is none.
    """
    names = {_name(" ".join(fields), number, path, spelling) for number, fields in _lines(path)}
    if not names:
        raise UserError(f"The image list {path} is empty: get it again.")
    return sorted(names)


def read_any_keypoints(path: Path, spelling: Spelling = DEEPFASHION) -> dict[str, NDArray[np.float32]]:
    """Read a keypoint file with names in any known form, in its own frame.

    Returns:
        Stem -> (18, 2) float32 pixels (x, y), NaN if missing, in the order of the file.

    Raises:
        UserError: if a line cannot be read, or an image has two poses.
    """
    poses: dict[str, NDArray[np.float32]] = {}
    for text, pose in parse_keypoints(path).items():
        name = spelling.plain(text)
        if name is None:
            raise UserError(
                f"The keypoint file {path} has a line for {text!r}, not an image of {spelling.data_set}: remove it."
            )
        if not np.array_equal(poses.setdefault(name, pose), pose, equal_nan=True):
            raise UserError(
                f"The keypoint file {path} has two poses for {name}, with two forms of its name: keep one of them."
            )
    return poses


def read_pose_files(files: Mapping[str, Path]) -> dict[str, NDArray[np.float32]]:
    """Read keypoint files of one image each, as NTED and GFLA use them: a line `x y` for each of 18 joints.

    Args:
        files: stem -> file.

    Returns:
        Stem -> (18, 2) float32 pixels (x, y), NaN if missing, sorted by stem.

    Raises:
        UserError: if a file has other lines.
    """
    poses = {}
    for name, path in sorted(files.items()):
        try:
            rows = [[float(word) for word in line.split()[:2]] for line in read_lines(path) if line.strip()]
            pose = np.array(rows, np.float32)
            if pose.shape != (len(JOINTS), 2) or not np.isfinite(pose).all():
                raise ValueError
        except (ValueError, OverflowError) as error:
            raise UserError(f"The keypoint file {path} is not 18 lines of two numbers: get it again.") from error
        poses[name] = np.where((pose < 0).any(1, keepdims=True), np.float32(np.nan), pose)
    return poses


def read_partition(path: Path) -> dict[str, str]:
    """Read the official list_eval_partition.txt: a count, a header, then image, item and status per line.

    Returns:
        Stem -> item id as in file names, "00000693".

    Raises:
        UserError: if a line cannot be parsed, or the count does not match.
    """
    rows = _counted(path, 3)
    return {_name(image, number, path): _item(item, number, path) for number, (image, item, _) in rows}


def read_items(path: Path) -> set[str]:
    """Read the official list_item_inshop.txt: a count, then one item per line.

    Raises:
        UserError: if a line cannot be parsed, or the count does not match.
    """
    return {_item(item, number, path) for number, (item,) in _counted(path, 1)}


def _counted(path: Path, width: int) -> list[tuple[int, list[str]]]:
    lines = list(_lines(path))
    rows = [(number, fields) for number, fields in lines[1:] if any(field.startswith("id_") for field in fields)]
    if not lines or lines[0][1] != [str(len(rows))]:
        raise UserError(
            f"The first line of {path} does not match its {len(rows)} rows: it is incomplete, get it again."
        )
    for number, fields in rows:
        if len(fields) != width:
            raise UserError(f"Line {number} of {path} has {len(fields)} fields in place of {width}: get it again.")
    return rows


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of every non-empty line."""
    for number, line in enumerate(read_lines(path), start=1):
        if line.strip():
            # An index column has an empty name in the header, so an empty first field is kept.
            yield number, [field.strip('"') for field in _BETWEEN.split(line.strip(" "))]


def _name(text: str, number: int, path: Path, spelling: Spelling = DEEPFASHION) -> str:
    name = spelling.plain(text)
    if name is None:
        raise UserError(f"Line {number} of {path} names {text!r}, not an image of {spelling.data_set}: remove it.")
    return name


def _item(text: str, number: int, path: Path) -> str:
    if not re.fullmatch(r"id_\d{8}", text):
        raise UserError(
            f"Line {number} of {path} has the item {text!r}, which is not id_ and eight digits: get it again."
        )
    return text.removeprefix("id_")
