"""Tables of text: one row per line, with a header, separated by commas, semicolons or tabs."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from fhpt_bench.errors import UserError
from fhpt_bench.reading import read_lines

SEPARATORS = ",;\t"


def read_table(path: Path, what: str) -> tuple[tuple[str, ...], Iterator[tuple[int, tuple[str, ...]]]]:
    """Read a table; the separator is the most frequent one in its header.

    Args:
        path: the file; a byte-order mark, any line ending, quoted values and empty lines are accepted.
        what: what it is, for the messages, such as "pair list".

    Returns:
        The names in the first line, and an iterator over line number and values of each row, as many as names.

    Raises:
        UserError: if it cannot be read or is empty; while iterating: if it is not CSV, or a row does not have one value
            for each column.
    """
    lines = read_lines(path)
    header = next((line for line in lines if line.strip()), "")
    separator = max(SEPARATORS, key=header.count)
    rows = _rows([f"{line}\n" for line in lines], separator, f"{what} {path}")
    first = next(rows, None)
    if first is None:
        raise UserError(f"The {what} {path} is empty.")
    return first[1], _checked(rows, first[1], f"{what} {path}")


def _rows(lines: list[str], separator: str, where: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        for fields in reader:
            values = tuple(field.strip() for field in fields)
            if any(values):
                yield reader.line_num, values
    except csv.Error as error:
        raise UserError(f"The {where} is not a CSV file ({error}): write one row per line.") from error


def _checked(
    rows: Iterator[tuple[int, tuple[str, ...]]], columns: tuple[str, ...], where: str
) -> Iterator[tuple[int, tuple[str, ...]]]:
    for number, values in rows:
        if len(values) != len(columns):
            raise UserError(f"Line {number} of the {where} does not have one value for each of {','.join(columns)}.")
        yield number, values
