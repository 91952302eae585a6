"""EfficientNet-lite0 with its pinned weights, compared with values of the implementation they were published with."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data

from fhpt_bench.networks.efficientnet import EfficientNetLite0

# efficientnet_lite_pytorch 0.1.0, `EfficientNet.from_pretrained("efficientnet-lite0", weights_path=...)`, on `WAVES`:
# `_avg_pooling(extract_features(x))` and the forward pass. It is not a test dependency: it installs a package
# "tests".
POOLED_SUM = 123.36183
POOLED = [0.0, 0.0, 0.03016953, 0.0, 0.0, 0.02822242, 0.0, 0.00272713]
LOGITS = [-0.32232428, 0.54576367, -1.01019931, -1.70794892, -1.99125981, 0.63877589, -2.47590685, 0.1183022]
BEST = (335, 4.76166677)
Y, X = np.mgrid[0:224, 0:224]
WAVES = np.stack([np.sin(X / 17 + c) * np.cos(Y / 11 - c) for c in range(3)]).astype(np.float32)


@pytest.fixture(scope="module")
def network() -> EfficientNetLite0:
    return EfficientNetLite0("cpu")


def test_equals_the_network_of_its_authors(network: EfficientNetLite0) -> None:
    with torch.no_grad():
        (row,) = network.embed(torch.tensor(WAVES)[None]).numpy()
    assert row.shape == (2280,)
    pooled, logits = row[:1280], row[1280:]
    assert pooled.sum(dtype=np.float64) == pytest.approx(POOLED_SUM, abs=1e-3)
    np.testing.assert_allclose(pooled[:8], POOLED, rtol=0, atol=1e-5)
    np.testing.assert_allclose(logits[:8], LOGITS, rtol=0, atol=1e-4)
    assert (int(logits.argmax()), float(logits.max())) == (BEST[0], pytest.approx(BEST[1], abs=1e-4))


@pytest.mark.parametrize(("image", "classes"), [("chelsea", {281, 282, 285}), ("coffee", {504, 967})])
def test_classifies_a_cat_and_a_coffee(network: EfficientNetLite0, image: str, classes: set[int]) -> None:
    """ImageNet's tabby, tiger cat and Egyptian cat; coffee mug and espresso. Both images are wider than high."""
    logits = network.extract(getattr(data, image)()[None])[0, 1280:]
    assert int(logits.argmax()) in classes


def test_input_is_scaled_as_in_training(network: EfficientNetLite0) -> None:
    prepared = network.prepare(np.full((1, 31, 47, 3), 255, np.uint8))
    assert prepared.shape == (1, 3, 224, 224)
    torch.testing.assert_close(prepared, torch.ones(1, 3, 224, 224))
    assert network.prepare(np.zeros((1, 1, 1, 3), np.uint8)).unique().tolist() == [-127 / 128]


def test_a_row_depends_on_its_image_alone(network: EfficientNetLite0) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 40, 31, 3), np.uint8)
    whole = network.extract(images)
    assert (whole.shape, whole.dtype) == ((3, 2280), np.float32)
    np.testing.assert_allclose(network.extract(images[1:2])[0], whole[1], rtol=0, atol=1e-4)
    assert np.abs(network.extract(images[1:2, ..., ::-1])[0] - whole[1]).max() > 1e-2, "RGB and BGR must differ"
    assert np.abs(network.extract(images[1:2, :, :20])[0] - whole[1]).max() > 1e-2, "the whole image must be used"


def test_construction_draws_no_random_numbers() -> None:
    before = torch.get_rng_state()
    EfficientNetLite0("cpu")
    assert torch.equal(before, torch.get_rng_state())
