"""DSC's training step by step, its inputs, and the pairs that it leaves out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from baselines.dsc.hyperparameters import CPU, PAPER, SMALL
from baselines.dsc.learner import DSCGenerator, DSCLearner
from baselines.dsc.losses import nearest_neighbour_loss
from baselines.dsc.recipe import DSCRecipe
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.training.distributed import make_accelerator
from fhpt_bench.training.generator_learner import Inputs
from fhpt_bench.training.train import train
from fhpt_bench.training.views import people_of

TINY = replace(
    SMALL, width=2, levels=4, discriminator_width=2, batch_size=2, iterations=10, fixed_iterations=10,
    half_size_iterations=0, mixed_precision="no", dropout=0.0,
)  # fmt: skip
pytestmark = pytest.mark.usefixtures("random_vgg", "keep_random_state")


def make(stream: Any, held_out: Any, adversarial: bool = True, **changes: Any) -> DSCLearner:
    torch.manual_seed(1)
    inputs = Inputs(stream, held_out, make_accelerator("cpu"), 0)
    return DSCLearner(replace(TINY, **changes), inputs, adversarial)


def parts(learner: DSCLearner) -> dict[str, Tensor]:
    state = learner.state
    return {f"{top}.{k}": v.clone() for top in ("network", "critics") for k, v in state[top].state_dict().items()}


def changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}


def test_an_iteration_steps_the_discriminator_on_its_own_batches_and_then_the_generator(
    stream: Any, held_out: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = make(stream, held_out, discriminator_steps=2)
    seen = [parts(learner)]
    original = learner._generation

    def watched(*inputs: Tensor) -> tuple[Tensor, ...]:
        seen.append(parts(learner))
        return original(*inputs)

    monkeypatch.setattr(learner, "_generation", watched)
    losses = learner.advance(1)
    assert changed(seen[0], seen[1]) == {"critics"}
    assert changed(seen[1], parts(learner)) == {"network"}
    assert set(losses) == {"discriminator", "nearest_neighbour", "gan"}
    assert all(np.isfinite(float(value)) for value in losses.values())
    assert stream.position == 3
    assert learner.images_per_unit == 6


def test_the_generators_loss_is_the_weighted_sum(stream: Any, held_out: Any) -> None:
    learner = make(stream, held_out)
    view = learner.next_view(False)
    nearest, gan = learner._generator_pass(view.target, *view.inputs)
    found = [p.grad.clone() for p in learner.network.parameters() if p.grad is not None]
    assert all(p.grad is None for p in learner.critics.parameters())
    learner.critics.requires_grad_(False)
    image = learner.generator.generate(view)
    maps = [learner.perceptual(part)[0] * TINY.feature_scale for part in (image, view.target)]
    source, source_maps, target_maps = view.inputs[:3]
    logits = learner.critics["quadruple"](source, source_maps, image, target_maps)
    expected = (nearest_neighbour_loss(*maps, TINY.window), -torch.nn.functional.logsigmoid(logits).mean())
    torch.testing.assert_close((nearest, gan), expected)
    learner.network.zero_grad()
    (0.01 * expected[0] + expected[1]).backward()
    trained = [p for p in learner.network.parameters() if p.grad is not None]
    for parameter, gradient in zip(trained, found, strict=True):
        torch.testing.assert_close(gradient, parameter.grad)


def test_without_a_discriminator_only_the_nearest_neighbour_loss_is_left(stream: Any, held_out: Any) -> None:
    learner = make(stream, held_out, adversarial=False)
    before = parts(learner)
    assert set(learner.advance(1)) == {"nearest_neighbour"}
    assert changed(before, parts(learner)) == {"network"}
    assert stream.position == 1


def test_at_half_the_size_transforms_and_maps_are_those_of_the_smaller_image(held_out: Any) -> None:
    generator, people = DSCGenerator(TINY), people_of(held_out, torch.device("cpu"))
    whole, half = generator.view(people, half=False), generator.view(people, half=True)
    transforms, smaller = whole.inputs[3], half.inputs[3]
    shown = smaller.abs().sum((2, 3)) > 0
    assert shown.any()
    torch.testing.assert_close(smaller[..., :2], transforms[..., :2])
    torch.testing.assert_close(smaller[..., 2], transforms[..., 2] / 2, rtol=1e-4, atol=1e-3)
    assert half.inputs[1].shape[2:] == half.inputs[4].shape[2:] == (32, 24)
    # A Gaussian of half the width over half of the pixels in each direction has a quarter of the sum.
    inside = (people.source_pose > 12).all(-1) & (people.source_pose < 36).all(-1)
    sums, quarter = (view.inputs[1].sum((2, 3))[inside] for view in (whole, half))
    torch.testing.assert_close(quarter * 4, sums, rtol=0.1, atol=1.0)


def test_pairs_without_hips_or_shoulders_are_left_out_and_counted(small_people: Path, tiny_recipes: str) -> None:
    plan = train(f"{tiny_recipes}:Dsc", str(small_people), device="cpu", dry_run=True)
    benchmark = load_benchmark(str(small_people))
    assert plan["test pairs without hips or shoulders"].endswith(f" of {len(benchmark.pairs):,}")
    studio, recipe = load_benchmark("studio"), DSCRecipe()
    counts = {
        completes: recipe.remarks(replace(SMALL, completes_torso=completes), studio) for completes in (True, False)
    }
    # By hand: hips and shoulders are joints 8, 11, 2 and 5.
    lacking = sum(
        any(np.isnan(studio.poses[name][[8, 11, 2, 5]]).any() for name in (pair.source, pair.target))
        for pair in studio.pairs
    )
    assert counts[False] == {"test pairs without hips or shoulders": f"{lacking} of 800"}
    assert counts[True] == {"test pairs without hips or shoulders": "40 of 800"}


def test_the_recipe_keeps_the_pairs_with_hips_and_shoulders() -> None:
    pose = np.zeros((3, 18, 2), np.float32)
    pose[1, 8] = pose[2, :] = np.nan

    class Pairs:
        pass

    pairs: Any = Pairs()
    pairs.pose, pairs.source, pairs.target = pose, np.array([0, 0, 1, 2, 0]), np.array([0, 1, 0, 0, 0])
    index = np.array([0, 1, 2, 3])  # the last pair was not asked for
    assert DSCRecipe().usable(PAPER, pairs, index).tolist() == [0]


def test_the_presets_have_the_published_values() -> None:
    assert (PAPER.width, PAPER.levels, PAPER.dropout, PAPER.batch_size) == (64, 7, 0.5, 2)
    assert (PAPER.nearest_neighbour_weight, PAPER.adversarial_weight, PAPER.window) == (0.01, 1, 5)
    assert (PAPER.learning_rate, PAPER.betas, PAPER.perceptual_network) == (2e-4, (0.5, 0.999), "vgg19")
    assert PAPER.fixed_iterations == PAPER.iterations == 90 * 1000
    assert not PAPER.completes_torso
    for preset in (SMALL, CPU):
        assert (preset.levels, preset.nearest_neighbour_weight, preset.recolour) == (7, 0.01, False)
        assert preset.fixed_iterations == preset.iterations
