"""Encoders of the user's: what each file computes, what enters its identity, and what is refused."""

from __future__ import annotations

import importlib.util
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torch import nn

from fhpt_bench.errors import UserError
from fhpt_bench.networks import encoders
from fhpt_bench.networks.encoder import encoder_feature, fitted
from fhpt_bench.networks.encoders import READY, Encoder, known_encoders, read_encoders, use_encoders
from fhpt_bench.networks.faces_aligned import TEMPLATE, align_face, five_points
from tests.encoder_files import COMMON, ONNX_WEIGHTS, Small, save_script, seeded, sha256, write_encoders, write_toml
from tests.onnx_file import onnx_file

needs_onnx = pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime") is None, reason="onnxruntime (the extra `onnx`) is not installed"
)
RNG = np.random.default_rng(3)
IMAGES = RNG.integers(0, 256, (5, 61, 43, 3), np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("encoders")
    write_encoders(place)
    return place


@pytest.fixture(scope="module")
def read(folder: Path) -> dict[str, Encoder]:
    return read_encoders(folder / "encoders.toml")


@pytest.fixture(autouse=True)
def no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "_given", None)
    monkeypatch.delenv("FHPT_ENCODERS", raising=False)
    monkeypatch.delenv("FHPT_WEIGHTS_DIR", raising=False)


def prepared(size: tuple[int, int], way: Image.Resampling, images: np.ndarray = IMAGES) -> torch.Tensor:
    """The input by hand: Pillow's resize, [0, 1], mean and standard deviation."""
    small = np.stack([np.asarray(Image.fromarray(image).resize(size[::-1], way)) for image in images])
    x = (small / 255 - np.array(COMMON["mean"])) / np.array(COMMON["std"])
    return torch.from_numpy(x).permute(0, 3, 1, 2).float()


def same(found: np.ndarray, expected: torch.Tensor) -> None:
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=2e-5, atol=2e-6)


def test_a_timm_vit_gives_its_pooled_features(read: dict[str, Encoder]) -> None:
    model = seeded(lambda: timm.create_model("test_vit")).eval()
    model.reset_classifier(0)
    same(encoder_feature(read["vit"])("cpu").extract(IMAGES), model(prepared((160, 160), Image.Resampling.BICUBIC)))


def test_a_timm_resnet_may_have_a_classifier_of_its_own(read: dict[str, Encoder]) -> None:
    model = seeded(lambda: timm.create_model("test_resnet", num_classes=7)).eval()
    x = prepared((64, 48), Image.Resampling.BICUBIC)
    head = read["resnet"].model_copy(update={"output": "head"})
    same(encoder_feature(head)("cpu").extract(IMAGES), model(x))
    model.reset_classifier(0)
    same(encoder_feature(read["resnet"])("cpu").extract(IMAGES), model(x))


def test_weights_without_a_classifier_are_loaded(folder: Path) -> None:
    from safetensors.torch import save_file

    model = seeded(lambda: timm.create_model("test_vit", num_classes=0)).eval()
    save_file(model.state_dict(), folder / "bare.safetensors")
    entry = {"kind": "timm", "architecture": "test_vit", "file": "bare.safetensors", "size": [80, 112]}
    encoder = read_encoders(write_toml(folder / "bare.toml", {"bare": entry}))["bare"]
    wide = seeded(lambda: timm.create_model("test_vit", num_classes=0, img_size=(80, 112))).eval()
    wide.load_state_dict(timm.models.vision_transformer.checkpoint_filter_fn(model.state_dict(), wide))
    same(encoder_feature(encoder)("cpu").extract(IMAGES), wide(prepared((80, 112), Image.Resampling.BICUBIC)))


def test_a_torchscript_network_sees_the_middle_square(read: dict[str, Encoder]) -> None:
    x = prepared((32, 32), Image.Resampling.BILINEAR, IMAGES[:, 9:52])
    same(encoder_feature(read["script"])("cpu").extract(IMAGES), seeded(Small)(x))
    wide = fitted(IMAGES.transpose(0, 2, 1, 3), read["script"]).transpose(0, 2, 1, 3).astype(int)
    assert np.abs(wide - fitted(IMAGES, read["script"])).max() <= 1  # Pillow rounds between the two directions


@needs_onnx
def test_an_onnx_network(tmp_path: Path) -> None:
    encoder = read_encoders(write_encoders(tmp_path, onnx=True))["onnx"]
    x = prepared((24, 20), Image.Resampling.BICUBIC).double().numpy()
    found = encoder_feature(encoder)("cpu").extract(IMAGES)
    np.testing.assert_allclose(found, x.mean((2, 3)) @ ONNX_WEIGHTS[:, :, 0, 0].T, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["vit", "resnet", "script"])
def test_a_row_depends_on_its_image_only(read: dict[str, Encoder], name: str) -> None:
    feature = encoder_feature(read[name])("cpu")
    state = torch.random.get_rng_state()
    whole = feature.extract(IMAGES)
    np.testing.assert_array_equal(feature.extract(IMAGES[::-1])[::-1], whole)
    np.testing.assert_array_equal(np.concatenate([feature.extract(image[None]) for image in IMAGES]), whole)
    # Again, and by another object: TorchScript must not change its way after the first calls.
    np.testing.assert_array_equal(encoder_feature(read[name])("cpu").extract(IMAGES), whole)
    assert feature.extract(IMAGES[:0]).shape == (0, whole.shape[1])
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not np.array_equal(feature.extract(255 - IMAGES), whole)
    with pytest.raises(ValueError, match=rf"encoder {name} needs"):
        feature.extract(IMAGES.astype(np.float32))


def test_the_identity_covers_everything_that_can_change_a_value(read: dict[str, Encoder]) -> None:
    base = read["vit"]
    changes: list[dict[str, Any]] = [
        {"sha256": "0" * 64}, {"size": 176}, {"resize": "lanczos"}, {"mean": (0.1, 0.5, 0.6)},
        {"std": (0.2, 0.25, 0.4)}, {"fit": "crop"}, {"architecture": "test_vit2"}, {"output": "head"},
        {"positions": "dinov2"},
        {"kind": "torchscript", "architecture": None}, {"kind": "onnx", "architecture": None},
    ]  # fmt: skip
    made = [base, *(Encoder(**{**dict(base), **change}) for change in changes)]
    identities = {str(encoder.spec.identity({})) for encoder in made}
    assert len(identities) == len({encoder.feature for encoder in made}) == len(made)
    # Where it lies and what it is called do not: the same file elsewhere gives the same features.
    moved = Encoder(**{**dict(base), "file": "other.safetensors", "folder": Path("/"), "url": "https://example.org"})
    assert moved.spec == base.spec
    assert base.sha256 in base.text
    covered = set(Encoder.model_fields) - {"name", "folder", "file", "url"}
    assert {key for change in changes for key in change} == covered


def test_ready_encoders() -> None:
    ready = read_encoders(READY)
    assert list(ready) == ["dinov2-vitl14", "clip-vitl14-336", "clip-vitl14-336-whole", "arcface-r50", "arcface-mbf"]
    assert known_encoders() == ready
    for encoder in ready.values():
        assert encoder.url.startswith("https://")
        if encoder.architecture:
            config = timm.models.get_pretrained_cfg(encoder.architecture)
            assert config is not None
            assert (encoder.mean, encoder.std, encoder.resize) == (config.mean, config.std, config.interpolation)
    # OpenAI's address holds the digest.
    clip = ready["clip-vitl14-336"]
    assert f"/{clip.sha256}/" in clip.url
    assert clip.sides == (336, 336)
    assert "There is no file dinov2_vitl14_pretrain.pth of the encoder dinov2-vitl14: get it from https" in (
        ready["dinov2-vitl14"].problem() or ""
    )


def test_a_ready_file_is_found_in_the_folder_of_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(tmp_path))
    (tmp_path / "ViT-L-14-336px.pt").write_bytes(b"something else")
    problem = read_encoders(READY)["clip-vitl14-336"].problem() or ""
    assert f"has the sha256 {sha256(tmp_path / 'ViT-L-14-336px.pt')} in place of 3035c92b" in problem


def test_dinov2_position_embeddings(folder: Path) -> None:
    """At another size: bicubic (a = -0.75) without antialias, with the factor (new + 0.1) / old, as in DINOv2's code.

    The file has the names of DINOv2's, of which `mask_token` is not used.
    """
    model = seeded(lambda: timm.create_model("test_vit", num_classes=0)).eval()
    tensors = {**model.state_dict(), "mask_token": torch.zeros(1, 64)}
    torch.save(tensors, folder / "dino.pth")
    entry = {"kind": "timm", "architecture": "test_vit", "file": "dino.pth", "size": [64, 112]}
    path = write_toml(folder / "dino.toml", {"dino": {**entry, "positions": "dinov2"}, "other": entry})
    read = read_encoders(path)

    def weight(t: float) -> float:
        t, a = abs(t), -0.75
        if t <= 1:
            return (a + 2) * t**3 - (a + 3) * t**2 + 1
        return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a if t < 2 else 0.0

    def matrix(new: int, old: int) -> np.ndarray:
        rows = np.zeros((new, old))
        for i in range(new):
            place = (i + 0.5) * old / (new + 0.1) - 0.5
            for j in range(int(np.floor(place)) - 1, int(np.floor(place)) + 3):
                rows[i, min(max(j, 0), old - 1)] += weight(place - j)
        return rows

    grid = tensors["pos_embed"][0, 1:].double().numpy().reshape(10, 10, 64)
    expected = np.einsum("ia,jb,abd->ijd", matrix(4, 10), matrix(7, 10), grid).reshape(28, 64)
    wide = seeded(lambda: timm.create_model("test_vit", num_classes=0, img_size=(64, 112))).eval()
    fixed = {name: tensor for name, tensor in tensors.items() if name != "mask_token"}
    fixed["pos_embed"] = torch.cat([tensors["pos_embed"][:, :1], torch.from_numpy(expected).float()[None]], 1)
    wide.load_state_dict(fixed)
    found = encoder_feature(read["dino"])("cpu").extract(IMAGES)
    same(found, wide(prepared((64, 112), Image.Resampling.BICUBIC)))
    assert np.abs(found - encoder_feature(read["other"])("cpu").extract(IMAGES)).max() > 1e-3
    # At the network's own size there is nothing to adapt.
    own = [read[name].model_copy(update={"size": 160}) for name in read]
    one, two = (encoder_feature(encoder)("cpu").extract(IMAGES) for encoder in own)
    np.testing.assert_array_equal(one, two)


# Ours -> OpenAI's, in this order.
CLIP_NAMES = {
    "patch_embed.proj": "conv1", "pos_embed": "positional_embedding", "cls_token": "class_embedding",
    "blocks.": "transformer.resblocks.", "attn.qkv.": "attn.in_proj_", "attn.proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj", "norm1": "ln_1", "norm2": "ln_2", "norm.": "ln_post.",
    "head.weight": "proj",
}  # fmt: skip


class Empty(nn.Module):
    """A place for tensors."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image


def test_a_torchscript_archive_in_half_precision_as_weights(folder: Path) -> None:
    """OpenAI publishes CLIP so: timm's network is filled with its image part, and its projection becomes the head."""
    model = seeded(lambda: timm.create_model("test_vit")).eval()
    state = {name: tensor.half().float() for name, tensor in model.state_dict().items()}
    state["head.bias"] = torch.zeros(1000)
    model.load_state_dict(state)
    archive = Empty()
    archive.text = Empty()
    archive.text.register_buffer("weight", torch.zeros(3))
    archive.visual = Empty()
    shaped = {"head.weight": lambda t: t.T, "cls_token": lambda t: t[0, 0], "pos_embed": lambda t: t[0]}
    for name in set(state) - {"head.bias"}:
        value, key = shaped.get(name, lambda t: t)(state[name]).half().contiguous(), name
        for ours, theirs in CLIP_NAMES.items():
            key = key.replace(ours, theirs)
        place, (*modules, last) = archive.visual, key.split(".")
        for module in modules:
            if not hasattr(place, module):
                place.add_module(module, Empty())
            place = getattr(place, module)
        place.register_buffer(last, value)
    save_script(archive, folder / "clip.pt")
    entry = {"kind": "timm", "architecture": "test_vit", "file": "clip.pt", "size": 160, "output": "head"}
    encoder = read_encoders(write_toml(folder / "clip.toml", {"clip": entry}))["clip"]
    found = encoder_feature(encoder)("cpu").extract(IMAGES)
    assert found.shape == (5, 1000)
    same(found, model(prepared((160, 160), Image.Resampling.BICUBIC)))


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


def test_faces_are_mapped_to_the_template() -> None:
    """A drawn image whose five points are known: after the transform they lie at the template's places."""
    angle, scale, shift = 0.3, 0.45, np.array([70.0, 40.0])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = TEMPLATE @ turn.T + shift + 0.5  # the first pixel's centre is at .5 here, at 0 in the template
    y, x = np.mgrid[0:150, 0:160]
    image = np.zeros((150, 160, 3), np.uint8)
    for number, (px, py) in enumerate(points):
        spot = np.exp(-((x + 0.5 - px) ** 2 + (y + 0.5 - py) ** 2) / (2 * 1.5**2)) * 255
        image[..., number % 3] = np.maximum(image[..., number % 3], spot.astype(np.uint8))
    face = align_face(image, points)
    assert face.shape == (112, 112, 3)
    y, x = np.mgrid[0:112, 0:112]
    for number, place in enumerate(TEMPLATE):
        near = np.hypot(x - place[0], y - place[1]) < 9
        weight = face[..., number % 3] * near.astype(float)
        found = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
        assert np.abs(found - place).max() < 0.1
    assert (align_face(np.full((20, 20, 3), 255, np.uint8), points)[0, 0] == 0).all()


def test_five_points_of_a_face() -> None:
    face = np.zeros((68, 2))
    face[36:42], face[42:48], face[30], face[48], face[54] = [1, 2], [3, 2], [2, 4], [1, 6], [3, 6]
    assert five_points(face).tolist() == [[1, 2], [3, 2], [2, 4], [1, 6], [3, 6]]


def test_an_encoder_of_faces_leaves_out_images_without_one(tmp_path: Path) -> None:
    from fhpt_bench.benchmark import load_benchmark
    from fhpt_bench.data.images import read_image
    from fhpt_bench.data.keypoints import SLICES
    from fhpt_bench.networks.keypoints import MediaPipeHolistic

    photographs = load_benchmark("studio").folder
    files = [*sorted(photographs.glob("*_1front.jpg"))[:2], sorted(photographs.glob("*_3back.jpg"))[0]]
    images = np.stack([read_image(file) for file in files])
    network = save_script(seeded(Small), tmp_path / "face.pt")
    entry = {"kind": "torchscript", "file": "face.pt", "size": 112, "fit": "face", "resize": "bilinear"}
    encoder = read_encoders(write_toml(tmp_path / "e.toml", {"face": entry}))["face"]
    assert "mediapipe-holistic 1 (mediapipe " in encoder.text
    found = encoder_feature(encoder)("cpu").extract(images)
    points = MediaPipeHolistic("cpu").extract(images)[:, SLICES["face"]]
    assert np.isnan(points[2, :, 0]).all()
    assert np.isnan(found[2]).all()
    faces = np.stack([align_face(images[i], five_points(points[i, :, :2])) for i in range(2)])
    x = torch.from_numpy((faces / 255 - np.array(COMMON["mean"])) / np.array(COMMON["std"])).permute(0, 3, 1, 2)
    same(found[:2], network(x.float()))
    alone = encoder_feature(encoder)("cpu").extract(images[2:])
    assert alone.shape == (1, found.shape[1])
    assert np.isnan(alone).all()
