"""Many models are compared at once, with the same verdicts as two by two."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fhpt_bench.statistics import certain_differences, paired_difference


@pytest.mark.parametrize("seed", range(12))
def test_the_same_verdicts_as_two_by_two(seed: int) -> None:
    random = np.random.default_rng(seed)
    models, people = 6, int(random.integers(10, 30))
    n = 3 * people
    person = np.array([f"p{i % people:02}" for i in range(n)])
    value = random.normal(size=n) + random.normal(0, 0.3, (models, n)) + random.normal(0, 0.08, (models, 1))
    weight = random.uniform(0.5, 2, (models, n)) if seed % 2 else np.ones((models, n))
    found = certain_differences(value, weight, person)
    assert found is not None
    columns = [{"person": person, "value": value[i], "weight": weight[i], "skipped": ""} for i in range(models)]
    tables = [pd.DataFrame(column, [f"x{j:03}" for j in range(n)]) for column in columns]
    expected = np.zeros((models, models), int)
    for i in range(models):
        for j in range(models):
            paired = paired_difference(tables[i], tables[j])
            assert paired is not None
            assert paired.interval is not None
            if i != j:
                expected[i, j] = (paired.interval.low > 0) - (paired.interval.high < 0)
    assert found.tolist() == expected.tolist()
    assert len(np.unique(expected)) > 1


def test_an_interval_that_ends_between_two_values() -> None:
    """The limit is interpolated: zero may lie between the two resampled means next to it."""
    random = np.random.default_rng(0)
    person = np.array([f"p{i:02}" for i in range(12)])
    base, noise = random.normal(size=12), random.normal(size=12)
    signs = set()
    for shift in np.linspace(0.3, 0.9, 200):
        value = np.stack([base + noise + shift, base])
        tables = [pd.DataFrame({"person": person, "value": row, "weight": 1.0, "skipped": ""}, person) for row in value]
        paired = paired_difference(*tables)
        assert paired is not None
        assert paired.interval is not None
        found = certain_differences(value, np.ones((2, 12)), person)
        assert found is not None
        assert found[0, 1] == (paired.interval.low > 0) - (paired.interval.high < 0)
        signs.add(int(found[0, 1]))
    assert signs == {0, 1}


def test_fewer_than_ten_people() -> None:
    assert certain_differences(np.ones((2, 9)), np.ones((2, 9)), np.array(list("abcdefghi"))) is None
