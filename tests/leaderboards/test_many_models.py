"""Many models are compared at once, with the same verdicts as two by two."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from fhpt_bench.statistics import paired_difference
from fhpt_bench.verdicts import certain_differences


def two_by_two(tables: list[pd.DataFrame]) -> tuple[NDArray[np.int_], NDArray[np.float64]]:
    """The verdict and the p-value of every two models by `paired_difference`."""
    expected, p = np.zeros((len(tables), len(tables)), int), np.ones((len(tables), len(tables)))
    for i, j in itertools.permutations(range(len(tables)), 2):
        paired = paired_difference(tables[i], tables[j])
        assert paired is not None
        assert paired.interval is not None
        expected[i, j] = (paired.interval.low > 0) - (paired.interval.high < 0)
        p[i, j] = paired.p
    return expected, p


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
    found, p = found
    columns = [{"person": person, "value": value[i], "weight": weight[i], "skipped": ""} for i in range(models)]
    expected, values = two_by_two([pd.DataFrame(column, [f"x{j:03}" for j in range(n)]) for column in columns])
    assert found.tolist() == expected.tolist()
    np.testing.assert_allclose(np.maximum(p, 1e-9), np.maximum(values, 1e-9), rtol=0.05)
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
        assert found[0][0, 1] == (paired.interval.low > 0) - (paired.interval.high < 0)
        signs.add(int(found[0][0, 1]))
    assert signs == {0, 1}


def test_fewer_than_ten_people() -> None:
    assert certain_differences(np.ones((2, 9)), np.ones((2, 9)), np.array(list("abcdefghi"))) is None


@pytest.mark.parametrize("masks", [0, 16], ids=["each alone", "those alike together"])
@pytest.mark.parametrize("seed", range(8))
def test_models_that_skip_different_pairs(seed: int, masks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two models are compared on the pairs that both have: of other people for every two, with other weights."""
    monkeypatch.setattr("fhpt_bench.verdicts._MASKS", masks)
    random = np.random.default_rng(seed)
    models, people = 7, int(random.integers(14, 24))
    n = 3 * people
    person = random.permutation([f"p{i % people:02}" for i in range(n)])
    value = random.normal(size=n) + random.normal(0, 0.3, (models, n)) + random.normal(0, 0.2, (models, 1))
    weight = random.uniform(0.5, 2, (models, n)) if seed % 2 else np.ones((models, n))
    counted = random.random((models, n)) < 0.85
    counted[1] &= person != "p03"  # a person whom one model lacks
    counted[2], value[2], weight[2] = counted[0], value[0], weight[0]  # the same images
    value[~counted] = np.nan
    found = certain_differences(value, weight, person, counted)
    assert found is not None
    found, p = found
    columns = [
        {"person": person, "value": value[i], "weight": weight[i], "skipped": np.where(counted[i], "", "no face")}
        for i in range(models)
    ]
    expected, values = two_by_two([pd.DataFrame(column, [f"x{j:03}" for j in range(n)]) for column in columns])
    assert found.tolist() == expected.tolist()
    np.testing.assert_allclose(np.maximum(p, 1e-9), np.maximum(values, 1e-9), rtol=0.05)
    assert found[0, 2] == 0
    assert len(np.unique(expected)) > 1


@pytest.mark.parametrize("masks", [0, 16])
def test_two_models_with_few_people_in_common(masks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhpt_bench.verdicts._MASKS", masks)
    person = np.array([f"p{i:02}" for i in range(24)])
    counted = np.ones((3, 24), bool)
    counted[0, :10], counted[1, 5:] = False, False
    assert certain_differences(np.ones((3, 24)), np.ones((3, 24)), person, counted) is None


def test_hundreds_of_models() -> None:
    """More models than are compared at a time, from certain differences to ties."""
    random = np.random.default_rng(3)
    person = np.array([f"p{i % 20:02}" for i in range(60)])
    ability = np.concatenate([np.linspace(0, 0.4, 100), np.full(100, 0.2)])
    value = random.normal(size=60) + random.normal(0, 0.3, (200, 60)) + ability[:, None]
    value[150] = value[151]
    verdicts = certain_differences(value, np.ones((200, 60)), person)
    assert verdicts is not None
    found, p = verdicts
    assert ((p <= 0.05) == (found != 0)).all()
    assert (found == -found.T).all()
    tables = [pd.DataFrame({"person": person, "value": row, "weight": 1.0, "skipped": ""}) for row in value]
    for i, j in [(150, 151), *random.integers(200, size=(150, 2))]:
        paired = paired_difference(tables[i], tables[j])
        assert paired is not None
        assert paired.interval is not None
        expected = (paired.interval.low > 0) - (paired.interval.high < 0) if i != j else 0
        assert found[i, j] == expected
    assert {-1, 0, 1} == set(np.unique(found[:100, :100]))
