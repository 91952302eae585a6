"""Sums over maps, all images together as on a GPU: the values of one image at a time, which a CPU computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fhpt_bench.data.real_images import to_device
from fhpt_bench.networks import convolutions, vgg
from fhpt_bench.networks.vgg import VGG16Pooled
from protocols.perceptual.lpips import map_distance, spatial_distance

SHAPES = ((3, 5, 17, 13), (3, 64, 8, 6), (3, 128, 1, 1))


def maps(seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    made = [torch.randn(shape, generator=generator).relu() for shape in SHAPES]
    return [made[0], made[1].contiguous(memory_format=torch.channels_last), made[2]]


@pytest.fixture
def heads() -> list[torch.Tensor]:
    return [torch.rand((1, shape[1], 1, 1), generator=torch.Generator().manual_seed(9)) for shape in SHAPES]


def test_distances(heads: list[torch.Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = maps(0), maps(1)
    one_by_one = map_distance(a, b, heads), spatial_distance(a, b, heads, (35, 27))
    calls: list[int] = []
    monkeypatch.setattr(convolutions, "separate", lambda count, device: calls.append(count) or [slice(None)])
    together = map_distance(a, b, heads), spatial_distance(a, b, heads, (35, 27))
    assert calls == [3] * 6
    for ours, other, shape in zip(together, one_by_one, ((3,), (3, 35, 27)), strict=True):
        assert ours.shape == other.shape == shape
        assert float(other.min()) >= 0 < float(other.max())
        torch.testing.assert_close(ours, other, rtol=1e-5, atol=1e-7)
    # An independent formula: equation 1 of the paper in float64.
    expected = torch.zeros(3, dtype=torch.float64)
    for x, y, head in zip(a, b, heads, strict=True):
        units = [one.double() / (one.double().norm(dim=1, keepdim=True) + 1e-10) for one in (x, y)]
        expected += ((units[0] - units[1]).square() * head).sum(1).mean((1, 2))
    for ours in (together[0], one_by_one[0]):
        torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-7)


def test_means(monkeypatch: pytest.MonkeyPatch) -> None:
    levels = tuple(torch.rand((2, channels, 7, 5)) for channels in (64, 128, 256, 512, 512))
    one_by_one = VGG16Pooled.summary(levels)
    monkeypatch.setattr(vgg, "separate", lambda count, device: [slice(None)])
    together = VGG16Pooled.summary(levels)
    assert together.shape == one_by_one.shape == (2, 1472)
    np.testing.assert_allclose(together, one_by_one, rtol=1e-6)
    np.testing.assert_allclose(together, np.hstack([one.double().mean((2, 3)).numpy() for one in levels]), rtol=1e-6)


def test_tensors_of_a_cpu_stay_there() -> None:
    tensor = torch.arange(3.0)
    assert to_device(tensor, "cpu") is tensor


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU")
def test_distances_on_a_gpu(heads: list[torch.Tensor]) -> None:
    on_gpu = [[to_device(one, "cuda") for one in many] for many in (maps(0), maps(1), heads)]
    for ours, other in (
        (map_distance(*on_gpu), map_distance(maps(0), maps(1), heads)),
        (spatial_distance(*on_gpu, (35, 27)), spatial_distance(maps(0), maps(1), heads, (35, 27))),
    ):
        torch.testing.assert_close(ours.cpu(), other, rtol=1e-5, atol=1e-6)
