"""Records of three models and an oracle, and the tables over a folder of records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fhpt_bench.records.comparison import find_records, read_values
from leaderboards.tables import Table, build_tables

SSIM = "ssim:canonical:ssim"


@pytest.fixture(scope="session")
def tables_of() -> Callable[..., list[Table]]:
    """A function that builds the tables over all records in a folder."""

    def make(folder: Path, sort: str | None = None) -> list[Table]:
        records, problems = find_records([folder])
        assert not problems
        return build_tables([(record, read_values(record)) for record in records], sort)

    return make


@pytest.fixture
def three(
    tmp_path: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    people: list[str],
    ability: NDArray[np.float64],
) -> Path:
    """`good` and `twin` are equally good, `bad` is slightly worse on every pair, `real` is an oracle."""
    rng = np.random.default_rng(0)
    for name, values, more in (
        ("good", ability + rng.normal(0, 0.01, 60), {}),
        ("twin", ability + rng.normal(0, 0.01, 60), {"conditioning": ["pose", "face-landmarks"]}),
        ("bad", ability - 0.02, {"codec": "jpeg"}),
        ("real", np.ones(60), {"oracle": True}),
    ):
        make_record(tmp_path / name, [given(SSIM, values)], people, name=name, **more)
    return tmp_path
