"""`fid` and `kid` of images, with networks with random weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fhpt_bench.networks.inception import FIDInception, FIDInceptionClean
from protocols.perceptual import embedding as module
from protocols.perceptual import fid, frechet_distance, kernel_distance, kernel_distance_of_subsets, kid
from protocols.perceptual.frechet import FID


@pytest.fixture(autouse=True)
def random_weights(random_inception: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(random_inception))
    module._network.cache_clear()


def test_they_are_the_distances_of_the_features(pairs: Callable[..., Any]) -> None:
    generated, target = pairs(3, 40, 30)
    network = FIDInception("cpu")
    a, b = (network.extract(images)[:, :2048] for images in (generated, target[:2]))
    # Rounding of the features has more effect on the kernel distance than on the Fréchet distance.
    assert fid(generated, target[:2], device="cpu") == pytest.approx(frechet_distance(a, b), rel=1e-4)
    assert kid(generated, target[:2], device="cpu") == pytest.approx(kernel_distance(a, b), rel=1e-3)
    assert fid(generated[::-1], target[:2], device="cpu", batch_size=2) == pytest.approx(
        frechet_distance(a, b), rel=1e-3
    )
    assert fid(generated, target[:2], "train", device="cpu") == pytest.approx(frechet_distance(a, b), rel=1e-4)
    network = FIDInceptionClean("cpu")
    clean = [network.extract(images)[:, :2048] for images in (generated, target[:2])]
    found = kid(generated, target[:2], "cpu", variant="vton")
    assert found == pytest.approx(1000 * kernel_distance_of_subsets(*clean)[0], rel=1e-3)
    assert fid(target, target, device="cpu") < 1e-3 * fid(generated, target, device="cpu")


class Pixels:
    """A network without layers, so that many images are fast."""

    def extract(self, images: np.ndarray) -> np.ndarray:
        return np.pad(images.reshape(len(images), -1)[:, :9].astype(np.float32), ((0, 0), (0, 2039)))


def test_gfla_drops_the_last_incomplete_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_network", lambda *_: Pixels())
    images = np.random.default_rng(0).integers(0, 256, (150, 6, 4, 3), np.uint8)
    features = Pixels().extract(images)
    assert fid(images, images[:70], "gfla") == pytest.approx(frechet_distance(features[:128], features[:64]), rel=1e-9)
    assert fid(images[:63], images[:5], "gfla") == pytest.approx(
        frechet_distance(features[:63], features[:5]), rel=1e-9
    )


def test_cfld_keeps_every_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_network", lambda *_: Pixels())
    images = np.random.default_rng(0).integers(0, 256, (150, 6, 4, 3), np.uint8)
    features = Pixels().extract(images)
    assert fid(images, images[:70], "cfld") == pytest.approx(frechet_distance(features, features[:70]), rel=1e-9)


def test_wrong_arguments_are_named() -> None:
    good = np.zeros((2, 8, 9, 3), np.uint8)
    with pytest.raises(ValueError, match="fid has no variant 'x'; there are canonical"):
        fid(good, good, "x")
    with pytest.raises(ValueError, match="target must be uint8"):
        fid(good, good / 255)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="kid has no variant 'x'; there are canonical, vton"):
        kid(good, good, variant="x")
    with pytest.raises(ValueError, match="batch_size must be 1 or more"):
        kid(good, good, batch_size=0)
    with pytest.raises(ValueError, match="needs 2 or more"):
        fid(good[:1], good)
    assert set(FID.variants) == {"canonical", "drn", "clean", "train", "gfla", "cfld"}
