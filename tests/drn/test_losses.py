"""The style loss compared with eq. 8, written as sums."""

from __future__ import annotations

import torch
from torch import Tensor

from drn.losses import style_loss
from fhpt_bench.training.losses import gram


def maps(seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(size, generator=generator) for size in ((2, 3, 4, 5), (2, 4, 2, 2))]


def test_style_loss_is_the_mean_over_images_of_the_sum_over_layers() -> None:
    generated, target = maps(0), maps(1)
    expected = torch.tensor(0.0)
    for a, b in zip(generated, target, strict=True):
        channels = a.shape[1]
        for image in range(2):
            difference = gram(a)[image] - gram(b)[image]
            expected += difference.abs().sum() / channels / 2
    torch.testing.assert_close(style_loss(generated, target), expected)
    assert style_loss(target, target) == 0


def test_the_style_loss_of_bfloat16_is_float32_and_nearly_the_same() -> None:
    generated, target = maps(0), maps(1)
    halved = style_loss([m.bfloat16() for m in generated], [m.bfloat16() for m in target])
    assert halved.dtype == torch.float32
    torch.testing.assert_close(halved, style_loss(generated, target), rtol=0.02, atol=0)
