"""Augmentation and half the size of training pairs: images and points move together."""

from __future__ import annotations

from dataclasses import replace

import torch

from fhpt_bench.training.pairs import TrainingBatch
from fhpt_bench.training.views import CHANCES, People, augmented, half_size, people_of, recolour

SIZE = (64, 48)


def batch(seed: int, size: int = 2) -> TrainingBatch:
    rng = torch.Generator().manual_seed(seed)
    images = [torch.randint(0, 256, (size, 3, *SIZE), generator=rng, dtype=torch.uint8) for _ in range(2)]
    poses = [torch.rand((size, 18, 2), generator=rng) * 40 for _ in range(2)]
    faces = [torch.rand((size, 68, 2), generator=rng) * 20 + 10 for _ in range(2)]
    return TrainingBatch(*images, *poses, *faces, index=torch.arange(size))


def test_source_and_target_are_mirrored_and_recoloured_together() -> None:
    given = people_of(batch(1), torch.device("cpu"))
    given = replace(given, target=given.source, target_pose=given.source_pose, target_face=given.source_face)
    result = augmented(given, torch.rand(2, CHANCES, generator=torch.Generator().manual_seed(0)), True, True)
    for name in ("", "_pose", "_face"):
        assert torch.equal(getattr(result, f"source{name}"), getattr(result, f"target{name}"))
    mirrored = augmented(given, torch.zeros(2, CHANCES), True, False)
    assert torch.equal(mirrored.source, given.source.flip(3))
    again: People = augmented(mirrored, torch.zeros(2, CHANCES), True, False)
    torch.testing.assert_close(again.source_pose, given.source_pose)
    torch.testing.assert_close(again.source_face, given.source_face)


def test_recolouring_keeps_greys_and_changes_hues() -> None:
    chance = torch.tensor([[0.0, 0.75, 0.5, 2 / 3]])  # hue turned by 90 degrees, saturation and brightness unchanged
    grey = torch.linspace(-1, 1, 12).reshape(1, 1, 3, 4).expand(1, 3, 3, 4)
    torch.testing.assert_close(recolour(grey, chance), grey, atol=2e-3, rtol=0)
    red = torch.tensor([0.5, -0.5, -0.5]).reshape(1, 3, 1, 1)
    assert (recolour(red, chance) - red).abs().max() > 0.2


def test_half_the_size_halves_images_and_points() -> None:
    given = people_of(batch(2), torch.device("cpu"))
    half = half_size(given)
    assert half.source.shape[2:] == (SIZE[0] // 2, SIZE[1] // 2)
    torch.testing.assert_close(half.target[:, :, 0, 0], given.target[:, :, :2, :2].mean((2, 3)))
    for name in ("source_pose", "target_pose", "source_face", "target_face"):
        assert torch.equal(getattr(half, name) * 2, getattr(given, name))


def test_parts_are_the_pairs_in_their_order() -> None:
    given = people_of(batch(2, size=3), torch.device("cpu"))
    parts = list(given.parts(2))
    assert [len(part.source) for part in parts] == [2, 1]
    assert torch.equal(torch.cat([part.target_face for part in parts]), given.target_face)
