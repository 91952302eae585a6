"""Metrics of sets, compared with the packages that the field uses and with closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import linalg
from scipy.special import softmax

from protocols.perceptual import frechet_distance, inception_score, kernel_distance, kernel_distance_of_subsets

RNG = np.random.default_rng(0)


def sets(n: int, m: int, d: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mix = RNG.normal(size=(d, d))
    return RNG.normal(size=(n, d)) @ mix, RNG.normal(0.3, 1.2, size=(m, d)) @ mix


def by_definition(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """The formula of the paper, with scipy's general matrix root."""
    s1, s2 = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(s1 @ s2)
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s1 + s2) - 2 * np.trace(root).real)


@pytest.mark.parametrize(("n", "m", "d"), [(500, 300, 2), (500, 300, 7), (300, 400, 64)])
def test_frechet_equals_the_definition(n: int, m: int, d: int) -> None:
    a, b = sets(n, m, d)
    assert frechet_distance(a, b) == pytest.approx(by_definition(a, b), rel=1e-9)


def test_frechet_of_single_numbers_equals_the_closed_form() -> None:
    a, b = RNG.normal(size=(500, 1)), RNG.normal(1, 2, size=(300, 1))
    expected = (a.mean() - b.mean()) ** 2 + (a.std(ddof=1) - b.std(ddof=1)) ** 2
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


@pytest.mark.filterwarnings("ignore:.*disp.*:DeprecationWarning")  # pytorch-fid's call of scipy
def test_frechet_equals_pytorch_fid() -> None:
    from pytorch_fid.fid_score import calculate_frechet_distance

    a, b = sets(400, 300, 48)
    statistics = [(x.mean(0), np.cov(x, rowvar=False)) for x in (a, b)]
    reference = calculate_frechet_distance(*statistics[0], *statistics[1])
    assert frechet_distance(a, b) == pytest.approx(reference, rel=1e-6)


@pytest.mark.parametrize(("n", "m"), [(20, 30), (20, 300), (300, 20), (2, 2)])
def test_frechet_of_fewer_images_than_features(n: int, m: int) -> None:
    a, b = sets(n, m, 40)
    # Directions without variance do not change the value, but use another branch of the code.
    wide = [np.hstack([x, np.zeros((len(x), 400))]) for x in (a, b)]
    assert frechet_distance(*wide) == pytest.approx(frechet_distance(a, b), rel=1e-9)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)


def test_frechet_if_features_are_never_active() -> None:
    a, b = sets(400, 300, 10)
    idle = [np.hstack([x, np.zeros((len(x), 5))]) for x in (a, b)]  # singular, and n > d
    assert frechet_distance(*idle) == pytest.approx(frechet_distance(a, b), rel=1e-9)


def test_repeats_count_and_order_does_not() -> None:
    a, b = sets(300, 200, 6)
    assert frechet_distance(RNG.permutation(a), b) == pytest.approx(frechet_distance(a, b), rel=1e-9)
    assert kernel_distance(RNG.permutation(a), b) == pytest.approx(kernel_distance(a, b), rel=1e-9)
    doubled = np.concatenate([a, a[:50]])
    assert frechet_distance(doubled, b) != pytest.approx(frechet_distance(a, b), rel=1e-6)
    assert kernel_distance(doubled, b) != pytest.approx(kernel_distance(a, b), rel=1e-6)


def test_kernel_distance_equals_the_definition() -> None:
    a, b = sets(30, 20, 5)

    def kernel(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
        return float((x @ y / 5 + 1) ** 3)

    within_a = np.mean([kernel(x, y) for i, x in enumerate(a) for j, y in enumerate(a) if i != j])
    within_b = np.mean([kernel(x, y) for i, x in enumerate(b) for j, y in enumerate(b) if i != j])
    between = np.mean([kernel(x, y) for x in a for y in b])
    assert kernel_distance(a, b) == pytest.approx(within_a + within_b - 2 * between, rel=1e-9)


# Subsets of all images, of all of the smaller set, and of 1000.
@pytest.mark.parametrize(("n", "m", "d"), [(2, 2, 3), (31, 31, 7), (40, 25, 5), (25, 40, 5), (1203, 1001, 33)])
def test_mean_over_subsets_equals_clean_fid(n: int, m: int, d: int) -> None:
    a, b = sets(n, m, d)
    value, error = kernel_distance_of_subsets(a, b)
    assert value == pytest.approx(clean_kernel_distance(b, a), rel=1e-9)
    assert error > 0 or n == m < 1000


def test_mean_over_subsets_depends_on_the_order_and_not_on_other_random_numbers() -> None:
    a, b = sets(60, 40, 5)
    value, error = kernel_distance_of_subsets(a, b)
    np.random.seed(7)
    state = np.random.get_state()[1].tolist()
    assert kernel_distance_of_subsets(a, b) == (value, error)
    assert np.random.get_state()[1].tolist() == state, "the caller's random numbers are not used"
    mixed = kernel_distance_of_subsets(RNG.permutation(a), b)[0]
    assert 0 < abs(mixed - value) < 6 * error
    assert abs(kernel_distance(a, b) - value) < 5 * error


def clean_kernel_distance(reference: NDArray[np.float64], generated: NDArray[np.float64]) -> float:
    """clean-fid's value after np.random.seed(0); VtonEval and CatVTON give the folder of targets first."""
    from cleanfid.fid import kernel_distance as clean

    before = np.random.get_state()
    np.random.seed(0)
    value = clean(reference, generated)
    np.random.set_state(before)
    return float(value)


def test_kernel_distance_is_unbiased() -> None:
    values = [kernel_distance(RNG.normal(size=(40, 4)), RNG.normal(size=(40, 4))) for _ in range(400)]
    assert abs(np.mean(values)) < 4 * np.std(values) / 20


@pytest.mark.parametrize("n", [10, 103, 999])
def test_inception_score_equals_the_definition(n: int) -> None:
    logits = RNG.normal(0, 3, size=(n, 17))
    p = softmax(logits, axis=1)
    scores = []
    for i in range(10):
        part = p[i * n // 10 : (i + 1) * n // 10]
        scores.append(np.exp(np.mean([np.sum(row * np.log(row / part.mean(0))) for row in part])))
    mean, deviation = inception_score(logits)
    assert mean == pytest.approx(np.mean(scores), rel=1e-12)
    assert deviation == pytest.approx(np.std(scores), rel=1e-9)


def test_inception_score_has_bounds_and_depends_on_order() -> None:
    logits = RNG.normal(0, 50, size=(200, 9))  # large logits, so that most probabilities underflow
    assert 1 <= inception_score(logits)[0] <= 9
    assert inception_score(logits)[0] != pytest.approx(inception_score(logits[::-1][RNG.permutation(200)])[0], rel=1e-9)
    assert inception_score(logits, 1)[0] == pytest.approx(inception_score(RNG.permutation(logits), 1)[0], rel=1e-12)


@pytest.mark.parametrize("metric", [frechet_distance, kernel_distance, kernel_distance_of_subsets])
@pytest.mark.parametrize(
    ("a", "message"),
    [
        (np.zeros((1, 3)), "needs 2 or more"),
        (np.zeros((4, 2)), "different lengths"),
        (np.zeros((4, 3), int), "must be"),
        (np.full((4, 3), np.nan), "not finite"),
    ],
)
def test_wrong_features_are_rejected(metric: object, a: NDArray[np.float64], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        metric(a, np.zeros((4, 3)))  # type: ignore[operator]
