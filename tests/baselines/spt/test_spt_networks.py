"""SPT's nine classes, H_S, H_A, discriminators, face crops and parameter counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from baselines.spt.discriminators import PatchDiscriminator, face_crops, face_squares
from baselines.spt.hyperparameters import PAPER, SMALL, fade_in
from baselines.spt.network import AppearanceGenerator, SemanticParsingTransformation
from baselines.spt.parsing import CLASSES, FACE, SemanticGenerator, one_hot
from baselines.spt.pose_detector import PoseDetector
from fhpt_bench.benchmarks import STUDIO

SIZE = (32, 22)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def maps(*channels: int, size: tuple[int, int] = SIZE) -> list[Tensor]:
    return [torch.randn(1, number, *size) for number in channels]


def poses(size: tuple[int, int] = SIZE) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Heat maps, the identity as transform of all parts, and masks of ones."""
    source_maps, target_maps = maps(18, 18, size=size)
    return source_maps, target_maps, torch.eye(2, 3).expand(1, 10, 2, 3), torch.ones(1, 10, *size)


def test_the_nine_classes_are_those_of_the_benchmarks_parsing_maps() -> None:
    with np.load(STUDIO.with_name("studio") / "parsing-test.npz", allow_pickle=False) as archive:
        assert tuple(archive["classes"].tolist()) == CLASSES
    assert len(CLASSES) == 9
    assert CLASSES[FACE] == "face"


def test_one_hot_has_a_one_per_pixel() -> None:
    labels = torch.randint(0, 9, (2, 5, 4))
    encoded = one_hot(labels)
    assert encoded.shape == (2, 9, 5, 4)
    assert (encoded.sum(1) == 1).all()
    assert torch.equal(encoded.argmax(1), labels)


def test_h_s_predicts_nine_classes_from_the_parsing_map_and_both_poses() -> None:
    network = SemanticGenerator(width=2, levels=4)
    parsing, source_maps, target_maps = (given.requires_grad_() for given in maps(9, 18, 18))
    logits = network(parsing, source_maps, target_maps, *poses()[2:])
    assert logits.shape == (1, 9, *SIZE)
    logits.square().mean().backward()
    assert all(given.grad is not None and given.grad.abs().max() > 0 for given in (parsing, source_maps, target_maps))


@pytest.mark.parametrize("size", [SIZE, (16, 16), (20, 9)])
def test_h_a_returns_images_of_any_size(size: tuple[int, int]) -> None:
    image = AppearanceGenerator(width=2, levels=4)(*maps(3, 9, 9, size=size), *poses(size))
    assert image.shape == (1, 3, *size)
    assert image.abs().max() <= 1


def test_h_a_sees_all_of_its_inputs_and_trains_all_of_its_parameters() -> None:
    network = AppearanceGenerator(width=2, levels=4)
    inputs = [given.requires_grad_() for given in (*maps(3, 9, 9), *poses()[:2])]
    network(*inputs, *poses()[2:], fade_in=0.5).square().mean().backward()
    assert all(given.grad is not None and given.grad.abs().max() > 0 for given in inputs)
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_fading_in_replaces_the_coarse_image_and_the_first_features() -> None:
    network = AppearanceGenerator(width=2, levels=4, dropout=0.0)
    inputs = (*maps(3, 9, 9), *poses())
    coarse, fine = network(*inputs, fade_in=0.0), network(*inputs)
    # The coarse image depends on nothing of the outer generator, the fine one on no output layer of the inner one.
    for part in (network.fine_source, network.fine_target, network.fine_decoder, network.to_fine):
        for parameter in part.parameters():
            nn.init.normal_(parameter)
    torch.testing.assert_close(network(*inputs, fade_in=0.0), coarse)
    assert not torch.allclose(network(*inputs), fine)
    changed = network(*inputs)
    for layer in (network.source.first, network.target.first, network.to_coarse[1]):
        nn.init.normal_(layer.weight)
    torch.testing.assert_close(network(*inputs), changed)
    assert not torch.allclose(network(*inputs, fade_in=0.0), coarse)
    # A share can be a tensor, so that a recorded step need not be recorded again.
    torch.testing.assert_close(network(*inputs, fade_in=torch.tensor(1.0)), changed)


def test_the_skips_of_h_a_are_moved_by_the_transforms() -> None:
    network = AppearanceGenerator(width=2, levels=4, dropout=0.0)
    inputs, (source_maps, target_maps, transforms, masks) = maps(3, 9, 9), poses()
    image = network(*inputs, source_maps, target_maps, transforms, masks)
    shifted = transforms.clone()
    shifted[..., 2] += 5
    assert not torch.allclose(network(*inputs, source_maps, target_maps, shifted, masks), image)


def test_both_stages_together_paint_what_h_s_predicts() -> None:
    both = SemanticParsingTransformation(SemanticGenerator(2, 4, 0.0), AppearanceGenerator(2, 4, 0.0))
    source, parsing = maps(3, 9)
    inputs = poses()
    painted = both(source, parsing, *inputs)
    torch.testing.assert_close(painted.logits, both.semantic(parsing, *inputs))
    expected = both.appearance(source, parsing, painted.logits.softmax(1), *inputs)
    torch.testing.assert_close(painted.image, expected)
    painted.image.square().mean().backward()
    assert all(parameter.grad is not None for parameter in both.semantic.parameters())


def test_networks_run_in_bfloat16() -> None:
    both = SemanticParsingTransformation(SemanticGenerator(2, 4, 0.0), AppearanceGenerator(2, 4, 0.0))
    inputs = (*maps(3, 9), *poses())
    exact = both(*inputs)
    with torch.autocast("cpu", torch.bfloat16):
        painted = both(*inputs)
    assert (painted.image.float() - exact.image).abs().mean() < 0.1 * exact.image.abs().mean()
    painted.image.float().square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in both.parameters())


def test_a_face_crop_is_the_square_around_the_face() -> None:
    pose = torch.full((3, 18, 2), torch.nan)
    pose[:, [2, 5]] = torch.tensor([[40.0, 60], [80, 60]])
    pose[:, [8, 11]] = torch.tensor([[40.0, 110], [80, 110]])  # the torso scale is 50
    pose[:2, 0], pose[:2, 14] = torch.tensor([58.0, 42]), torch.tensor([62.0, 38])  # centre (60, 40)
    pose[1, 8] = torch.nan
    x, y = torch.arange(100.0) + 0.5, torch.arange(130.0) + 0.5
    images = torch.stack([x.expand(130, 100), y[:, None].expand(130, 100), torch.ones(130, 100)]).expand(3, 3, 130, 100)
    crops, shown = face_crops(images, face_squares(pose), 8)
    assert shown.tolist() == [True, False, False]  # the second has no hip, the third no face
    steps = torch.arange(8.0) * 5 + 2.5  # 40 pixels in 8 steps
    torch.testing.assert_close(crops[0, 0], (40 + steps).expand(8, 8), atol=1e-3, rtol=0)
    torch.testing.assert_close(crops[0, 1], (20 + steps)[:, None].expand(8, 8), atol=1e-3, rtol=0)
    assert crops[1:].abs().max() == 0


def test_the_pose_detector_returns_a_map_per_joint() -> None:
    detected = PoseDetector(width=2, blocks=1)(torch.randn(1, 3, 32, 24))
    assert detected.shape == (1, 18, 32, 24)


def test_parameters_at_paper_width_are_those_of_the_published_layers() -> None:
    # Inner generator: 3x3 convolution with bias, five 4x4 convolutions without; a norm of two numbers after all of them
    # but the last. Inputs: image, parsing map and heat maps are 30 channels, parsing map and heat maps 27.
    down = 16 * (64 * 128 + 128 * 256 + 256 * 512 + 2 * 512 * 512) + 4 * 2
    encoders = sum(9 * inputs * 64 + 64 + down for inputs in (30, 27))
    decoder = 16 * (1024 * 512 + 2 * (512 + 1024) * 512 + (512 + 512) * 256 + (256 + 256) * 128) + 5 * 2
    # Its result is the last block's 128 channels and a skip of 128.
    coarse = 9 * 256 * 3 + 3
    # Outer generator: 32 channels at full size, 64 at half size; the decoder's 64 and a skip of 64 give the image.
    fine = sum(9 * inputs * 32 + 32 + 16 * 32 * 64 + 2 for inputs in (30, 27)) + 16 * 256 * 64 + 2 + 9 * 128 * 3 + 3
    detector = 49 * 3 * 64 + 9 * (64 * 128 + 128 * 256) + 9 * 2 * 9 * 256 * 256
    detector += 9 * (256 * 128 + 128 * 64) + 49 * 64 * 18 + 18
    critic = 64 + 16 * (64 * 128 + 128 * 256 + 256 * 512) + 16 * 512 + 1
    with torch.device("meta"):
        h_a, h_s = AppearanceGenerator(PAPER.width, PAPER.levels), SemanticGenerator(PAPER.semantic_width, 6)
        found = PoseDetector(PAPER.detector_width, PAPER.detector_blocks)
        critics = [PatchDiscriminator(channels, PAPER.discriminator_width) for channels in (12, 3)]
    assert parameters(h_a) == encoders + decoder + coarse + fine == 61_467_078
    assert parameters(found) == detector == 11_419_986
    assert [parameters(network) for network in critics] == [16 * inputs * 64 + critic for inputs in (12, 3)]
    # H_S has the encoders and the decoder of the inner generator; parsing map and heat maps are 27 channels, then 18.
    ours = sum(9 * inputs * 64 + 64 + down for inputs in (27, 18)) + decoder + 9 * 256 * 9 + 9
    assert parameters(h_s) == ours == 61_126_371


def test_small_has_a_few_million_parameters() -> None:
    with torch.device("meta"):
        h_a = AppearanceGenerator(SMALL.width, SMALL.levels)
        h_s = SemanticGenerator(SMALL.semantic_width, SMALL.semantic_levels)
    assert 4e6 < parameters(h_a) + parameters(h_s) < 6.2e6


def test_the_fine_image_fades_in_after_the_coarse_phase() -> None:
    shares = [fade_in(number, SMALL) for number in range(0, SMALL.iterations, 500)]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert shares.count(0.5) == 1
