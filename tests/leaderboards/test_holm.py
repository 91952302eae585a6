"""Ranks with Holm's correction: among equal models, a difference in one of twenty tables, not in most of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from fhpt_bench.cli import cli
from fhpt_bench.records.score_difference import interval_p_values
from fhpt_bench.significance import holm, p_value
from fhpt_bench.statistics import paired_difference
from leaderboards.tables import Table

SSIM = "ssim:canonical:ssim"


def test_holm_by_hand() -> None:
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.04, and none below the one before.
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([])).tolist() == []
    assert holm(np.array([0.7, 0.9])).tolist() == [1.0, 1.0]


def test_one_comparison_needs_no_correction() -> None:
    assert holm(np.array([0.05])).tolist() == [0.05]


@pytest.mark.parametrize("models", [2, 5, 10])
def test_equal_models_have_equal_ranks_in_most_tables(
    models: int,
    tmp_path: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    people: list[str],
    tables_of: Callable[..., list[Table]],
) -> None:
    rng = np.random.default_rng(models)
    wrong = 0
    tables = 40
    for number in range(tables):
        folder = tmp_path / str(number)
        for model in range(models):
            values = np.repeat(rng.normal(0, 0.1, 20), 3) + rng.normal(0.5, 0.05, 60)
            make_record(folder / f"m{model}", [given(SSIM, values.clip(-1, 1))], people, name=f"m{model}")
        (table,) = tables_of(folder)
        wrong += any(row.cells[0].rank != 1 for row in table.rows)
    # 5 % of 40 are 2; the interval of 20 people covers a little less than 95 %.
    assert wrong <= 6


def test_a_clear_order_stays(three: Path, tables_of: Callable[..., list[Table]]) -> None:
    (table,) = tables_of(three)
    assert {row.record.model.name: row.cells[0].rank for row in table.rows} == {
        "good": 1,
        "twin": 1,
        "bad": 3,
        "real": None,
    }


def test_compare_prints_both(
    tmp_path: Path, make_record: Callable[..., Path], given: Callable[..., Any], people: list[str]
) -> None:
    rng = np.random.default_rng(0)
    keys = [f"ssim:{name}:ssim" for name in ("canonical", "patn", "gfla", "pidm", "skimage", "grey")]
    person = np.array(people)
    first = rng.normal(0.5, 0.02, 60)
    gain = np.repeat(rng.normal(0, 1, 20), 3)
    gain -= gain.mean()
    table = pd.DataFrame({"person": person, "value": first, "weight": 1.0, "skipped": ""}, [f"x{i}" for i in range(60)])
    # The first score differs by 2.2 standard errors, the others not at all.
    steps = [
        s
        for s in np.linspace(0.4, 0.6, 41)
        if 0.02 < paired_difference(table.assign(value=first + 0.01 * (gain + s)), table).p < 0.04
    ]
    assert steps
    second = [first + 0.01 * (gain + steps[0]), *[first + 0.01 * gain] * 5]
    make_record(
        tmp_path / "a", [given(key, values) for key, values in zip(keys, second, strict=True)], people, name="a"
    )
    make_record(tmp_path / "b", [given(key, first) for key in keys], people, name="b")
    done = CliRunner().invoke(cli, ["compare", str(tmp_path / "a"), str(tmp_path / "b")], env={"COLUMNS": "200"})
    row = next(line for line in done.output.splitlines() if line.startswith("ssim:canonical")).split()
    assert row[-2:] == ["better", "tie"]


def test_scores_of_the_whole_set() -> None:
    method = "delete-block jackknife over people, 20 blocks"
    scores: Any = [
        SimpleNamespace(value=value, interval=(value - half, value + half, method))
        for value, half in ((10.0, 2.0), (14.5, 2.0), (40.0, 2.0))
    ]
    p = interval_p_values(scores)
    assert (p == p.T).all()
    assert p[0, 0] == 1.0
    assert p[0, 1] == pytest.approx(
        0.0035, abs=5e-4
    )  # t = 4.5 / (2.0 * 1.414 / 2.093) = 3.33 with 19 degrees of freedom
    assert p[0, 2] < p[1, 2] < 1e-6


def test_p_values_agree_with_the_interval_at_five_percent() -> None:
    difference = np.linspace(0, 6, 50)
    apart = difference > 2.2
    p = p_value(difference, np.ones(50), apart)
    assert ((p <= 0.05) == apart).all()
    assert (np.diff(p) <= 0).all()
    assert p_value(np.array(1.0), np.array(0.0), np.array(True)) == 0.0
