"""The mask of a pose, compared with its definition pixel by pixel, and the two metrics that use it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from fhpt_bench.protocol import Evidence, ImagePairs
from protocols.perceptual import ssim
from protocols.perceptual.inception_score import MaskInceptionScore, inception_score
from protocols.perceptual.mask_ssim import MaskSSIM, mask_ssim
from protocols.perceptual.pose_mask import POSE_MASK, pose_mask

# As Siarohin et al. count joints, from 1.
LIMBS = [
    [2, 3], [2, 6], [3, 4], [4, 5], [6, 7], [7, 8], [2, 9], [9, 10], [10, 11], [2, 12], [12, 13], [13, 14], [2, 1],
    [1, 15], [15, 17], [1, 16], [16, 18], [2, 17], [2, 18], [9, 12], [12, 6], [9, 3], [17, 18],
]  # fmt: skip


def crossings(corners, row, column):
    """How many edges of a polygon are to the right of a pixel."""
    count = 0
    for i in range(len(corners)):
        (y, x), (other_y, other_x) = corners[i], corners[i - 1]
        if (y <= row < other_y or other_y <= row < y) and column < (other_x - x) * (row - y) / (other_y - y) + x:
            count += 1
    return count


def by_definition(pose, size):
    points = pose[:, ::-1].astype(float)
    drawn = np.zeros(size, bool)
    for first, second in LIMBS:
        start, end = points[first - 1], points[second - 1]
        if np.isnan([start, end]).any() or (start == end).all():
            continue
        along = start - end
        across = 4 * np.array([-along[1], along[0]]) / np.linalg.norm(along)
        corners = [start + across, start - across, end - across, end + across]
        for row, column in np.ndindex(size):
            drawn[row, column] |= crossings(corners, row, column) % 2 == 1
    for row, column in np.ndindex(size):
        distances = (points[:, 0] - row) ** 2 + (points[:, 1] - column) ** 2
        drawn[row, column] |= bool((distances < 16).any())
    return closed(drawn)


def closed(drawn):
    def over_squares(mask, choose):
        rows, columns = mask.shape
        return np.array(
            [[choose(mask[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]) for x in range(columns)] for y in range(rows)]
        )

    return over_squares(over_squares(drawn, np.any), np.all)


def random_pose(seed, size, whole):
    rng = np.random.default_rng(seed)
    pose = rng.uniform(0, 1, (18, 2)) * (size[1], size[0])
    pose = pose.round() if whole else pose
    pose[rng.random(18) < 0.2] = np.nan
    return pose.astype(np.float32)


@pytest.mark.parametrize(("size", "whole"), [((64, 32), True), ((64, 32), False), ((33, 47), True), ((5, 7), True)])
def test_equals_the_definition(size, whole):
    for seed in range(2):
        pose = random_pose(seed, size, whole)
        assert np.array_equal(pose_mask(pose, size), by_definition(pose, size))


def test_an_upright_limb_has_no_right_edge():
    """It has one in scikit-image 0.26, and none in 0.14.2, whose masks the tools had."""
    pose = np.full((18, 2), np.nan)
    pose[[8, 9]] = [[20, 10], [20, 50]]
    inside = np.flatnonzero(pose_mask(pose, (64, 40))[30])
    assert inside.tolist() == list(range(16, 24))


def test_limbs_without_length_and_missing_joints():
    pose = np.full((18, 2), np.nan, np.float32)
    assert not pose_mask(pose, (128, 64)).any()
    pose[[2, 3]] = [30, 40]
    disc = pose_mask(pose, (128, 64))
    assert np.array_equal(disc, by_definition(pose, (128, 64)))
    assert disc[40, 33]
    assert not disc[40, 34]
    with pytest.raises(ValueError, match=r"pose must be \(18, 2\), not \(17, 2\)"):
        pose_mask(np.zeros((17, 2)), (128, 64))


@pytest.fixture
def evidence(trial):
    """A trial in which one target has no joint."""
    poses = dict(trial.benchmark.poses)
    target = trial.pairs[0].target
    poses[target] = np.full((18, 2), np.nan, np.float32)
    changed = dataclasses.replace(trial, benchmark=dataclasses.replace(trial.benchmark, poses=poses))
    return changed, {pair.id for pair in trial.pairs if pair.target == target}


def test_mask_ssim_is_ssim_of_masked_images(evidence):
    trial, without = evidence
    score = trial.score(MaskSSIM())["mask-ssim"]
    assert score.skipped == {"without a joint of the target": len(without)}
    assert score.n == len(trial.pairs) - len(without)
    values = {}
    for pair in trial.pairs:
        mask = pose_mask(trial.benchmark.poses[pair.target], trial.benchmark.image_size)[..., None]
        images = [(image * mask)[None, ::2, ::2] for image in (trial.generated[pair.id], trial.real[pair.target])]
        values[pair.id] = ssim(*images, "market")[0]
    for pair, value in score.per_pair["value"].items():
        assert np.isnan(value) if pair in without else value == pytest.approx(values[pair], abs=1e-12)
    assert score.value == pytest.approx(np.mean([value for pair, value in values.items() if pair not in without]))


def test_the_function_is_the_protocol(trial):
    pairs, size = trial.pairs[:3], trial.benchmark.image_size
    generated, target = (
        np.stack(images) for images in zip(*((trial.generated[p.id], trial.real[p.target]) for p in pairs), strict=True)
    )
    poses = np.stack([trial.benchmark.poses[pair.target] for pair in pairs])
    views = [POSE_MASK.show(images, trial.benchmark, [p.target for p in pairs]) for images in (generated, target)]
    assert views[0].shape == (3, *size, 3)
    expected = MaskSSIM().compare(ImagePairs(*views))["mask-ssim"].value
    assert np.array_equal(mask_ssim(generated, target, poses), expected)
    assert mask_ssim(generated, target, np.full_like(poses, np.nan)).tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match=r"poses must be \(3, 18, 2\), not \(2, 18, 2\)"):
        mask_ssim(generated, target, poses[:2])


def test_only_the_masked_part_counts(trial):
    """Another background changes nothing, and another person does."""
    target = trial.pairs[0].target
    inside = pose_mask(trial.benchmark.poses[target], trial.benchmark.image_size)[..., None]
    image = trial.real[target]
    views = [
        POSE_MASK.show(changed[None], trial.benchmark, [target])
        for changed in (image, np.where(inside, image, 255 - image), np.where(inside, 255 - image, image))
    ]
    assert np.array_equal(views[0], views[1])
    assert MaskSSIM().compare(ImagePairs(views[1], views[0]))["mask-ssim"].value[0] == pytest.approx(1)
    assert MaskSSIM().compare(ImagePairs(views[2], views[0]))["mask-ssim"].value[0] < 0.9


def test_mask_is_counts_images_with_a_mask(evidence):
    trial, without = evidence
    logits = np.random.default_rng(0).normal(0, 3, (len(trial.pairs), 2048 + 1008)).astype(np.float32)

    def vectors(feature, role):
        assert (feature, role) == ("inception-2015-tensorflow", "generated")
        return logits

    score, one_split = MaskInceptionScore().score(Evidence(trial.benchmark, {}, vectors))
    places = [i for i, pair in enumerate(trial.pairs) if pair.id not in without]
    order = sorted(places, key=lambda i: trial.pairs[i].id)
    assert score.value == pytest.approx(inception_score(logits[order, 2048:])[0], abs=1e-12)
    assert one_split.value == pytest.approx(inception_score(logits[order, 2048:], 1)[0], abs=1e-12)
    assert score.n == one_split.n == len(places)
    assert score.skipped == one_split.skipped == {"without a joint of the target": len(without)}
