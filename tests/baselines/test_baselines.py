"""The three baseline models without training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from baselines.copy_source import CopySource
from baselines.real import Real
from baselines.warp import Warp, border_median, sampling_grid
from fhpt_bench.data.real_images import quantise
from fhpt_bench.model import PairBatch

# A standing person in a 176x256 image, with the hands next to the hips.
POSE = np.array(
    [[88, 40], [88, 65], [68, 67], [60, 100], [56, 130], [108, 67], [116, 100], [120, 130], [76, 135], [76, 185],
     [76, 235], [100, 135], [100, 185], [100, 235], [84, 36], [92, 36], [79, 39], [97, 39]], float
)  # fmt: skip


def batch(source_pose: np.ndarray, target_pose: np.ndarray) -> PairBatch:
    images = torch.rand((1, 3, 256, 176), generator=torch.Generator().manual_seed(0)) * 2 - 1
    poses = (torch.from_numpy(pose).float()[None] for pose in (source_pose, target_pose))
    return PairBatch(("0",), images, *poses)


def test_copy_source_and_real_are_exact_to_the_last_bit() -> None:
    values = torch.arange(256).float().reshape(1, 1, 1, 256).expand(1, 3, 1, 256) / 127.5 - 1
    given = replace(batch(POSE, POSE), source=values)
    assert (quantise(CopySource().generate(given))[0, 0, :, 0] == np.arange(256)).all()
    assert (quantise(Real().reveal(given, values))[0, 0, :, 2] == np.arange(256)).all()
    with pytest.raises(TypeError, match="oracle"):
        Real().generate(given)


def test_same_pose_leaves_the_body_where_it_is() -> None:
    grid = sampling_grid(POSE, POSE, (256, 176))
    shown = np.isfinite(grid).all(-1)
    rows, columns = np.nonzero(shown)
    positions = (grid[shown] + 1) / 2 * [176, 256]
    np.testing.assert_allclose(positions, np.stack([columns, rows], 1) + 0.5, atol=1e-3)
    assert all(shown[int(y), int(x)] for x, y in POSE)
    assert 0.15 < shown.mean() < 0.6


def test_a_moved_person_is_taken_from_where_it_was() -> None:
    given = batch(POSE, POSE + np.array([9, -5]))
    generated = Warp().generate(given)
    assert generated.shape == given.source.shape
    assert torch.allclose(generated[0, :, 85, 97], given.source[0, :, 90, 88], atol=1e-4)  # the chest
    assert torch.equal(generated[0, :, 0, 0], border_median(given.source)[0])


def test_arm_follows_its_joints() -> None:
    raised = POSE.copy()
    raised[[3, 4]] = [[40, 50], [30, 20]]
    grid = sampling_grid(POSE, raised, (256, 176))
    wrist = (grid[20, 30] + 1) / 2 * [176, 256]
    assert np.abs(wrist - POSE[4]).max() < 3


@pytest.mark.parametrize("missing", [[4, 7], [8, 11], list(range(8, 14)), [0, 14, 15, 16, 17], [2], [1]])
def test_missing_joints_are_replaced_by_estimates(missing: list[int]) -> None:
    holes = POSE.copy()
    holes[missing] = np.nan
    for source, target in ((POSE, holes), (holes, POSE), (holes, holes)):
        generated = Warp().generate(batch(source, target))
        assert torch.isfinite(generated).all()
        differs = (generated - generated[:, :, :1, :1]).abs().amax((0, 1)) > 0.05
        assert differs.float().mean() > 0.1  # not only background


def test_a_missing_target_pose_gives_the_background() -> None:
    given = batch(POSE, np.full((18, 2), np.nan))
    assert torch.equal(Warp().generate(given)[0], border_median(given.source)[0][:, None, None].expand(3, 256, 176))


def test_result_does_not_depend_on_the_others_in_the_batch() -> None:
    a, b = batch(POSE, POSE + 3), batch(POSE, POSE[:, ::-1].copy())
    both = PairBatch(
        ("0", "1"), torch.cat([a.source, b.source]), torch.cat([a.source_pose, b.source_pose]),
        torch.cat([a.target_pose, b.target_pose]),
    )  # fmt: skip
    together = Warp().generate(both)
    assert torch.allclose(together[0], Warp().generate(a)[0], atol=1e-6)
    assert torch.allclose(together[1], Warp().generate(b)[0], atol=1e-6)
