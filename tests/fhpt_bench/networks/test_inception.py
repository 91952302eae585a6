"""Both Inceptions with random weights, compared with pytorch-fid, torchvision and clean-fid on the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from fhpt_bench import weights
from fhpt_bench.networks.inception import (
    FIDInception,
    FIDInceptionClean,
    FIDInceptionPadded,
    ImageNetInception,
    ImageNetInceptionLogits,
)
from fhpt_bench.networks.pooled import resize_bicubic

SIZES = [(256, 176), (31, 47), (299, 299), (333, 420), (1, 1)]


@pytest.fixture(autouse=True)
def random_weights(random_inception: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(random_inception))


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Any:
    """pytorch-fid's network with our weights."""
    from pytorch_fid import inception

    monkeypatch.setattr(inception, "load_state_dict_from_url", lambda *_, **__: weights.load("inception-2015-12-05"))
    return inception.InceptionV3().eval()


def smooth(n: int, height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (n, 7, 5, 3), np.uint8)
    return np.stack([np.asarray(Image.fromarray(b).resize((width, height), Image.Resampling.BICUBIC)) for b in blocks])


def in_unit_range(images: NDArray[np.uint8]) -> torch.Tensor:
    # The memory layout of pytorch-fid's loader: with another one, sums have another order.
    return torch.tensor(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float() / 255


@pytest.mark.parametrize("size", SIZES)
def test_equals_pytorch_fid(reference: Any, size: tuple[int, int]) -> None:
    images = smooth(2, *size)
    with torch.no_grad():
        (expected,) = reference(in_unit_range(images))
    rows = FIDInception("cpu").extract(images)
    assert (rows.shape, rows.dtype) == ((2, 3056), np.float32)
    np.testing.assert_allclose(rows[:, :2048], expected.flatten(1).numpy(), rtol=0, atol=1e-4)
    assert np.abs(rows[0, :2048] - rows[1, :2048]).max() > 0.01, "the images must give different features"


@pytest.mark.filterwarnings("ignore:.*disp.*:DeprecationWarning")  # pytorch-fid's call of scipy
def test_both_pipelines_give_the_same_frechet_distance(reference: Any, tmp_path: Path) -> None:
    from pytorch_fid.fid_score import calculate_frechet_distance, get_activations

    from protocols.perceptual import frechet_distance

    network, theirs, ours = FIDInception("cpu"), [], []
    for seed in (1, 2):
        images = smooth(10, 64, 48, seed)
        files = [tmp_path / f"{seed}-{i}.png" for i in range(10)]
        for file, image in zip(files, images, strict=True):
            Image.fromarray(image).save(file)
        theirs.append(get_activations(files, reference, batch_size=4, num_workers=0))
        ours.append(network.extract(images)[:, :2048])
        np.testing.assert_allclose(ours[-1], theirs[-1], rtol=0, atol=1e-4)
    # A few of the features: pytorch-fid's root of a 2048 x 2048 matrix takes a minute, and is singular here.
    columns = slice(None, None, 256)
    statistics = [(x[:, columns].mean(0), np.cov(x[:, columns], rowvar=False)) for x in theirs]
    expected = calculate_frechet_distance(*statistics[0], *statistics[1])
    assert frechet_distance(ours[0][:, columns], ours[1][:, columns]) == pytest.approx(expected, rel=1e-3)


def test_logits_have_no_bias() -> None:
    images = smooth(2, 40, 30)
    rows, head = FIDInception("cpu").extract(images), weights.load("inception-2015-12-05")["fc.weight"].numpy()
    np.testing.assert_allclose(rows[:, 2048:], rows[:, :2048] @ head.T, rtol=0, atol=1e-5)


def test_logits_equal_torch_fidelitys(tmp_path: Path) -> None:
    """At 299x299, so that its own resize does nothing; its scale is clean-fid's."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    torch.save(weights.load("inception-2015-12-05"), tmp_path / "inception.pth")
    reference = FeatureExtractorInceptionV3(
        "ours", ["logits_unbiased"], feature_extractor_weights_path=str(tmp_path / "inception.pth")
    )
    images = smooth(2, 299, 299)
    (expected,) = reference(torch.tensor(images).permute(0, 3, 1, 2))
    np.testing.assert_allclose(FIDInceptionClean("cpu").extract(images)[:, 2048:], expected.numpy(), rtol=0, atol=1e-4)
    assert expected.std() > 0.01


@pytest.mark.parametrize(("size", "left", "top"), [((256, 176), 40, 0), ((63, 33), 111, 96), ((256, 256), 0, 0)])
def test_white_borders(size: tuple[int, int], left: int, top: int) -> None:
    images = smooth(1, *size)
    canvas = np.full((1, 256, 256, 3), 255, np.uint8)
    canvas[:, top : top + size[0], left : left + size[1]] = images
    assert np.array_equal(FIDInceptionPadded("cpu").extract(images), FIDInception("cpu").extract(canvas))


def test_larger_images_cannot_be_padded() -> None:
    with pytest.raises(ValueError, match="padded to 256x256 pixels, but these have 20x257"):
        FIDInceptionPadded("cpu").extract(np.zeros((1, 20, 257, 3), np.uint8))


@pytest.mark.parametrize("size", [*SIZES, (700, 501)])
def test_resize_equals_clean_fid(size: tuple[int, int]) -> None:
    from cleanfid.resize import make_resizer

    images = np.random.default_rng(0).integers(0, 256, (2, *size, 3), np.uint8)
    resizer = make_resizer("PIL", False, "bicubic", (299, 299))
    assert np.array_equal(resize_bicubic(images, 299), np.stack([resizer(image) for image in images]))


def test_clean_input_is_scaled_as_clean_fid_does(reference: Any) -> None:
    images = smooth(1, 120, 50)
    reference.resize_input = reference.normalize_input = False
    x = (torch.tensor(np.ascontiguousarray(resize_bicubic(images, 299).transpose(0, 3, 1, 2))) - 128) / 128
    with torch.no_grad():
        (expected,) = reference(x)
    rows = FIDInceptionClean("cpu").extract(images)
    np.testing.assert_allclose(rows[:, :2048], expected.flatten(1).numpy(), rtol=0, atol=1e-4)
    assert np.abs(rows - FIDInception("cpu").extract(images)).max() > 1e-3, "the resize must matter"


@pytest.mark.filterwarnings("ignore:.*disp.*:DeprecationWarning")  # clean-fid's call of scipy
def test_clean_fids_own_pipeline_gives_the_same_distances(reference: Any, tmp_path: Path) -> None:
    """Two folders as VtonEval and CatVTON give them to clean-fid, with our weights in its network's place."""
    from protocols.perceptual import frechet_distance, kernel_distance_of_subsets

    given = (smooth(9, 63, 45, 1), smooth(7, 91, 30, 2))
    ours = [FIDInceptionClean("cpu").extract(images)[:, :2048][:, FEW] for images in given]
    fid, kid = clean_fids_distances(reference, given, tmp_path)
    assert frechet_distance(*ours) == pytest.approx(fid, rel=1e-3)
    assert kernel_distance_of_subsets(*ours)[0] == pytest.approx(kid, rel=1e-3)


# A few of the features: the root of a 2048 x 2048 matrix takes a minute, and is singular here.
FEW = slice(None, None, 512)


def clean_fids_distances(
    reference: Any, given: tuple[NDArray[np.uint8], NDArray[np.uint8]], folder: Path
) -> tuple[float, float]:
    """clean-fid's FID and KID of generated images and targets, on a few features; its draws are seeded."""
    from cleanfid import fid as theirs

    def embed(batch: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = reference((batch - 128) / 128)[0].flatten(1)[:, FEW]
        return features

    folders = [folder / "generated", folder / "target"]
    for images, place in zip(given, folders, strict=True):
        place.mkdir()
        for i, image in enumerate(images):
            Image.fromarray(image).save(place / f"{i:03}.png")
    options = {"device": torch.device("cpu"), "num_workers": 0, "batch_size": 4, "verbose": False}
    before = np.random.get_state()
    np.random.seed(0)
    names = [str(place) for place in reversed(folders)]
    with (
        mock.patch.multiple(reference, resize_input=False, normalize_input=False),
        mock.patch.object(theirs, "build_feature_extractor", return_value=embed),
    ):
        distances = theirs.compute_fid(*names, **options), theirs.compute_kid(*names, **options)
    np.random.set_state(before)
    return float(distances[0]), float(distances[1])


def test_cflds_steps_give_the_same_distance() -> None:
    """`fid:cfld`, for which GFLA's feature serves: it is the same network on the same input."""
    from protocols.perceptual import frechet_distance

    given = [smooth(12, 64, 48, 1), smooth(15, 31, 47, 2)]
    ours = [ImageNetInception("cpu").extract(images)[:, FEW] for images in given]
    theirs = [cflds_features(images)[:, FEW] for images in given]
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-4 * np.abs(b).max())
    assert frechet_distance(*ours) == pytest.approx(cflds_distance(*theirs), rel=1e-3)


def cflds_features(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The last pooling as CFLD (models/metrics.py) describes it: layer after layer, on images in [0, 1]."""
    from torchvision.models import inception_v3

    network = inception_v3(weights=None, aux_logits=False, init_weights=False).eval()
    network.load_state_dict(weights.load("inception-imagenet"))
    layers = [layer for name, layer in network.named_children() if name not in ("dropout", "fc")]
    x = torch.nn.functional.interpolate(in_unit_range(images), (299, 299), mode="bilinear")
    mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 3, 1, 1)
    with torch.no_grad():
        pooled = torch.nn.Sequential(*layers)(x * (deviation / 0.5) + (mean - 0.5) / 0.5)
    features: NDArray[np.float32] = pooled.flatten(1).numpy()
    return features


def cflds_distance(generated: NDArray[np.float32], train: NDArray[np.float32]) -> float:
    """The distance as CFLD (pose_transfer_test.py) computes it: means in float32, a general matrix root."""
    from scipy.linalg import sqrtm

    difference = train.mean(0) - generated.mean(0)
    covariances = [np.cov(features, rowvar=False) for features in (train, generated)]
    root = sqrtm(covariances[0] @ covariances[1])
    return float(difference @ difference + sum(map(np.trace, covariances)) - 2 * np.trace(root).real)


@pytest.mark.parametrize("size", SIZES)
def test_hr_vitons_steps_give_the_same_logits(size: tuple[int, int]) -> None:
    images = smooth(2, *size)
    expected, rows = hr_vitons_logits(images), ImageNetInceptionLogits("cpu").extract(images)
    assert rows.shape == (2, 1000)
    np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_hr_vitons_score_is_the_same() -> None:
    from scipy.stats import entropy

    from protocols.perceptual import inception_score

    images = smooth(7, 63, 45)
    p = torch.softmax(torch.tensor(hr_vitons_logits(images)), 1).numpy().astype(np.float64)
    expected = np.exp(np.mean([entropy(row, p.mean(0)) for row in p]))
    assert expected > 1.001
    assert inception_score(ImageNetInceptionLogits("cpu").extract(images), 1)[0] == pytest.approx(expected, rel=1e-5)


def hr_vitons_logits(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The logits as HR-VITON (evaluate.py) computes them: torchvision's transforms of Pillow images."""
    from torchvision import transforms
    from torchvision.models import inception_v3

    network = inception_v3(weights=None, aux_logits=False, init_weights=False, transform_input=False).eval()
    network.load_state_dict(weights.load("inception-imagenet"))
    steps = transforms.Compose(
        [transforms.Resize((299, 299)), transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)]
    )
    with torch.no_grad():
        logits: NDArray[np.float32] = network(torch.stack([steps(Image.fromarray(image)) for image in images])).numpy()
    return logits


def test_gflas_network_is_torchvisions_with_input_in_unit_range() -> None:
    from torchvision.models import inception_v3

    images = smooth(2, 64, 48)
    network = inception_v3(weights=None, aux_logits=False, init_weights=False).eval()
    network.fc = torch.nn.Identity()
    network.load_state_dict(ImageNetInception.renamed(weights.load("inception-imagenet")))
    x = torch.nn.functional.interpolate(in_unit_range(images), (299, 299), mode="bilinear", align_corners=False)
    for channel, (mean, deviation) in enumerate([(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)]):
        x[:, channel] = x[:, channel] * (deviation / 0.5) + (mean - 0.5) / 0.5
    with torch.no_grad():
        expected = network(x).numpy()
    rows = ImageNetInception("cpu").extract(images)
    assert rows.shape == (2, 2048)
    # The two sides scale their input in another order; about 50 layers follow: relative to the largest value.
    np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_the_heads_of_torchvisions_file_are_not_needed() -> None:
    tensors = {
        "Conv2d_1a_3x3.conv.weight": torch.zeros(1),
        "AuxLogits.fc.bias": torch.zeros(1),
        "fc.bias": torch.ones(1),
    }
    assert list(ImageNetInception.renamed(tensors)) == ["Conv2d_1a_3x3.conv.weight"]
    assert list(ImageNetInceptionLogits.renamed(tensors)) == ["Conv2d_1a_3x3.conv.weight", "fc.bias"]


def test_a_row_depends_on_its_image_alone() -> None:
    images, network = smooth(3, 64, 48), FIDInception("cpu")
    whole = network.extract(images)
    np.testing.assert_allclose(network.extract(images[1:2])[0], whole[1], rtol=0, atol=1e-4)
    assert np.abs(network.extract(images[1:2, ..., ::-1])[0] - whole[1]).max() > 1e-2, "RGB and BGR must differ"


def test_construction_draws_no_random_numbers_and_wrong_images_are_refused() -> None:
    before = torch.get_rng_state()
    network = FIDInception("cpu")
    assert torch.equal(before, torch.get_rng_state())
    for wrong in (np.zeros((1, 64, 64, 3)), np.zeros((64, 64, 3), np.uint8), np.zeros((1, 3, 64, 64), np.uint8)):
        with pytest.raises(ValueError, match="uint8 images"):
            network.extract(wrong)
