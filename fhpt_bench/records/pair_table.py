"""`pairs.csv`: the values by pair of a record, from which its scores can be computed again."""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fhpt_bench.errors import UserError
from fhpt_bench.files import sha256_json
from fhpt_bench.reading import COLUMNS, LINE, LIST_BYTES, NUMBER, read_file

if TYPE_CHECKING:
    import pandas as pd

PAIRS_FILE = "pairs.csv"


def pair_table(pair_ids: list[str], people: list[str], values: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The table of `pairs.csv`: one row per pair, one column per per-pair score.

    Args:
        pair_ids: in the order of the rows.
        people: the person of each pair.
        values: score key -> table indexed by pair id with the columns value, weight, skipped.
    """
    import pandas as pd

    index = pd.Index(pair_ids, name="pair")
    columns: dict[str, Any] = {"person": pd.Series(people, index)}
    for key, table in values.items():
        table = table.reindex(index)
        columns[key] = table["value"]
        if (table["weight"] != 1).any():
            columns[f"{key} weight"] = table["weight"]
        if (table["skipped"] != "").any():
            columns[f"{key} skipped"] = table["skipped"]
    return pd.DataFrame(columns)


def images_digest(digests: Mapping[str, str]) -> str:
    """One digest of all generated images.

    Args:
        digests: pair id -> digest of the image's pixels (`pixels_sha256`).
    """
    return sha256_json(dict(digests))


def read_pair_values(folder: Path, rows: int) -> dict[str, pd.DataFrame]:
    """Read `pairs.csv` back: score key -> table with the columns person, value, weight, skipped.

    Args:
        folder: the folder of the record.
        rows: the number of pairs by the record; checked before anything is parsed.

    Raises:
        UserError: if the file is missing, or is not a table of that many pairs with finite numbers.
    """
    import numpy as np
    import pandas as pd

    file, content = _content(folder, rows)
    try:
        # Names stay text ("01" is not "1"); only blank cells are missing values, because a reason may be any word.
        table = pd.read_csv(
            io.BytesIO(content), index_col="pair", dtype={"pair": str, "person": str}, float_precision="round_trip",
            keep_default_na=False, na_values=[""], low_memory=False,
        )  # fmt: skip
        if table.index.name != "pair" or "person" not in table or table.index.isna().any():
            raise ValueError("it lacks a pair, or the column pair or person")
        found = {}
        for key in table.columns:
            if key == "person" or key.endswith((" weight", " skipped")):
                continue
            columns = {
                "person": table["person"].fillna(""),
                "value": table[key].astype(float),
                "weight": table[f"{key} weight"].astype(float) if f"{key} weight" in table else 1.0,
                "skipped": table[f"{key} skipped"].fillna("").astype(str) if f"{key} skipped" in table else "",
            }
            found[key] = pd.DataFrame(columns)
            if not (found[key][["value", "weight"]].abs().fillna(0) <= NUMBER).to_numpy(np.bool_).all():
                raise ValueError(f"{key} has a number that is too large")
    # The library and its parser raise errors of several modules; numbers of thousands of digits overflow.
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, MemoryError) as error:
        reason = str(error).rstrip(".")
        raise UserError(f"{file} is not a table of pairs: {reason}.") from error
    return found


def read_people(folder: Path, rows: int) -> pd.Series[str]:
    """The person of each pair of `pairs.csv`, by pair id.

    Args:
        folder: the folder of the record.
        rows: the number of pairs by the record.

    Raises:
        UserError: if the file is missing, or is not a table of that many pairs.
    """
    import pandas as pd

    file, content = _content(folder, rows)
    try:
        people = pd.read_csv(
            io.BytesIO(content), usecols=["pair", "person"], index_col="pair", dtype=str, keep_default_na=False
        )
    except ValueError as error:
        raise UserError(f"{file} is not a table of pairs: {str(error).rstrip('.')}.") from error
    return people["person"]


def _content(folder: Path, rows: int) -> tuple[Path, bytes]:
    """The file, if it has the lines of the record and a sane number of columns: its parser is not safe from others."""
    file = folder / PAIRS_FILE
    content = read_file(file, LIST_BYTES)
    head = content.partition(b"\n")[0]
    if b"\r" in content or len(head) > LINE or head.count(b",") > COLUMNS:
        raise UserError(f"{file} is not a table of pairs: it has carriage returns, or more than {COLUMNS:,} columns.")
    if (lines := content.count(b"\n")) != rows + 1:
        raise UserError(f"{file} has {lines:,} lines, but its record has {rows:,} pairs and a line of column names.")
    return file, content


class PairTables:
    """The values by pair of one record, read when they are first needed.

    Args:
        folder: the folder of the record.
        rows: its number of pairs.
    """

    def __init__(self, folder: Path, rows: int) -> None:
        self._folder, self._rows = folder, rows

    @functools.cached_property
    def values(self) -> dict[str, pd.DataFrame]:
        """Score key -> table, see `read_pair_values`."""
        return read_pair_values(self._folder, self._rows)
