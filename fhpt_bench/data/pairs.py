"""Pair lists (source, target), and lists of the images of a training split."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from fhpt_bench.data.names import stem
from fhpt_bench.data.tables import read_table
from fhpt_bench.errors import UserError, plain
from fhpt_bench.reading import NAME, read_lines

SOURCE, TARGET = ("from", "source", "src"), ("to", "target", "tgt")


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """Read a pair list with the columns `from` and `to` (or `source` and `target`, `src` and `tgt`).

    Args:
        path: the file, see `read_table`; further columns are ignored.

    Returns:
        (source, target) image names in the order of the file.

    Raises:
        UserError: if a column is missing, a row is incomplete, a name points outside the image folder,
            two images differ only in their suffix, a pair is repeated, or there is no pair.
    """
    columns, rows = read_table(path, "pair list")
    places = [[at for at, name in enumerate(columns) if name.lower() in known] for known in (SOURCE, TARGET)]
    missing = [known[0] for known, at in zip((SOURCE, TARGET), places, strict=True) if len(at) != 1]
    if missing:
        raise UserError(
            f"The pair list {path} has no column {' and no column '.join(map(repr, missing))}: "
            "its first line must be `from,to`."
        )
    pairs: dict[str, tuple[str, str]] = {}
    spelled: dict[str, str] = {}
    for number, values in rows:
        line = f"Line {number} of the pair list {path}"
        source, target = values[places[0][0]], values[places[1][0]]
        if not source or not target:
            raise UserError(f"{line} has a missing name: it must read `from,to`.")
        for name in (source, target):
            check_name(name, line)
            if spelled.setdefault(stem(name), name) != name:
                raise UserError(
                    f"{line} names {name}, and a line before it {spelled[stem(name)]}: two images with the same name "
                    f"{stem(name)!r}, rename one of them."
                )
        pair_id = f"{stem(source)}___{stem(target)}"
        if pair_id in pairs:
            raise UserError(f"{line} repeats the pair {pair_id}: remove it.")
        pairs[pair_id] = (source, target)
    if not pairs:
        raise UserError(f"The pair list {path} has no pair.")
    return list(pairs.values())


def pair_table(pairs: Iterable[tuple[str, str]]) -> str:
    """The text of a pair list.

    Args:
        pairs: (source, target) image names.

    Examples:
        >>> pair_table([("a.png", "b,1.png")])
        'from,to\\na.png,"b,1.png"\\n'
    """
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([("from", "to"), *pairs])
    return buffer.getvalue()


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
            check_name(name, f"Line {number} of the image list {path}")
            names[name] = None
    if not names:
        raise UserError(f"The image list {path} is empty.")
    return tuple(names)


def check_name(name: str, line: str) -> None:
    """Refuse an image name that cannot be used.

    Args:
        name: path of the image below the folder of the images, with `/` between folders.
        line: where it stands, to begin the message.

    Raises:
        UserError: if it points outside the folder, has a hidden part or blanks at its ends, or is not printable.
    """
    parts = name.split("/")
    if "\\" in name or any(not part or part.startswith(".") for part in parts):
        raise UserError(f"{line} names {name!r}: give a path below the folder of the images, such as anna/1.png.")
    if name != name.strip():
        raise UserError(f"{line} names {name!r}: give a name without blanks at its ends.")
    if len(name) > NAME or name != plain(name):
        raise UserError(f"{line} names {name[:NAME]!r}: give a name of up to {NAME} printable characters.")
