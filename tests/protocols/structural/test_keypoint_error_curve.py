"""The keypoint error curve, compared with a loop over keypoints, and its edge cases."""

import math

import numpy as np
import pytest

from protocols.structural import anchors, keypoint_error_curve
from protocols.structural.keypoint_error_curve import anchor_reach, found_distances, keypoint_hits


def make(n, k, seed=0):
    """Estimates and truths with missing keypoints; keypoints that were not found have NaN coordinates."""
    rng = np.random.default_rng(seed)
    truth = np.concatenate([rng.uniform(0, 200, (n, k, 2)), rng.integers(0, 2, (n, k, 1))], -1)
    estimated = truth + [1, 1, 0] * rng.normal(0, 8, (n, k, 3))
    estimated[..., 2] = rng.random((n, k)) < 0.7
    estimated[estimated[..., 2] == 0, :2] = np.nan
    return estimated.astype(np.float32), truth


def naive(estimated, truth, thresholds, found_only):
    curve = []
    for alpha in thresholds:
        hits = total = 0
        for image in range(len(truth)):
            for (ex, ey, found), (x, y, counts) in zip(estimated[image], truth[image], strict=True):
                if counts and (found or not found_only):
                    total += 1
                    hits += bool(found) and math.dist((ex, ey), (x, y)) < alpha
        curve.append(hits / total)
    return curve


@pytest.mark.parametrize("found_only", [False, True])
@pytest.mark.parametrize(("n", "k", "reach"), [(1, 7, 10), (13, 18, 20), (40, 68, 6.5), (3, 1, 30)])
def test_equals_a_loop_over_keypoints(n, k, reach, found_only):
    estimated, truth = make(n, k)
    thresholds = anchors(reach)
    expected = naive(estimated, truth, thresholds, found_only)
    np.testing.assert_allclose(keypoint_error_curve(estimated, truth, thresholds, found_only), expected, rtol=1e-12)
    hits, counts = keypoint_hits(estimated, truth, thresholds, found_only)
    np.testing.assert_allclose(hits.sum(0) / counts.sum(), expected, rtol=1e-12)


def test_a_distance_equal_to_the_threshold_is_a_miss():
    truth = np.array([[[10.0, 10, 1]]])
    estimated = np.array([[[13.0, 14, 1]]])
    curve = keypoint_error_curve(estimated, truth, np.array([5.0, np.nextafter(5, 6)]))
    assert curve.tolist() == [0, 1]


def test_curve_rises_and_reaches_the_detection_rate():
    estimated, truth = make(30, 18)
    curve = keypoint_error_curve(estimated, truth, np.array([*anchors(40), 1e6]))
    assert (np.diff(curve) >= 0).all()
    counted = truth[..., 2] == 1
    assert curve[-1] == pytest.approx((estimated[..., 2][counted] == 1).mean())
    assert keypoint_error_curve(estimated, truth, np.array([1e6]), found_only=True) == 1


def test_order_of_images_and_of_keypoints_does_not_matter():
    estimated, truth = make(9, 21)
    whole = keypoint_error_curve(estimated, truth, anchors(20))
    assert (keypoint_error_curve(estimated[::-1], truth[::-1], anchors(20)) == whole).all()
    assert (keypoint_error_curve(estimated[:, ::-1], truth[:, ::-1], anchors(20)) == whole).all()


def test_a_shift_of_both_does_not_matter_and_of_one_does():
    estimated, truth = make(9, 21)
    whole = keypoint_error_curve(estimated, truth, anchors(20))
    moved = np.array([7.0, -3.0, 0.0])
    np.testing.assert_array_equal(keypoint_error_curve(estimated + moved, truth + moved, anchors(20)), whole)
    assert keypoint_error_curve(estimated + moved, truth, anchors(20)).mean() < whole.mean() - 0.02


def test_swapping_the_two_matters():
    truth = np.array([[[0.0, 0, 1], [5, 5, 1]]])
    half = np.array([[[0.0, 0, 1], [np.nan, np.nan, 0]]])
    assert keypoint_error_curve(half, truth, np.array([1.0])) == 0.5
    assert keypoint_error_curve(truth, half, np.array([1.0])) == 1


def test_duplicates_count():
    estimated, truth = make(2, 18)
    once = keypoint_error_curve(estimated, truth, anchors(20))
    order = [0, 0, 0, 1]
    repeated = keypoint_error_curve(estimated[order], truth[order], anchors(20))
    assert (once != repeated).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e, t: (e[:, :3], t), "differ in shape"),
        (lambda e, t: (e[..., :2], t), r"estimated must be \(N, K, 3\)"),
        (lambda e, t: (e, t[0]), r"truth must be \(N, K, 3\)"),
        (lambda e, t: (e.astype(int), t), "floats"),
        (lambda e, t: (e, np.where(t == 1, 0.5, t)), "0 or 1"),
        (lambda e, t: (np.where([0, 0, 1], np.float32(1), e), t), "without finite coordinates"),
        (lambda e, t: (e, t * [1, 1, 0]), "no keypoint counts"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_wrong_arrays_are_rejected(change, message):
    with pytest.raises(ValueError, match=message):
        keypoint_error_curve(*change(*make(4, 18)), anchors(20))


def test_thresholds_must_be_one_dimensional():
    for wrong in (np.zeros((2, 2)), np.zeros(0)):
        with pytest.raises(ValueError, match="thresholds"):
            keypoint_error_curve(*make(4, 18), wrong)


def test_anchors_are_twenty_equal_steps_without_zero():
    steps = anchors(30)
    assert len(steps) == 20
    assert steps[0] == 1.5
    assert steps[-1] == 30
    with pytest.raises(ValueError, match="positive"):
        anchors(0)


@pytest.mark.parametrize(
    ("distances", "reach"),
    [
        (np.full(10, 3.9), 4),
        (np.full(10, 4.0), 6),  # strictly below
        (np.r_[np.full(3, 1.0), 99], 2),  # one of four may be larger
        (np.r_[np.full(5, 1.0), 7.5, 99, 99], 8),
        (np.r_[np.full(74, 1.0), np.full(26, 9.0)], 10),
        (np.array([0.0]), 2),
    ],
)
def test_reach_is_the_smallest_even_number_above_three_of_four(distances, reach):
    assert anchor_reach(distances) == reach
    assert (distances < reach).mean() >= 0.75
    assert reach == 2 or (distances < reach - 2).mean() < 0.75
    with pytest.raises(ValueError, match="no keypoint"):
        anchor_reach(distances[:0])


def test_distances_are_of_counted_and_found_keypoints():
    estimated, truth = make(6, 18)
    expected = [
        math.dist(e[:2], t[:2])
        for e, t in zip(estimated.reshape(-1, 3), truth.reshape(-1, 3), strict=True)
        if e[2] and t[2]
    ]
    np.testing.assert_allclose(found_distances(estimated, truth), expected, rtol=1e-12)
