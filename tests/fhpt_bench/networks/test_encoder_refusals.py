"""Encoders of the user's: files and entries that are refused."""

from __future__ import annotations

import importlib.util
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from fhpt_bench.errors import UserError
from fhpt_bench.networks.encoder import encoder_feature
from fhpt_bench.networks.encoders import READY, Encoder, known_encoders, read_encoders, use_encoders
from tests.encoder_files import COMMON, ONNX_WEIGHTS, save_script, sha256, write_encoders, write_toml
from tests.onnx_file import onnx_file

pytestmark = pytest.mark.usefixtures("no_others")
needs_onnx = pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime") is None, reason="onnxruntime (the extra `onnx`) is not installed"
)
RNG = np.random.default_rng(3)
IMAGES = RNG.integers(0, 256, (5, 61, 43, 3), np.uint8)


class Returning(nn.Module):
    """A network with a wrong output."""

    def __init__(self, kind: int) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.kind == 0:
            return x
        if self.kind == 1:
            return x.mean()
        if self.kind == 2:
            return torch.log(x.mean((2, 3)))
        if self.kind == 3:
            return x.mean((2, 3))[:, :0]
        return x.reshape(2, -1)[:1]


class Several(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x.mean((2, 3)), x.mean((2, 3))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Returning(0), "The encoder net returns 1x3x9x9 for 1 image.s., not one tensor of .B, D.: export it again."),
        (Returning(1), "The encoder net returns  ?for"),
        (Returning(3), "The encoder net returns 1x0 for"),
        (Returning(4), "The encoder net fails on an input of 1x3x9x9: .*shape '.2, -1.' is invalid"),
        (Several(), "The encoder net returns a tuple for"),
    ],
)
def test_outputs_that_are_no_vectors_are_refused(tmp_path: Path, module: nn.Module, message: str) -> None:
    save_script(module, tmp_path / "net.pt")
    path = write_toml(tmp_path / "e.toml", {"net": {"kind": "torchscript", "file": "net.pt", "size": 9}})
    with pytest.raises(UserError, match=message) as caught:
        encoder_feature(read_encoders(path)["net"])("cpu")
    assert "\n" not in str(caught.value)


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    save_script(Returning(2), tmp_path / "net.pt")
    path = write_toml(tmp_path / "e.toml", {"net": {"kind": "torchscript", "file": "net.pt", "size": 9}})
    feature = encoder_feature(read_encoders(path)["net"])("cpu")
    assert np.isfinite(feature.extract(np.full((2, 9, 9, 3), 255, np.uint8))).all()
    with pytest.raises(ValueError, match=r"^the encoder net returns NaN or infinite numbers$"):
        feature.extract(np.stack([np.full((9, 9, 3), 255, np.uint8), np.zeros((9, 9, 3), np.uint8)]))


@needs_onnx
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (onnx_file(ONNX_WEIGHTS, (9, 9), outputs=2), r"has 2 outputs \(y0, y1\): export it with one"),
        (onnx_file(ONNX_WEIGHTS, (8, 8)), "fails on an input of 1x3x9x9"),
        (b"junk", "is no ONNX network in one file"),
        # Weights in another file have no digest: they are not read, even from the working directory.
        (onnx_file(ONNX_WEIGHTS, (9, 9), external="weights.bin"), "is no ONNX network in one file .*External data"),
        (onnx_file(ONNX_WEIGHTS, (9, 9), external="../weights.bin"), "is no ONNX network in one file .*External data"),
    ],
    ids=["outputs", "size", "junk", "external", "outside"],
)
def test_onnx_files_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    (tmp_path / "inside").mkdir()
    monkeypatch.chdir(tmp_path / "inside")
    for place in (tmp_path, tmp_path / "inside"):
        (place / "weights.bin").write_bytes(ONNX_WEIGHTS.tobytes())
    (tmp_path / "inside" / "net.onnx").write_bytes(content)
    path = write_toml(tmp_path / "inside" / "e.toml", {"net": {"kind": "onnx", "file": "net.onnx", "size": 9}})
    with pytest.raises(UserError, match=message) as caught:
        encoder_feature(read_encoders(path)["net"])("cpu")
    assert "\n" not in str(caught.value)


def test_without_onnxruntime_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = read_encoders(write_encoders(tmp_path, onnx=True))["onnx"]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "needs onnxruntime: pip install 'fhpt-bench[onnx]'." in (encoder.problem() or "")


TIMM = {"kind": "timm", "architecture": "test_vit", "file": "vit.safetensors", "size": 160}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"file": "none.pth", "sha256": "0" * 64}, "There is no file .*none.pth of the encoder net: correct `file`."),
        (
            {"file": "none.pth", "sha256": "0" * 64, "url": "https://example.org"},
            "There is no file .*: get it from https://example.org, or correct `file`.",
        ),
        ({"sha256": "0" * 64}, "vit.safetensors of the encoder net has the sha256 {sha} in place of 0{{64}}: "),
        ({"architecture": "resnet5"}, "timm .* has no architecture 'resnet5' .encoder net.: did you mean resnet50"),
        ({"architecture": "hf-hub:someone/network"}, "timm .* has no architecture 'hf-hub:someone/network'"),
        ({"architecture": "test_resnet"}, "does not fit timm's test_resnet .encoder net.: "),
        ({"size": 1}, "does not fit timm's test_vit|fails on an input of 1x3x1x1"),
        ({"positions": "dinov2", "architecture": "test_resnet", "file": "resnet.pth"}, "is no DINOv2 network"),
        ({"file": "script.pt"}, "does not fit timm's test_vit"),
        ({"file": "pickle.pth"}, "is no file of weights that can be read safely"),
        ({"file": "junk.safetensors"}, "is no file of weights that can be read safely"),
        ({"file": "list.pth"}, "is no table of tensors"),
        ({"kind": "torchscript", "architecture": None}, "is no TorchScript archive"),
    ],
)
def test_files_that_cannot_be_used(folder: Path, entry: dict[str, Any], message: str) -> None:
    (folder / "junk.safetensors").write_bytes(b"junk")
    (folder / "pickle.pth").write_bytes(pickle.dumps(Path("/")))
    torch.save([torch.zeros(2)], folder / "list.pth")
    path = write_toml(folder / "wrong.toml", {"net": {**TIMM, **entry}})
    with pytest.raises(UserError, match=message.format(sha=sha256(folder / "vit.safetensors"))) as caught:
        encoder_feature(read_encoders(path)["net"])("cpu")
    assert "\n" not in str(caught.value)


def test_nothing_of_a_pickle_runs(folder: Path) -> None:
    class Harmful:
        def __reduce__(self) -> Any:
            return Path.touch, (folder / "ran",)

    torch.save({"weight": Harmful()}, folder / "harmful.pth")
    path = write_toml(folder / "wrong.toml", {"net": {**TIMM, "file": "harmful.pth"}})
    with pytest.raises(UserError, match="can be read safely"):
        encoder_feature(read_encoders(path)["net"])("cpu")
    assert not (folder / "ran").exists()


def test_a_file_that_changes_after_the_check_is_not_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "moving.safetensors").write_bytes((folder / "vit.safetensors").read_bytes())
    path = write_toml(folder / "moving.toml", {"net": {**TIMM, "file": "moving.safetensors"}})
    encoder = read_encoders(path)["net"]
    assert encoder.problem() is None
    monkeypatch.setattr(Encoder, "problem", lambda self: None)
    (folder / "moving.safetensors").write_bytes(b"another")
    with pytest.raises(UserError, match="has changed: its sha256 is now"):
        encoder_feature(encoder)("cpu")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weigths": "x"}, "is wrong at net.weigths: there is no such key, "),
        ({"reszie": "box"}, "is wrong at net.reszie: there is no such key, did you mean resize"),
        ({"size": None}, "is wrong at net.size: Field required."),
        ({"size": 0}, "is wrong at net.size: "),
        ({"resize": "cubic"}, "is wrong at net.resize: Input should be 'nearest'"),
        ({"mean": [0.5]}, "is wrong at net.mean: "),
        ({"std": [0.5, 0, 0.5]}, "is wrong at net: std must be above 0."),
        ({"sha256": "abc"}, "is wrong at net.sha256: a sha256 has 64 hexadecimal digits."),
        ({"sha256": None}, r"gives no sha256 of net \(its file has {sha}\): write the digest that its authors state."),
        ({"sha256": None, "file": "none"}, r"gives no sha256 of net \(there is no file .*none yet\)"),
        ({"kind": "keras"}, "is wrong at net.kind: Input should be 'timm', 'torchscript' or 'onnx'."),
        ({"architecture": None}, "is wrong at net: timm needs an architecture."),
        ({"kind": "onnx"}, "is wrong at net: onnx takes no architecture."),
        ({"kind": "onnx", "architecture": None, "output": "head"}, "is wrong at net: onnx takes no output."),
        ({"fit": "face"}, 'is wrong at net: fit = "face" needs size = 112 and resize = "bilinear".'),
        ({"name": "x"}, "is wrong at net.name: there is no such key."),
    ],
)
def test_entries_that_are_refused(folder: Path, change: dict[str, Any], message: str) -> None:
    content = {**TIMM, **COMMON, "sha256": sha256(folder / "vit.safetensors"), **change}
    lines = [f"{key} = {value!r}" for key, value in content.items() if value is not None]
    (folder / "bad.toml").write_text("[net]\n" + "\n".join(lines) + "\n")
    with pytest.raises(UserError, match=message.format(sha=sha256(folder / "vit.safetensors"))) as caught:
        read_encoders(folder / "bad.toml")
    assert str(caught.value).startswith(str(folder / "bad.toml"))
    assert "\n" not in str(caught.value)


def test_files_of_encoders_that_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for text, message in (("x = 1", "has 'x', which is no encoder"), ("[Bad_Name]", "has 'Bad_Name', which is no"),
                          ("[a", "is not TOML that can be used")):  # fmt: skip
        (folder / "bad.toml").write_text(text)
        with pytest.raises(UserError, match=message):
            read_encoders(folder / "bad.toml")
    with pytest.raises(UserError, match=r"Cannot read .*none.toml"):
        use_encoders(folder / "none.toml")
    use_encoders(None)
    write_toml(folder / "taken.toml", {"dinov2-vitl14": TIMM})
    with pytest.raises(UserError, match="has 'dinov2-vitl14', the name of a ready encoder: choose another name"):
        use_encoders(folder / "taken.toml")
    use_encoders(None)
    monkeypatch.setenv("FHPT_ENCODERS", str(folder / "encoders.toml"))
    assert set(known_encoders()) == {*read_encoders(READY), "vit", "resnet", "script"}
    monkeypatch.setenv("FHPT_ENCODERS", "")
    assert known_encoders() == read_encoders(READY)


def test_reading_the_files_does_not_import_torch(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from fhpt_bench.networks import encoders as e; "
        f"e.use_encoders(Path({str(folder / 'encoders.toml')!r})); "
        "assert [x.problem() for x in e.known_encoders().values() if x.folder] == [None] * 3; "
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
