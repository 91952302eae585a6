"""Algorithm 1: which step updates which networks, on which batch, and with which losses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from drn.hyperparameters import SMALL, Hyperparameters
from drn.learner import AdversarialLearner
from drn.network import DetailReplenishingNetwork
from drn.views import DRNGenerator, FaceGenerator
from fhpt_bench.networks.vgg import VGG16Maps
from fhpt_bench.training.distributed import make_accelerator
from fhpt_bench.training.generator_learner import Inputs
from fhpt_bench.training.pairs import TrainingBatch
from fhpt_bench.training.views import TrainableGenerator, people_of

TINY = replace(
    SMALL, width=2, transfer_blocks=1, detail_blocks=1, style=4, hidden=4, discriminator_width=2, batch_size=2,
    iterations=10, fixed_iterations=5, discriminator_steps=3, half_size_iterations=0, mixed_precision="no",
)  # fmt: skip
SIZE = (64, 48)


class Stream:
    """Batches of noise, a different one at each call; `position` counts them."""

    def __init__(self, size: int = 2) -> None:
        self.position, self.size = 0, size

    def next_batch(self) -> TrainingBatch:
        self.position += 1
        return batch(self.position, self.size)

    def state_dict(self) -> dict[str, Any]:
        return {"position": self.position}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.position = state["position"]


def batch(seed: int, size: int = 2) -> TrainingBatch:
    rng = torch.Generator().manual_seed(seed)
    images = [torch.randint(0, 256, (size, 3, *SIZE), generator=rng, dtype=torch.uint8) for _ in range(2)]
    poses = [torch.rand((size, 18, 2), generator=rng) * 40 for _ in range(2)]
    faces = [torch.rand((size, 68, 2), generator=rng) * 20 + 10 for _ in range(2)]
    return TrainingBatch(*images, *poses, *faces, index=torch.arange(size))


@pytest.fixture(autouse=True)
def random_vgg(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights in VGG16's shapes: which step changes which network does not depend on them."""
    torch.manual_seed(0)
    layers = torch.nn.ModuleDict({"features": VGG16Maps.layers()[:16]}).state_dict()
    monkeypatch.setattr("fhpt_bench.training.losses.store.load", lambda name: layers)


@pytest.fixture(autouse=True)
def keep_random_state() -> Iterator[None]:
    with torch.random.fork_rng():
        yield


def inputs(size: int = 2) -> Inputs:
    return Inputs(Stream(size), batch(0), make_accelerator("cpu"), 0)


def make(
    hparams: Hyperparameters = TINY, alternate: bool = True, detail: bool = True, **options: Any
) -> AdversarialLearner:
    torch.manual_seed(1)
    generator = DRNGenerator(DetailReplenishingNetwork(hparams, detail))
    return AdversarialLearner(generator, hparams, inputs(hparams.batch_size), alternate, **options)


def parts(learner: AdversarialLearner) -> dict[str, torch.Tensor]:
    state = learner.state
    rows = {f"network.{k}": v.clone() for k, v in state["network"].state_dict().items()}
    return rows | {f"critics.{k}": v.clone() for k, v in state["critics"].state_dict().items()}


def changed_parts(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {".".join(name.split(".")[:2]) for name in before if not torch.equal(before[name], after[name])}


def test_an_iteration_changes_both_branches_and_both_discriminators() -> None:
    learner = make()
    before = parts(learner)
    losses = learner.advance(1)
    assert changed_parts(before, parts(learner)) == {
        "network.transfer", "network.detail", "critics.appearance", "critics.shape"
    }  # fmt: skip
    assert set(losses) == {
        "coarse_reconstruction", "coarse_perceptual", "reconstruction", "perceptual", "style", "gan", "discriminators"
    }  # fmt: skip
    assert all(np.isfinite(float(value)) for value in losses.values())


def test_the_coarse_step_has_no_adversarial_loss_and_changes_only_the_transfer_branch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learner = make()
    before = parts(learner)

    def forbidden(*_: Any) -> None:
        raise AssertionError("a discriminator was called")

    monkeypatch.setattr(learner, "_discriminate", forbidden)
    with pytest.raises(AssertionError, match="a discriminator was called"):
        learner.advance(1)  # the full step calls it first
    assert changed_parts(before, parts(learner)) == {"network.transfer"}
    assert all(p.grad is None for p in learner.state["critics"].parameters())


def test_the_full_step_reaches_the_transfer_branch_through_the_guidance_map() -> None:
    learner = make()
    view = learner.next_view(False)
    network = learner.state["network"]
    stages = network(*view.inputs)
    # The loss depends only on R_t, so all gradients of G_P come through F_t.
    stages.residual.square().mean().backward()
    gradients = [p.grad for p in network.transfer.blocks.parameters() if p.grad is not None]
    assert sum(float(g.abs().sum()) for g in gradients) > 0
    assert all(p.grad is None or not p.grad.any() for p in network.transfer.decoder.parameters())


def test_discriminator_steps_use_new_batches_and_do_not_change_the_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = make()
    seen: list[float] = []
    original = learner._critic
    kept: list[dict[str, torch.Tensor]] = []

    def watched(target: torch.Tensor, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        seen.append(float(target.sum()))
        kept.append(parts(learner))
        return original(target, *inputs)

    monkeypatch.setattr(learner, "_critic", watched)
    start = parts(learner)
    learner.advance(1)
    # The generator's step did not change the discriminators.
    assert changed_parts(start, kept[0]) == {"network.transfer", "network.detail"}
    assert learner.state["stream"].position == 1 + TINY.discriminator_steps
    assert len(set(seen)) == len(seen) == TINY.discriminator_steps
    assert changed_parts(kept[0], parts(learner)) == {"critics.appearance", "critics.shape"}


def test_the_perceptual_network_stays_frozen() -> None:
    learner = make()
    before = {k: v.clone() for k, v in learner.perceptual.state_dict().items()}
    learner.advance(1)
    assert all(torch.equal(before[k], v) for k, v in learner.perceptual.state_dict().items())


def test_end2end_has_no_coarse_step_and_pb_only_no_detail_branch() -> None:
    assert not any(name.startswith("coarse") for name in make(alternate=False).advance(1))
    alone = make(alternate=False, detail=False)
    before = parts(alone)
    alone.advance(1)
    assert changed_parts(before, parts(alone)) == {"network.transfer", "critics.appearance", "critics.shape"}


def test_without_adversarial_terms_only_the_terms_of_l1_remain() -> None:
    learner = make(adversarial=False)
    assert set(learner.advance(1)) == {"coarse_reconstruction", "coarse_perceptual", "reconstruction", "perceptual"}
    assert learner.state["stream"].position == 1


def test_gradients_are_clipped_only_if_a_limit_is_given() -> None:
    norms = []
    for clip in (0.0, 1e-3):
        learner = make(replace(TINY, gradient_clip=clip))
        learner.advance(1)
        gradients = [p.grad.flatten() for p in learner.state["network"].parameters() if p.grad is not None]
        norms.append(float(torch.cat(gradients).norm()))
    assert norms[0] > 0.1
    # torch divides by the norm plus 1e-6: a relative error of at most 1e-5.
    assert norms[1] == pytest.approx(1e-3, rel=1e-4)


def test_the_learning_rate_is_fixed_and_then_falls_to_zero() -> None:
    learner = make(replace(TINY, discriminator_steps=1))
    rates = []
    for number in range(1, TINY.iterations + 1):
        rates.append(learner.critic_optimiser.param_groups[0]["lr"])
        learner.advance(number)
    assert rates[: TINY.fixed_iterations] == [TINY.learning_rate] * TINY.fixed_iterations
    falling = rates[TINY.fixed_iterations :]
    steps = np.diff(falling)
    assert (steps < 0).all()
    np.testing.assert_allclose(steps, steps[0])
    assert learner.critic_optimiser.param_groups[0]["lr"] == 0


def test_the_first_phase_uses_half_the_image_size() -> None:
    learner = make(replace(TINY, half_size_iterations=1))
    assert learner.next_view(True).target.shape[2:] == (SIZE[0] // 2, SIZE[1] // 2)
    full = learner.next_view(False)
    assert full.target.shape[2:] == SIZE
    half = learner.generator.view(people_of(batch(3), torch.device("cpu")), True)
    whole = learner.generator.view(people_of(batch(3), torch.device("cpu")), False)
    # The joints keep their relative position in the image.
    peaks = [maps.flatten(2).argmax(2) for maps in (half.inputs[1], whole.inputs[1])]
    x_half, x_whole = (
        peak % maps.shape[3] for peak, maps in zip(peaks, (half.inputs[1], whole.inputs[1]), strict=True)
    )
    assert (x_half * 2 + 0.5 - x_whole).abs().max() <= 1


def test_a_learner_resumes_from_its_state() -> None:
    one = make()
    for number in (1, 2):
        torch.manual_seed(number)
        one.advance(number)
    other = make()
    torch.manual_seed(1)
    other.advance(1)
    kept = {name: part.state_dict() for name, part in other.state.items()}
    third = make()
    for name, part in third.state.items():
        part.load_state_dict(kept[name])
    torch.manual_seed(2)
    third.advance(2)
    assert changed_parts(parts(one), parts(third)) == set()


def test_the_face_module_is_trained_with_the_sketch_as_its_shape_condition() -> None:
    from drn.face import FaceModule

    generator: TrainableGenerator = FaceGenerator(FaceModule(2, 4, 4))
    learner = AdversarialLearner(generator, TINY, inputs())
    losses = learner.advance(1)
    assert "coarse_reconstruction" not in losses
    assert learner.samples().ndim == 3


def test_augmentation_depends_only_on_the_number_of_the_batch() -> None:
    first, second = make(), make()
    torch.manual_seed(5)
    a = first.next_view(False)
    torch.manual_seed(6)
    b = second.next_view(False)
    assert torch.equal(a.target, b.target)
    second.state["stream"].position -= 1  # the same pairs again
    assert torch.equal(second.next_view(False).target, b.target)
