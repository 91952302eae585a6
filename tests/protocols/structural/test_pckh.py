"""PCKh, compared with a loop with the steps of PATN's tool, on its lists with -1 for missing joints."""

import numpy as np
import pytest

from protocols.structural import pckh
from protocols.structural.pckh import pckh_hits


def as_the_tool_does(estimated, truth):
    """Number of correct joints and of all joints over all images; both coordinates of a missing joint are -1."""
    right = total = 0
    for (px, py), (tx, ty) in zip(estimated, truth, strict=True):
        head = [(tx[i], ty[i]) for i in (0, 1, 14, 15, 16, 17) if tx[i] != -1 and ty[i] != -1]
        if len(head) < 2:
            continue
        (left, top), (r, bottom) = np.min(head, 0), np.max(head, 0)
        width, height = r - left, bottom - top
        total += sum(y != -1 for y in ty)
        for i in range(18):
            if -1 not in (px[i], py[i], tx[i], ty[i]):
                right += abs(px[i] - tx[i]) < width * 0.5 and abs(py[i] - ty[i]) < height * 0.5
    return right, total


def make(n, seed, missing):
    rng = np.random.default_rng(seed)
    truth = np.concatenate([rng.integers(30, 90, (n, 18, 2)), rng.random((n, 18, 1)) >= missing], -1).astype(float)
    estimated = truth + [1, 1, 0] * rng.integers(-20, 21, (n, 18, 3))
    estimated[..., 2] = rng.random((n, 18)) < 0.8
    estimated[estimated[..., 2] == 0, :2] = np.nan
    return estimated, truth


def listed(points):
    return np.where(points[..., 2:] == 1, points[..., :2], -1).transpose(0, 2, 1).tolist()


@pytest.mark.parametrize("missing", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_tool(seed, missing):
    estimated, truth = make(50, seed, missing)
    right, total = as_the_tool_does(listed(estimated), listed(truth))
    ours = pckh_hits(estimated, truth)
    assert (int(ours[0].sum()), int(ours[1].sum())) == (right, total)
    assert pckh(estimated, truth) == right / total


def test_exactly_half_the_box_is_wrong_and_both_axes_count():
    truth = np.zeros((1, 18, 3))
    truth[0, :2] = [[0, 0, 1], [10, 20, 1]]
    for offset, right in (((4.9, 9.9), 2), ((5, 0), 0), ((0, 10), 0)):
        estimated = truth + np.array([*offset, 0])
        assert pckh_hits(estimated, truth)[0].tolist() == [right]


def test_images_with_one_head_joint_are_excluded():
    truth = np.ones((2, 18, 3)) * [3, 3, 1]
    truth[0, [0, 1, 14, 15, 16], 2] = 0
    truth[1, 0, :2] = 9
    right, counts = pckh_hits(truth, truth)
    assert counts.tolist() == [0, 18]
    assert right.tolist() == [0, 18]
    with pytest.raises(ValueError, match="two head joints"):
        pckh(truth[:1], truth[:1])


def test_order_does_not_matter_and_swapping_does():
    estimated, truth = make(20, 3, 0.3)
    assert pckh(estimated[::-1], truth[::-1]) == pckh(estimated, truth)
    assert pckh(truth, estimated) != pckh(estimated, truth)


def test_wrong_arrays_are_rejected():
    with pytest.raises(ValueError, match="18 COCO joints"):
        pckh(np.zeros((1, 21, 3)), np.zeros((1, 21, 3)))
    with pytest.raises(ValueError, match="differ in shape"):
        pckh(np.zeros((1, 18, 3)), np.zeros((2, 18, 3)))
