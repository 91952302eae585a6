"""Intervals over people: their coverage, and what must not change them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fhpt_bench.statistics import cluster_bootstrap, paired_difference, weighted_mean

PEOPLE, EACH = 40, 6


def clustered(
    rng: np.random.Generator, people: int = PEOPLE, each: int = EACH, person_sd: float = 1.0, pair_sd: float = 0.5
) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    """(value, person) of pairs whose values depend mostly on the person; the true mean is 0."""
    value = np.repeat(rng.normal(0, person_sd, people), each) + rng.normal(0, pair_sd, people * each)
    return value, np.repeat([f"p{i:03}" for i in range(people)], each)


def table(
    value: NDArray[np.float64], person: NDArray[np.str_], weight: float | NDArray[np.float64] = 1.0
) -> pd.DataFrame:
    index = pd.Index([f"x{i:04}" for i in range(len(value))], name="pair")
    return pd.DataFrame({"person": person, "value": value, "weight": weight, "skipped": ""}, index=index)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    people_cover = pairs_cover = 0
    trials = 400
    for _ in range(trials):
        value, person = clustered(rng)
        over_people = cluster_bootstrap(value, np.ones(len(value)), person)
        over_pairs = cluster_bootstrap(value, np.ones(len(value)), np.arange(len(value)).astype(str))
        people_cover += over_people.low <= 0 <= over_people.high
        pairs_cover += over_pairs.low <= 0 <= over_pairs.high
    # 95 % of 400 has a standard error of 1.1 %; the percentile bootstrap of 40 people covers a little less.
    assert 0.91 <= people_cover / trials <= 0.98
    assert pairs_cover / trials < 0.75


def test_the_paired_interval_covers_the_true_difference() -> None:
    rng = np.random.default_rng(2)
    cover = 0
    trials = 300
    for _ in range(trials):
        shared, person = clustered(rng)
        own, _ = clustered(rng, person_sd=0.2)
        interval = paired_difference(table(shared + own + 0.3, person), table(shared, person)).interval
        cover += interval.low <= 0.3 <= interval.high
    assert 0.91 <= cover / trials <= 0.98


def test_joint_resampling_is_narrower_than_independent_for_models_that_agree() -> None:
    rng = np.random.default_rng(3)
    shared, person = clustered(rng)
    a, b = shared + rng.normal(0, 0.1, len(shared)), shared + rng.normal(0, 0.1, len(shared))
    joint = paired_difference(table(a, person), table(b, person)).interval
    apart = [cluster_bootstrap(values, np.ones(len(values)), person) for values in (a, b)]
    independent = np.hypot(*(interval.high - interval.low for interval in apart))
    assert joint.high - joint.low < independent / 4


def test_the_order_of_the_pairs_does_not_matter() -> None:
    rng = np.random.default_rng(4)
    value, person = clustered(rng)
    weight = rng.random(len(value))
    order = rng.permutation(len(value))
    first, second = (
        cluster_bootstrap(value, weight, person),
        cluster_bootstrap(value[order], weight[order], person[order]),
    )
    assert [second.low, second.high] == pytest.approx([first.low, first.high], rel=1e-12)
    a, b = table(value, person, weight), table(rng.permutation(value), person)
    mixed = paired_difference(a.iloc[order], b.iloc[rng.permutation(len(value))])
    assert mixed == paired_difference(a, b)


def test_weights_make_ratios() -> None:
    # 1 of 1 and 0 of 9 keypoints found: 1 of 10, not the mean of the two shares.
    assert weighted_mean(np.array([1.0, 0.0]), np.array([1.0, 9.0])) == pytest.approx(0.1)
    rng = np.random.default_rng(5)
    found, present = rng.integers(0, 5, 60), np.full(60, 5)
    person = np.repeat([f"p{i}" for i in range(20)], 3)
    shares = cluster_bootstrap(found / present, present.astype(float), person)
    scaled = cluster_bootstrap(found / present, present * 7.0, person)
    assert (shares.low, shares.high) == pytest.approx((scaled.low, scaled.high))
    a = table(found / present, person, present.astype(float))
    a.iloc[:30, a.columns.get_loc("weight")] = 0.0
    difference = paired_difference(a, a.assign(value=0.0)).difference
    assert difference == pytest.approx(found[30:].sum() / present[30:].sum())


def test_only_pairs_that_both_have_count() -> None:
    rng = np.random.default_rng(6)
    value, person = clustered(rng)
    a, b = table(value, person), table(value - 1, person)
    a.iloc[0, a.columns.get_loc("value")] = np.nan
    a.iloc[0, a.columns.get_loc("skipped")] = "no face"
    found = paired_difference(a, b.iloc[:-5])
    assert found.n == len(value) - 6
    assert (found.a_higher, found.b_higher, found.equal) == (found.n, 0, 0)
    assert found.mean_a - found.mean_b == found.difference == pytest.approx(1)
    assert paired_difference(a.iloc[:5], b.iloc[5:]) is None
    assert paired_difference(a.assign(weight=0.0), b) is None


def test_nine_people_give_no_interval_and_ten_do() -> None:
    value, person = clustered(np.random.default_rng(8), people=10)
    a, b = table(value, person), table(value[::-1].copy(), person)
    assert paired_difference(a, b).interval is not None
    few = paired_difference(a.iloc[EACH:], b)
    assert few.interval is None
    assert few.n == len(value) - EACH


def test_a_constant_difference_is_certain_and_exact_in_double_precision() -> None:
    person = np.repeat([f"p{i}" for i in range(12)], 2)
    value = np.linspace(1e6, 2e6, 24)
    interval = paired_difference(table(value + 1e-3, person), table(value, person)).interval
    assert interval.low == pytest.approx(1e-3, rel=1e-5)  # float32 would see no difference at all
    assert interval.high == pytest.approx(1e-3, rel=1e-5)


def test_no_weight_at_all_gives_no_interval() -> None:
    value, person = clustered(np.random.default_rng(9))
    assert cluster_bootstrap(value, np.zeros(len(value)), person) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: pd.concat([t, t.iloc[:1]]), "occurs twice"),
        (lambda t: t.assign(person=t["person"].to_numpy()[::-1]), "two people"),
        (lambda t: t.assign(value=np.inf), "not finite"),
    ],
)
def test_damaged_tables_are_refused(change: Callable[..., Any], message: str) -> None:
    value, person = clustered(np.random.default_rng(10))
    good = table(value, person)
    with pytest.raises(ValueError, match=message):
        paired_difference(change(good), good)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 14), st.floats(-100, 100), st.floats(-100, 100)), min_size=1, max_size=60))
def test_swapping_the_models_turns_the_sign(rows: list[tuple[int, float, float]]) -> None:
    person, left, right = zip(*rows, strict=True)
    person = np.array([f"p{i}" for i in person])
    a, b = table(np.array(left), person), table(np.array(right), person)
    there, back = paired_difference(a, b), paired_difference(b, a)
    assert back.difference == -there.difference
    assert (back.a_higher, back.b_higher, back.equal) == (there.b_higher, there.a_higher, there.equal)
    assert there.a_higher + there.b_higher + there.equal == there.n == len(rows)
    assert (there.interval is None) == (len(set(person)) < 10)
    if there.interval is not None:
        assert back.interval.low == pytest.approx(-there.interval.high, abs=1e-9)
        assert back.interval.high == pytest.approx(-there.interval.low, abs=1e-9)
