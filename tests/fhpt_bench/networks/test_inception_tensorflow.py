"""The Inception's input as in the original TensorFlow graph, compared with torch-fidelity, which reproduces it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fhpt_bench import weights
from fhpt_bench.networks.inception import FIDInception, FIDInceptionTensorFlow, _resize_tensorflow

SIZES = [(128, 64), (31, 47), (299, 299), (333, 420), (1, 1)]


@pytest.fixture(autouse=True)
def random_weights(random_inception: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(random_inception))


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, height, width, 3), np.uint8)


@pytest.mark.parametrize("size", SIZES)
def test_the_resize_is_that_of_torch_fidelity(size: tuple[int, int]) -> None:
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

    x = torch.tensor(noise(*size)).permute(0, 3, 1, 2).float()
    expected = interpolate_bilinear_2d_like_tensorflow1x(x, (299, 299), align_corners=False)
    np.testing.assert_allclose(_resize_tensorflow(x, 299).numpy(), expected.numpy(), rtol=0, atol=1e-3)


@pytest.mark.parametrize("size", [(128, 64), (31, 47)])
def test_logits_equal_torch_fidelitys(tmp_path: Path, size: tuple[int, int]) -> None:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    torch.save(weights.load("inception-2015-12-05"), tmp_path / "inception.pth")
    reference = FeatureExtractorInceptionV3(
        "ours", ["logits_unbiased"], feature_extractor_weights_path=str(tmp_path / "inception.pth")
    )
    images = noise(*size)
    (expected,) = reference(torch.tensor(images).permute(0, 3, 1, 2))
    found = FIDInceptionTensorFlow("cpu").extract(images)
    assert found.shape == (2, 3056)
    np.testing.assert_allclose(found[:, 2048:], expected.numpy(), rtol=0, atol=1e-4)
    # The input of `is:canonical` is another one.
    assert np.abs(FIDInception("cpu").extract(images)[:, 2048:] - expected.numpy()).max() > 1e-3
