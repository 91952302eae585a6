"""Encoders of the user's: what each file computes, and what enters its identity."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torch import nn

from fhpt_bench.networks.encoder import encoder_feature, fitted
from fhpt_bench.networks.encoders import READY, Encoder, known_encoders, read_encoders
from tests.encoder_files import (
    COMMON,
    ONNX_WEIGHTS,
    Small,
    same,
    save_script,
    seeded,
    sha256,
    write_encoders,
    write_toml,
)

pytestmark = pytest.mark.usefixtures("no_others")
needs_onnx = pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime") is None, reason="onnxruntime (the extra `onnx`) is not installed"
)
RNG = np.random.default_rng(3)
IMAGES = RNG.integers(0, 256, (5, 61, 43, 3), np.uint8)


def prepared(size: tuple[int, int], way: Image.Resampling, images: np.ndarray = IMAGES) -> torch.Tensor:
    """The input by hand: Pillow's resize, [0, 1], mean and standard deviation."""
    small = np.stack([np.asarray(Image.fromarray(image).resize(size[::-1], way)) for image in images])
    x = (small / 255 - np.array(COMMON["mean"])) / np.array(COMMON["std"])
    return torch.from_numpy(x).permute(0, 3, 1, 2).float()


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
