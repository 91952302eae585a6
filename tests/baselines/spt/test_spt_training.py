"""SPT's three stages: which step changes which network, and with which losses."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import fhpt_bench as fb
from baselines.spt.hyperparameters import PAPER, SMALL, LossWeights
from baselines.spt.learner import SPTInputs, SPTLearner
from baselines.spt.losses import semantic_style_loss
from baselines.spt.parsing import parsing_loss
from baselines.spt.recipe import SPTRecipe
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.errors import UserError
from fhpt_bench.training.distributed import make_accelerator
from fhpt_bench.training.generator_learner import Inputs
from fhpt_bench.training.train import train

TINY = replace(
    SMALL, width=2, levels=4, semantic_width=2, semantic_levels=4, discriminator_width=2, detector_width=2,
    detector_blocks=1, face_side=32, batch_size=2, iterations=4, fixed_iterations=4, detector_iterations=1,
    semantic_iterations=1, coarse_iterations=1, fade_iterations=1, mixed_precision="no", dropout=0.0,
)  # fmt: skip
UNPAIRED = replace(TINY, loss=LossWeights())
pytestmark = pytest.mark.usefixtures("random_vgg", "keep_random_state")


def make(stream: Any, held_out: Any, hparams: Any = TINY, adversarial: bool = True) -> SPTLearner:
    torch.manual_seed(1)
    return SPTLearner(hparams, Inputs(stream, held_out, make_accelerator("cpu"), 0), adversarial)


def parts(learner: SPTLearner) -> dict[str, Tensor]:
    state = learner.state
    names = ("network", "critics", "detector")
    return {f"{top}.{k}": v.clone() for top in names for k, v in state[top].state_dict().items()}


def changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    names = (name for name in before if not torch.equal(before[name], after[name]))
    return {name if name.startswith("detector") else ".".join(name.split(".")[:2]) for name in names}


def test_each_stage_changes_its_own_networks(stream: Any, held_out: Any) -> None:
    for hparams, paired in ((TINY, {"reconstruction"}), (UNPAIRED, set())):
        learner = make(stream, held_out, hparams)
        seen, losses = [parts(learner)], []
        for number in range(1, 5):
            losses.append(learner.advance(number))
            seen.append(parts(learner))
        found = [changed(a, b) for a, b in pairwise(seen)]
        assert {name.partition(".")[0] for name in found[0]} == {"detector"}
        assert found[1] == {"network.semantic"}
        assert found[2] == found[3] == {"network.appearance", "critics.image", "critics.face"}
        assert [set(row) for row in losses[:2]] == [{"detector"}, {"parsing"}]
        terms = {"pose", "content", "style", "adversarial", "face", "discriminators", *paired}
        assert set(losses[2]) == set(losses[3]) == terms
        assert all(np.isfinite(float(value)) for row in losses for value in row.values())
        assert learner.phases == (1, 2, 3)
    assert stream.position == 8


def test_h_a_begins_with_the_coarse_image(stream: Any, held_out: Any) -> None:
    learner = make(stream, held_out)
    for number in (1, 2):
        learner.advance(number)
    before = parts(learner)
    learner.advance(3)  # at fade_in 0 the outer generator does not paint
    first = parts(learner)
    moved = {name for name in before if not torch.equal(before[name], first[name])}
    assert not any("fine" in name for name in moved)
    assert any("to_coarse" in name for name in moved)
    assert learner.hparams.fade_iterations == 1
    learner.advance(4)  # still 0: the phase has one iteration, and fading begins after it
    learner.advance(5)
    last = parts(learner)
    assert any("fine" in name for name in first if not torch.equal(first[name], last[name]))


def test_the_evaluation_has_the_images_of_both_generators(stream: Any, held_out: Any) -> None:
    learner = make(stream, held_out)
    values = learner.judge()
    ends = ("coarse_reconstruction", "coarse_perceptual", "final_reconstruction", "final_perceptual")
    assert set(values) == {f"held_out_{end}" for end in ends}
    assert values["held_out_coarse_reconstruction"] != values["held_out_final_reconstruction"]
    assert learner.samples().shape[2] == 3


def test_the_loss_of_h_s_is_the_cross_entropy_of_the_targets_parsing_map(stream: Any, held_out: Any) -> None:
    learner = make(stream, held_out)
    view = learner.next_view(False)
    (loss,) = learner._semantic_pass(view.target, *view.inputs)
    given = SPTInputs(*view.inputs)
    logits = learner.generator.network.semantic(given.source_parsing, *given.poses)
    torch.testing.assert_close(loss, parsing_loss(logits, given.target_parsing.argmax(1)))


@pytest.mark.parametrize("paired", [True, False])
def test_h_as_loss_is_the_weighted_sum(paired: bool, stream: Any, held_out: Any) -> None:
    hparams = TINY if paired else UNPAIRED
    learner = make(stream, held_out, hparams)
    learner.detector.eval()
    view = learner.next_view(False)
    share = torch.tensor(0.5)
    terms = dict(zip(learner._terms, learner._painter_pass(share, view.target, *view.inputs)[1:], strict=True))
    painter = learner.generator.network.appearance
    found = [p.grad.clone() for p in painter.parameters() if p.grad is not None]
    for module in (learner.critics, learner.detector, learner.generator.network.semantic):
        assert all(p.grad is None for p in module.parameters())
    given = SPTInputs(*view.inputs)
    image = painter(given.source, given.source_parsing, given.target_parsing, *given.poses, share)
    maps = learner.perceptual(image)[0]
    real, real_parsing = (view.target, given.target_parsing) if paired else (given.source, given.source_parsing)
    real_maps = learner.perceptual(real)[0]
    same = maps
    if not paired:
        back = painter(image, given.target_parsing, given.source_parsing, *given.way_back, share)
        same = learner.perceptual(back)[0]
    scores, face_scores, shown = learner._discriminate(image, given)
    faces = (face_scores - 1).square().mean((1, 2, 3))[shown]
    expected = {
        "pose": (learner.detector(image) - given.target_maps).square().mean(),
        "content": (same - real_maps).square().mean(),
        "style": semantic_style_loss(maps, given.target_parsing, real_maps, real_parsing),
        **({"reconstruction": (image - view.target).abs().mean()} if paired else {}),
        "adversarial": (scores - 1).square().mean(),
        "face": faces.mean() if len(faces) else torch.zeros(()),
    }
    torch.testing.assert_close(terms, expected)
    painter.zero_grad()
    learner.critics.requires_grad_(False)
    sum(getattr(hparams.loss, name) * term for name, term in expected.items()).backward()
    trained = [p for p in painter.parameters() if p.grad is not None]
    for parameter, gradient in zip(trained, found, strict=True):
        torch.testing.assert_close(gradient, parameter.grad)


def test_the_way_back_is_the_transfer_with_the_poses_exchanged(stream: Any, held_out: Any) -> None:
    learner = make(stream, held_out)
    from fhpt_bench.training.views import People, people_of

    people = people_of(held_out, torch.device("cpu"))
    turned = People(
        people.target, people.source, people.target_pose, people.source_pose, people.target_face, people.source_face,
        people.target_parsing, people.source_parsing,
    )  # fmt: skip
    one, other = (SPTInputs(*learner.generator.view(given, False).inputs) for given in (people, turned))
    for back, forth in zip(one.way_back, other.poses, strict=True):
        assert torch.equal(back, forth)


def test_mirrored_pairs_have_mirrored_parsing_maps(held_out: Any) -> None:
    from fhpt_bench.training.views import augmented, half_size, people_of

    people = people_of(held_out, torch.device("cpu"))
    mirrored = augmented(people, torch.tensor([[0.0] * 5, [0.9] * 5]), flip=True, recolours=False)
    assert torch.equal(mirrored.target_parsing[0], people.target_parsing[0].flip(1))
    assert torch.equal(mirrored.source_parsing[1], people.source_parsing[1])
    assert torch.equal(half_size(people).source_parsing, people.source_parsing[:, ::2, ::2])


def test_parsing_maps_belong_to_their_images(small_people: Path, tiny_recipes: str) -> None:
    from fhpt_bench.data.real_images import RealImages
    from fhpt_bench.data.truth import read_truth
    from fhpt_bench.training.folder import TrainingFolder
    from fhpt_bench.training.pairs import TrainingPairs
    from fhpt_bench.training.recipe import Task

    benchmark = load_benchmark(str(small_people))
    images = RealImages(benchmark.train_folder, benchmark.image_size, dict.fromkeys(benchmark.train_images, ""))
    task = Task(benchmark, images, 0, TrainingFolder(Path("none"), {}, dry=True), "cpu", False)
    pairs = TrainingPairs(task, parsing=True)
    maps = read_truth(None, small_people.with_name("parsing.npz")).parsing
    batch = pairs.batch(np.array([3, 0]))
    assert batch.source_parsing is not None
    assert batch.target_parsing is not None
    for row, position in enumerate((3, 0)):
        assert (batch.source_parsing[row].numpy() == maps[pairs.names[pairs.source[position]]]).all()
        assert (batch.target_parsing[row].numpy() == maps[pairs.names[pairs.target[position]]]).all()
    assert TrainingPairs(task).batch(np.array([0])).source_parsing is None


def test_a_benchmark_without_parsing_maps_is_refused(small_people: Path, tiny_recipes: str, tmp_path: Path) -> None:
    lines = small_people.read_text().splitlines()
    file = small_people.with_name("unparsed.toml")
    file.write_text("\n".join(line for line in lines if not line.startswith("train_parsing")))
    with pytest.raises(UserError, match=r"has no parsing maps of its training images: .* as train_parsing"):
        train(f"{tiny_recipes}:Spt", str(file), out=tmp_path / "out", device="cpu")
    file.write_text("\n".join(line for line in lines if not line.startswith("parsing")))
    train(f"{tiny_recipes}:Spt", str(file), out=tmp_path / "out", device="cpu")
    with pytest.raises(UserError, match="The model spt needs the source's parsing, which small lacks"):
        fb.run("spt", str(file), "psnr", checkpoint=tmp_path / "out" / "spt.safetensors", out=tmp_path / "run")


def test_the_presets() -> None:
    loss = PAPER.loss
    assert (loss.adversarial, loss.face, loss.pose, loss.content, loss.style) == (1, 1, 700, 0.03, 1)
    assert loss.reconstruction == 0
    assert (PAPER.width, PAPER.levels, PAPER.face_side) == (64, 6, 256)
    for preset in (PAPER, SMALL):
        painting = preset.iterations - preset.detector_iterations - preset.semantic_iterations
        assert painting > preset.coarse_iterations + preset.fade_iterations
        assert preset.fixed_iterations == preset.iterations
    assert list(SPTRecipe.presets) == ["small", "paper"]
