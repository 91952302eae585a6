"""`pairs.csv`: the values by pair of a record, from which its scores can be computed again."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fhpt_bench.errors import UserError
from fhpt_bench.files import explained

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


def read_pair_values(folder: Path) -> dict[str, pd.DataFrame]:
    """Read `pairs.csv` back: score key -> table with the columns person, value, weight, skipped.

    Args:
        folder: the folder of the record.

    Raises:
        UserError: if the file is missing or is not a table of pairs.
    """
    import pandas as pd

    file = folder / PAIRS_FILE
    with explained(file, "read"):
        try:
            # Names stay text ("01" is not "1"); only blank cells are missing values, because a reason may be any word.
            table = pd.read_csv(
                file, index_col="pair", dtype={"pair": str, "person": str}, float_precision="round_trip",
                keep_default_na=False, na_values=[""],
            )  # fmt: skip
        except ValueError as error:
            raise UserError(f"{file} is not a table of pairs: {error}.") from error
    if table.index.name != "pair" or "person" not in table:
        raise UserError(f"{file} is not a table of pairs: it lacks the column pair or person.")
    found = {}
    for key in table.columns:
        if key == "person" or key.endswith((" weight", " skipped")):
            continue
        found[key] = pd.DataFrame(
            {
                "person": table["person"],
                "value": table[key].astype(float),
                "weight": table[f"{key} weight"].astype(float) if f"{key} weight" in table else 1.0,
                "skipped": table[f"{key} skipped"].fillna("") if f"{key} skipped" in table else "",
            }
        )
    return found


class PairTables:
    """The values by pair of one record, read when they are first needed.

    Args:
        folder: the folder of the record.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @functools.cached_property
    def values(self) -> dict[str, pd.DataFrame]:
        """Score key -> table, see `read_pair_values`."""
        return read_pair_values(self._folder)
