"""`pairs.csv`: the values by pair of a record, from which its scores can be computed again."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fhpt_bench.errors import UserError
from fhpt_bench.files import sha256_json
from fhpt_bench.reading import COLUMNS, LINE, LIST_BYTES, NUMBER, read_file

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

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


_Columns = tuple["NDArray[np.float64]", "NDArray[np.float64]", Any, "NDArray[np.bool_]"]


class PairValues(Mapping[str, "pd.DataFrame"]):
    """The values by pair of a record: score key -> table with the columns person, value, weight, skipped.

    A table is made when it is asked for, because boards read hundreds of records and need a few columns of each.

    Args:
        people: the person of each pair, indexed by pair id.
        columns: score key -> value, weight, the reason why a pair is skipped ("" if it counts), whether it counts.
    """

    def __init__(self, people: pd.Series[str], columns: Mapping[str, _Columns]) -> None:
        self._people, self._columns = people, columns

    @classmethod
    def none(cls) -> PairValues:
        """No scores, of no pairs."""
        import pandas as pd

        return cls(pd.Series([], dtype=str), {})

    def __getitem__(self, key: str) -> pd.DataFrame:
        """The table of a score, indexed by pair id."""
        import pandas as pd

        value, weight, skipped, _ = self._columns[key]
        columns = {"person": self._people.array, "value": value, "weight": weight, "skipped": skipped}
        return pd.DataFrame(columns, self._people.index)

    def __contains__(self, key: object) -> bool:
        return key in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def people(self) -> pd.Series[str]:
        """The person of each pair, indexed by pair id."""
        return self._people

    def sorted(self) -> PairValues:
        """The same values, ordered by pair id: what compares many records does not sort again."""
        order = self._people.index.argsort()
        columns = {
            key: (value[order], weight[order], skipped[order], counts[order])
            for key, (value, weight, skipped, counts) in self._columns.items()
        }
        return PairValues(self._people.iloc[order], columns)

    def arrays(self, key: str) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Value and weight of each pair for a score, and whether the pair counts."""
        value, weight, _, counts = self._columns[key]
        return value, weight, counts

    def counted(self, key: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Value and weight of the pairs that count for a score."""
        value, weight, _, counts = self._columns[key]
        return value[counts], weight[counts]


def read_pair_values(folder: Path, rows: int) -> PairValues:
    """Read `pairs.csv` back.

    Args:
        folder: the folder of the record.
        rows: the number of pairs by the record; checked before anything is parsed.

    Raises:
        UserError: if the file is missing, or is not a table of that many pairs with finite numbers.
    """
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
        columns: dict[str, _Columns] = {}
        n = len(table)
        ones, always, never = np.ones(n), np.ones(n, bool), pd.array([""] * n, dtype="str")
        for key in table.columns:
            if key == "person" or key.endswith((" weight", " skipped")):
                continue
            value = table[key].to_numpy(float)
            weight = table[f"{key} weight"].to_numpy(float) if f"{key} weight" in table else ones
            skipped: Any = never
            counts = always
            if f"{key} skipped" in table:
                reasons = table[f"{key} skipped"]
                skipped = reasons.fillna("").astype(str).array
                counts = reasons.isna().to_numpy(bool)
            for part in (value, weight):
                if part is not ones and not (np.abs(part[~np.isnan(part)]) <= NUMBER).all():
                    raise ValueError(f"{key} has a number that is too large")
            columns[key] = value, weight, skipped, counts
        return PairValues(table["person"].fillna(""), columns)
    # The library and its parser raise errors of several modules; numbers of thousands of digits overflow.
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, MemoryError) as error:
        reason = str(error).rstrip(".")
        raise UserError(f"{file} is not a table of pairs: {reason}.") from error


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
    def values(self) -> PairValues:
        """Score key -> table, see `read_pair_values`."""
        return read_pair_values(self._folder, self._rows)
