import numpy as np
import pytest

from protocols.semantic.verification import equal_error, verification_auc


@pytest.fixture(params=[(1, 1), (1, 9), (40, 7), (60, 300)])
def distances(request):
    """Two overlapping samples, rounded so that ties occur within and between them."""
    rng = np.random.default_rng(request.param[0])
    return tuple(np.round(rng.normal(m, 0.2, n), 2) for m, n in zip((0.4, 0.7), request.param, strict=True))


def test_auc_equals_counting(distances):
    genuine, impostor = distances
    counted = sum((g < i) + 0.5 * (g == i) for g in genuine for i in impostor) / (len(genuine) * len(impostor))
    assert verification_auc(genuine, impostor) == pytest.approx(counted, abs=1e-12)
    assert verification_auc(impostor, genuine) == pytest.approx(1 - counted, abs=1e-12)


def test_auc_of_lost_faces():
    assert verification_auc(np.array([0.1, np.inf]), np.array([0.5, 0.6])) == 0.5


def errors(genuine, impostor, threshold):
    return sum(i < threshold for i in impostor) / len(impostor), sum(g >= threshold for g in genuine) / len(genuine)


def test_no_threshold_has_more_equal_errors(distances):
    found = equal_error(*distances)
    accepted, rejected = errors(*distances, found.threshold)
    assert found.rate == pytest.approx((accepted + rejected) / 2, abs=1e-12)
    for threshold in np.linspace(-1, 2, 3001):
        a, r = errors(*distances, threshold)
        assert abs(accepted - rejected) <= abs(a - r) + 1e-12


def test_the_threshold_is_midway_if_the_samples_are_separable():
    found = equal_error(np.array([0.1, 0.2]), np.array([0.6, 0.9, 0.7]))
    assert (found.threshold, found.rate) == (pytest.approx(0.4), 0)


def test_threshold_scales_with_the_distances(distances):
    genuine, impostor = distances
    found, scaled = equal_error(genuine, impostor), equal_error(genuine * 4, impostor * 4)
    assert (scaled.threshold, scaled.rate) == (pytest.approx(found.threshold * 4), found.rate)


@pytest.mark.parametrize("function", [verification_auc, equal_error])
@pytest.mark.parametrize("wrong", [np.array([]), np.array([0.5, np.nan])])
def test_wrong_distances_are_rejected(function, wrong):
    for pair in ((wrong, np.array([1.0])), (np.array([1.0]), wrong)):
        with pytest.raises(ValueError, match="must have at least one distance"):
            function(*pair)
