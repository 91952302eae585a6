"""Pair lists: which source goes to which target."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from fhpt_bench.data.names import stem
from fhpt_bench.errors import UserError
from fhpt_bench.files import explained


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """Read a CSV pair list with the columns `from` and `to`.

    Args:
        path: the file; a byte-order mark and any line ending are accepted.

    Returns:
        (source, target) file names in the order of the file.

    Raises:
        UserError: where a column is missing, a row is incomplete, a name leads out of the image folder,
            a pair stands twice, or there is no pair.
    """
    with explained(path, "read"):
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise UserError(f"The pair list {path} is not UTF-8 text: save it as UTF-8 CSV.") from error
    reader = csv.DictReader(io.StringIO(text))
    missing = [column for column in ("from", "to") if column not in (reader.fieldnames or ())]
    if missing:
        raise UserError(
            f"The pair list {path} has no column {' and no column '.join(map(repr, missing))}: "
            "its first line must be `from,to`."
        )
    pairs: dict[str, tuple[str, str]] = {}
    for row in reader:
        source, target = (row["from"] or "").strip(), (row["to"] or "").strip()
        if not source or not target:
            raise UserError(f"Line {reader.line_num} of the pair list {path} lacks a name: it must read `from,to`.")
        for name in (source, target):
            if "/" in name or "\\" in name or name.startswith("."):
                raise UserError(
                    f"Line {reader.line_num} of the pair list {path} names {name!r}: no folders are allowed."
                )
        pair_id = f"{stem(source)}___{stem(target)}"
        if pair_id in pairs:
            raise UserError(f"Line {reader.line_num} of the pair list {path} repeats the pair {pair_id}: remove it.")
        pairs[pair_id] = (source, target)
    if not pairs:
        raise UserError(f"The pair list {path} holds no pair.")
    return list(pairs.values())
