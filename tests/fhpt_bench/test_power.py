"""What a number of pairs can show, against simulated studies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from fhpt_bench.power import cluster_error, paired_power, unpaired_power
from fhpt_bench.statistics import cluster_bootstrap, paired_difference

STUDIES = 200


def study(
    rng: np.random.Generator, people: int, each: NDArray[np.int64], gain: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Values of two models by pair; a is better by `gain`, and pairs of one person resemble each other."""
    person = np.repeat(np.arange(people), each)
    shared = rng.normal(0, 1, people)[person] + rng.normal(0, 0.5, len(person))
    own = rng.normal(0, 0.3, people)[person] + rng.normal(0, 0.4, len(person))
    index = pd.Index([f"x{i:04}" for i in range(len(person))])
    table = pd.DataFrame({"person": [f"p{i:03}" for i in person], "weight": 1.0, "skipped": ""}, index=index)
    return table.assign(value=shared + own + gain), table.assign(value=shared)


@pytest.mark.parametrize(("people", "each"), [(40, 20), (100, 3)])
def test_the_smallest_difference_is_found_in_four_of_five_studies(people: int, each: int) -> None:
    rng = np.random.default_rng(people)
    sizes = rng.integers(1, 2 * each, people)
    # The true standard error follows from the model: variance of a person's sum over the number of pairs squared.
    error = float(np.sqrt((0.3**2 * sizes**2 + 0.4**2 * sizes).sum())) / sizes.sum()
    estimate = paired_power(*study(rng, people, sizes, 0.0))
    smallest = error * estimate.smallest / estimate.error  # the stated size at the true standard error
    found = [paired_difference(*study(rng, people, sizes, smallest)).interval for _ in range(STUDIES)]
    assert 0.75 <= np.mean([interval.low > 0 for interval in found]) <= 0.85


def test_the_estimate_of_the_smallest_difference_is_right_on_average() -> None:
    rng = np.random.default_rng(1)
    sizes = np.full(60, 5)
    error = float(np.sqrt((0.3**2 * sizes**2 + 0.4**2 * sizes).sum())) / sizes.sum()
    estimates = [paired_power(*study(rng, 60, sizes, 0.1)) for _ in range(STUDIES)]
    assert np.mean([found.error for found in estimates]) == pytest.approx(error, rel=0.03)
    assert np.mean([found.smallest for found in estimates]) == pytest.approx(2.8 * error, rel=0.03)


def test_a_study_of_the_needed_size_finds_the_difference() -> None:
    rng = np.random.default_rng(2)
    sizes = np.full(40, 5)
    error = float(np.sqrt((0.3**2 * sizes**2 + 0.4**2 * sizes).sum())) / sizes.sum()
    first = paired_power(*study(rng, 40, sizes, error))
    needed = int(np.ceil((2.8 * error / error) ** 2 * 40))  # 7.8 times the people for a gain of one standard error
    found = [paired_difference(*study(rng, needed, np.full(needed, 5), error)).interval for _ in range(STUDIES)]
    assert 0.75 <= np.mean([interval.low > 0 for interval in found]) <= 0.85
    assert first.needed == pytest.approx((first.smallest / first.difference) ** 2)
    assert first.needed_pairs == pytest.approx(5 * first.needed_people, abs=5)


def test_the_chance_of_a_wrong_order() -> None:
    rng = np.random.default_rng(3)
    sizes = np.full(40, 5)
    wrong, stated = [], []
    for _ in range(3000):  # as the definition says, all differences were equally likely before measuring
        gain = rng.uniform(-0.25, 0.25)
        found = paired_power(*study(rng, 40, sizes, gain))
        if abs(found.difference) < 0.06:
            wrong.append(found.difference * gain < 0)
            stated.append(found.wrong_order)
    assert len(wrong) > 500
    assert np.mean(wrong) == pytest.approx(np.mean(stated), abs=0.06)


def test_the_standard_error_is_that_of_the_interval() -> None:
    a, b = study(np.random.default_rng(4), 200, np.full(200, 4), 0.1)
    weight = np.random.default_rng(5).uniform(1, 2, len(a))
    a, b = a.assign(weight=weight), b.assign(weight=weight)
    interval = paired_difference(a, b).interval
    assert paired_power(a, b).error == pytest.approx((interval.high - interval.low) / 3.92, rel=0.05)
    people = a["person"].to_numpy(str)
    alone = cluster_error(np.stack([a["value"], 0 * a["value"]]), np.stack([weight, weight]), people)
    own = cluster_bootstrap(a["value"].to_numpy(), weight, people)
    assert alone == pytest.approx((own.high - own.low) / 3.92, rel=0.05)


def test_order_and_direction_do_not_matter() -> None:
    a, b = study(np.random.default_rng(6), 30, np.full(30, 3), 0.2)
    there, back = paired_power(a, b), paired_power(b, a.sample(frac=1, random_state=0))
    assert there.difference == -back.difference
    assert there.smallest == pytest.approx(back.smallest, rel=1e-12)
    assert there.needed_people == back.needed_people


def test_few_people_give_no_power() -> None:
    assert paired_power(*study(np.random.default_rng(7), 9, np.full(9, 10), 0.2)) is None


def test_equal_values_show_everything_and_nothing() -> None:
    a, _ = study(np.random.default_rng(8), 20, np.full(20, 3), 0.2)
    found = paired_power(a, a)
    assert (found.difference, found.error, found.smallest) == (0.0, 0.0, 0.0)
    assert found.needed_people is None
    assert found.wrong_order == 0.5


def test_scores_of_the_whole_set_need_intervals_that_do_not_overlap() -> None:
    rng = np.random.default_rng(9)
    error_a, error_b, reach = 2.0, 1.0, 2.093  # t of 19 degrees of freedom
    found = unpaired_power(
        0.0, (-reach * error_a, reach * error_a), 1.0, (1 - reach * error_b, 1 + reach * error_b), 99, 19
    )
    assert found.error == pytest.approx(5**0.5, rel=1e-3)
    apart = []
    for _ in range(4000):  # errors that are themselves estimated from 20 blocks
        halves = [reach * e * np.sqrt(rng.chisquare(19) / 19) for e in (error_a, error_b)]
        difference = found.smallest + rng.normal(0, error_a) - rng.normal(0, error_b)
        apart.append(difference > sum(halves))
    assert np.mean(apart) == pytest.approx(0.8, abs=0.03)
