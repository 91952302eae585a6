"""Tiny random encoders of every kind, and the files that name them."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tests.onnx_file import onnx_file

COMMON = {"resize": "bicubic", "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3]}
ONNX_WEIGHTS = np.random.default_rng(0).normal(size=(6, 3, 1, 1)).astype(np.float32)


class Small(nn.Module):
    """A convolution, ReLU, and the mean over all pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 5, 7, 4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.layer(x)).mean((2, 3))


def seeded(make: Any) -> Any:
    """Call a function with a fixed random state, which is not changed for others."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make()


def save_script(module: nn.Module, path: Path) -> nn.Module:
    """Save a module as TorchScript, and return it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces that TorchScript will go
        torch.jit.save(torch.jit.script(module.eval()), str(path))
    return module


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_toml(path: Path, entries: dict[str, dict[str, Any]]) -> Path:
    """Write an encoders file; an entry without a sha256 gets that of its file, and None leaves a key out."""
    lines = []
    for name, entry in entries.items():
        file = path.parent / str(entry.get("file"))
        digest = {"sha256": sha256(file)} if file.is_file() else {}
        lines.append(f"[{name}]")
        for key, value in ({**COMMON, **digest, **entry}).items():
            if value is not None:
                lines.append(f"{key} = {repr(value) if isinstance(value, list | int) else chr(34) + value + chr(34)}")
    path.write_text("\n".join(lines) + "\n")
    return path


def write_encoders(folder: Path, onnx: bool = False) -> Path:
    """Files of a timm ViT, a timm ResNet with a classifier of its own, a TorchScript and an ONNX network."""
    import timm
    from safetensors.torch import save_file

    save_file(seeded(lambda: timm.create_model("test_vit")).state_dict(), folder / "vit.safetensors")
    resnet = seeded(lambda: timm.create_model("test_resnet", num_classes=7))
    torch.save({"state_dict": resnet.state_dict()}, folder / "resnet.pth")
    save_script(seeded(Small), folder / "script.pt")
    (folder / "small.onnx").write_bytes(onnx_file(ONNX_WEIGHTS, (24, 20)))
    entries: dict[str, dict[str, Any]] = {
        "vit": {"kind": "timm", "architecture": "test_vit", "file": "vit.safetensors", "size": 160},
        "resnet": {"kind": "timm", "architecture": "test_resnet", "file": "resnet.pth", "size": [64, 48]},
        "script": {"kind": "torchscript", "file": "script.pt", "size": 32, "fit": "crop", "resize": "bilinear"},
    }
    if onnx:
        entries["onnx"] = {"kind": "onnx", "file": "small.onnx", "size": [24, 20]}
    return write_toml(folder / "encoders.toml", entries)


def same(found: np.ndarray, expected: torch.Tensor) -> None:
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=2e-5, atol=2e-6)
