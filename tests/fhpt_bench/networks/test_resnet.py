"""ResNet50 with random weights from a local file, compared with torchvision's network and preprocessing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from safetensors.numpy import save_file

from fhpt_bench import weights
from fhpt_bench.feature import features
from fhpt_bench.networks.resnet import ResNet50Pooled
from fhpt_bench.weights.readers import tensor_digest


@pytest.fixture
def reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> torch.nn.Module:
    """torchvision's network with random weights, which are also in the folder of weights."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = torchvision.models.resnet50(weights=None)
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0  # so that one forward pass sets the statistics
        with torch.no_grad():
            network.train()(torch.randn(4, 3, 64, 64))
    arrays = {k: t.numpy() for k, t in network.state_dict().items() if not k.endswith("num_batches_tracked")}
    header = {"name": "resnet50", "digest": tensor_digest(arrays), "origin": "random numbers"}
    save_file(arrays, tmp_path / "resnet50.safetensors", header)
    monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(tmp_path))
    return network.eval()


def test_equals_torchvision(reference: torch.nn.Module) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), np.uint8)  # a size that needs no resize
    normalise = torchvision.transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    reference.fc = torch.nn.Identity()
    with torch.no_grad():
        expected = reference(normalise(torch.tensor(images).permute(0, 3, 1, 2) / 255)).numpy()
    network = ResNet50Pooled("cpu")
    found = network.extract(images)
    assert (found.shape, found.dtype) == ((3, 2048), np.float32)
    assert found.min() >= 0
    assert expected.std() > 1e-2
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(network.extract(images[1:2])[0], found[1], rtol=1e-3, atol=1e-4)
    odd = images[:, :41, :30]
    assert np.abs(network.extract(odd) - network.extract(odd[:, :, :20])).max() > 1e-3, "the whole image must be used"


def test_it_is_registered_and_reports_missing_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert features.load("resnet50-pooled") is ResNet50Pooled
    monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(tmp_path))
    with pytest.raises(weights.WeightsMissing, match=r"put resnet50-0676ba61\.pth into a folder"):
        weights.obtain("resnet50", download=False)
