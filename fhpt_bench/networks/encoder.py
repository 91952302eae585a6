"""The feature of an encoder that a TOML file names: timm with weights, TorchScript, or ONNX."""

from __future__ import annotations

import functools
import io
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from fhpt_bench.errors import UserError, did_you_mean
from fhpt_bench.feature import VectorFeature
from fhpt_bench.networks.convolutions import check_network_input, exact_float32, portions, resize_images
from fhpt_bench.networks.encoders import Encoder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fhpt_bench.networks.faces_aligned import AlignedFaces

Network = Callable[[Tensor], Any]


class EncoderFeature(VectorFeature):
    """The vectors of one encoder; `encoder_feature` makes a class for each.

    Args:
        device: "cpu" or "cuda".

    Raises:
        UserError: if the file is missing or another one, does not hold the network, or its output is not (B, D).
    """

    encoder: ClassVar[Encoder]

    def __init__(self, device: str) -> None:
        encoder = self.encoder
        # A file in a ready place may have another digest: `missing` says so before a run comes here.
        if problem := encoder.problem():
            raise UserError(problem)
        self._device = "cpu" if encoder.kind == "onnx" else device
        load = {"timm": _timm, "torchscript": _torchscript, "onnx": _onnx}[encoder.kind]
        with torch.random.fork_rng(devices=[]):  # timm draws weights before it replaces them
            self._network: Network = load(encoder, self._device)
        self._faces: AlignedFaces | None = None
        if encoder.fit == "face":
            from fhpt_bench.networks.faces_aligned import AlignedFaces

            self._faces = AlignedFaces()
        with exact_float32(self._device):
            # A first image of zeros: a wrong output is found before anything slow.
            self._length = self._run(np.zeros((1, *encoder.sides, 3), np.uint8)).shape[1]

    @classmethod
    def missing(cls) -> str | None:
        """Why its file cannot be used here, or None."""
        return cls.encoder.problem()

    def extract(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, H, W, 3) uint8 RGB -> (N, D) float32; NaN for an image without a face, if the encoder is one of faces.

        Raises:
            ValueError: if the images have another shape or dtype, or the network returns NaN or infinite numbers.
            UserError: if the network fails.
        """
        check_network_input(images, f"the encoder {self.encoder.name}")
        rows = np.full((len(images), self._length), np.nan, np.float32)
        shown = np.arange(len(images))
        if self._faces is not None:
            images, shown = self._faces.crops(images)
        else:
            images = fitted(images, self.encoder)
        with exact_float32(self._device):
            start = 0
            for portion in portions(images, self._device if self.encoder.kind != "onnx" else "cpu"):
                found = self._run(portion)
                if not np.isfinite(found).all():
                    raise ValueError(f"the encoder {self.encoder.name} returns NaN or infinite numbers")
                rows[shown[start : start + len(portion)]] = found
                start += len(portion)
        return rows

    def _run(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(B, h, w, 3) uint8 of the network's size -> (B, D) float32."""
        name = self.encoder.name
        x = torch.from_numpy(images).to(self._device).permute(0, 3, 1, 2).to(torch.float32).div_(255)
        mean, std = (x.new_tensor(values).view(3, 1, 1) for values in (self.encoder.mean, self.encoder.std))
        try:
            found = self._network(x.sub_(mean).div_(std).contiguous())
        except Exception as error:  # a network of a stranger may fail in any way
            given = "x".join(map(str, x.shape))
            raise UserError(f"The encoder {name} fails on an input of {given}: {_reason(error)}.") from error
        if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != len(images) or not found.shape[1]:
            got = "x".join(map(str, found.shape)) if isinstance(found, Tensor) else f"a {type(found).__name__}"
            raise UserError(
                f"The encoder {name} returns {got} for {len(images)} image(s), not one tensor of (B, D): export it "
                "again."
            )
        vectors: NDArray[np.float32] = found.to(torch.float32).cpu().numpy()
        return vectors


@functools.lru_cache(maxsize=64)
def encoder_feature(encoder: Encoder) -> type[EncoderFeature]:
    """The feature class of an encoder.

    Args:
        encoder: an entry of an encoders file; nothing is opened.

    Examples:
        >>> from fhpt_bench.networks.encoders import known_encoders
        >>> encoder_feature(known_encoders()["dinov2-vitl14"]).spec.backend
        'torch'
    """
    return type("EncoderFeature", (EncoderFeature,), {"encoder": encoder, "spec": encoder.spec})


def fitted(images: NDArray[np.uint8], encoder: Encoder) -> NDArray[np.uint8]:
    """Images in the size of an encoder's input, by Pillow on uint8, as torchvision resizes Pillow images.

    Args:
        images: (N, H, W, 3) uint8.
        encoder: an encoder of whole images or of middle squares.

    Returns:
        (N, h, w, 3) uint8.
    """
    height, width = encoder.sides
    if encoder.fit == "crop":
        side = min(images.shape[1:3])
        top, left = ((length - side) // 2 for length in images.shape[1:3])
        images = images[:, top : top + side, left : left + side]
    way = Image.Resampling[encoder.resize.upper()]
    return resize_images(images, (height, width), way)


def _timm(encoder: Encoder, device: str) -> Network:
    import timm

    architecture = encoder.architecture or ""
    if not timm.is_model(architecture):  # above all no address of a hub, which timm would download
        known = did_you_mean(architecture, timm.list_models())
        raise UserError(
            f"timm {timm.__version__} has no architecture {architecture!r} (encoder {encoder.name}): {known}"
        )
    tensors = _tensors(encoder)
    config: Any = timm.models.get_pretrained_cfg(architecture)
    classifier = config.classifier if isinstance(config.classifier, str) else ""
    arguments: dict[str, Any] = {"img_size": encoder.sides} if config.fixed_input_size else {}
    if encoder.positions == "dinov2":
        tensors = _with_dinov2_positions(tensors, encoder)
    # A checkpoint of the user's may have another number of classes, or none.
    own = tensors.get(f"{classifier}.weight")
    counts = [len(own)] if own is not None else [config.num_classes, 0]
    problem: Exception | None = None
    for count in dict.fromkeys(counts):
        overlay = {"state_dict": dict(tensors), "num_classes": count}
        try:
            # All tensors must fit: timm's loading is strict if both numbers of classes are equal.
            model: nn.Module = timm.create_model(
                architecture, pretrained=True, num_classes=count, pretrained_cfg_overlay=overlay, **arguments
            )
            break
        except Exception as error:  # tensors that do not fit fail in many ways
            problem = problem or error
    else:
        assert problem is not None
        raise UserError(
            f"The file {encoder.path} does not fit timm's {architecture} (encoder {encoder.name}): {_reason(problem)}."
        ) from problem
    if encoder.output == "pooled":
        model.reset_classifier(0)  # type: ignore[operator]
    return model.requires_grad_(False).eval().to(device=device, dtype=torch.float32)


def _tensors(encoder: Encoder) -> dict[str, Tensor]:
    """The tensors of a weights file: safetensors, a checkpoint of tensors only, or a TorchScript archive."""
    from safetensors.torch import load

    content = encoder.content()
    try:
        if encoder.file.endswith(".safetensors"):
            return load(content)
        if _is_torchscript(content):
            found = _loaded_script(content, "cpu").state_dict()
        else:
            found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # damaged and foreign files fail in many ways
        raise UserError(
            f"The file {encoder.path} of the encoder {encoder.name} is no file of weights that can be read safely "
            f"({_reason(error)}): save its tensors as safetensors."
        ) from error
    for key in ("model", "state_dict"):  # as training code saves them
        found = found.get(key, found) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not all(isinstance(tensor, Tensor) for tensor in found.values()):
        raise UserError(f"The file {encoder.path} of the encoder {encoder.name} is no table of tensors.")
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in found.items()}


def _with_dinov2_positions(tensors: dict[str, Tensor], encoder: Encoder) -> dict[str, Tensor]:
    """The position embedding for the encoder's size, as DINOv2's own network computes it.

    Source: facebookresearch/dinov2, vision_transformer.py: bicubic without antialias, with a scale factor of
    (new side + 0.1) / old side, which timm's antialiased resize is not.
    """
    embedding, patches = tensors.get("pos_embed"), tensors.get("patch_embed.proj.weight")
    if embedding is None or patches is None or patches.ndim != 4:
        raise UserError(
            f'The encoder {encoder.name} has positions = "dinov2", but {encoder.path} is no DINOv2 network.'
        )
    side = round((embedding.shape[1] - 1) ** 0.5)
    new = [length // patch for length, patch in zip(encoder.sides, patches.shape[2:], strict=True)]
    if new == [side, side]:
        return tensors
    grid = embedding[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
    factors = tuple((length + 0.1) / side for length in new)
    grid = nn.functional.interpolate(grid, scale_factor=factors, mode="bicubic")
    rows = grid.permute(0, 2, 3, 1).reshape(1, new[0] * new[1], -1)
    return {**tensors, "pos_embed": torch.cat([embedding[:, :1], rows], 1)}


def _torchscript(encoder: Encoder, device: str) -> Network:
    content = encoder.content()
    if not _is_torchscript(content):
        raise UserError(f"The file {encoder.path} of the encoder {encoder.name} is no TorchScript archive.")
    try:
        network = _loaded_script(content, device).eval()
    except Exception as error:  # damaged and foreign files fail in many ways
        raise UserError(
            f"The file {encoder.path} of the encoder {encoder.name} is damaged: {_reason(error)}."
        ) from error

    plain: Any = torch.jit.optimized_execution  # type: ignore[attr-defined]

    def run(x: Tensor) -> Any:
        # Without the optimiser, which would compute the first images in another way than later ones.
        with plain(False):
            return network(x)

    return run


def _loaded_script(content: bytes, device: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch announces that TorchScript will go
        return torch.jit.load(io.BytesIO(content), map_location=device)  # type: ignore[no-untyped-call]


def _is_torchscript(content: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


def _onnx(encoder: Encoder, device: str) -> Network:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4
    with tempfile.TemporaryDirectory() as empty:
        # Weights in other files have no digest: they are looked for in an empty folder, and not found.
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", empty)
        try:
            session = onnxruntime.InferenceSession(encoder.content(), options, providers=["CPUExecutionProvider"])
        except UserError:
            raise
        except Exception as error:  # the library has an error class of its own for each reason
            raise UserError(
                f"The file {encoder.path} of the encoder {encoder.name} is no ONNX network in one file "
                f"({_reason(error)}): export it again."
            ) from error
    names = [[place.name for place in places] for places in (session.get_inputs(), session.get_outputs())]
    for places, what in zip(names, ("input", "output"), strict=True):
        if len(places) != 1:
            raise UserError(
                f"The encoder {encoder.name} has {len(places)} {what}s ({', '.join(places)}): export it with one."
            )

    def run(x: Tensor) -> Tensor:
        found: NDArray[np.float32] = session.run(names[1], {names[0][0]: x.numpy()})[0]
        return torch.from_numpy(found)

    return run


def _reason(error: Exception) -> str:
    """The last line of an error's message that says something, as a clause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300].rstrip(". ")
