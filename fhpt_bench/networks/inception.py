"""Inception v3: the FID's version of 2015-12-05 with four preprocessings, and torchvision's with two."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from fhpt_bench.data.real_images import to_device
from fhpt_bench.feature import FeatureSpec
from fhpt_bench.networks.convolutions import image_batch, resize_images
from fhpt_bench.networks.pooled import PooledFeature, resize_bicubic

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIDE = 299
_PADDED = 256


class FIDInception(PooledFeature):
    """pool3 (2048) of the 2015-12-05 Inception and its 1008 logits without bias, on pytorch-fid's input."""

    spec = FeatureSpec(
        "inception-2015",
        1,
        ("inception-2015-12-05",),
        "to [0, 1], torch bilinear without antialias to 299x299, to [-1, 1]",
    )
    title = "Inception"

    @staticmethod
    def network() -> nn.Module:
        """torchvision's Inception v3 with pytorch-fid 0.3.0's blocks, in which TensorFlow's version differs."""
        from pytorch_fid import inception
        from torchvision.models import inception_v3

        network: nn.Module = inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False)
        network.Mixed_5b = inception.FIDInceptionA(192, pool_features=32)
        network.Mixed_5c = inception.FIDInceptionA(256, pool_features=64)
        network.Mixed_5d = inception.FIDInceptionA(288, pool_features=64)
        network.Mixed_6b = inception.FIDInceptionC(768, channels_7x7=128)
        network.Mixed_6c = inception.FIDInceptionC(768, channels_7x7=160)
        network.Mixed_6d = inception.FIDInceptionC(768, channels_7x7=160)
        network.Mixed_6e = inception.FIDInceptionC(768, channels_7x7=192)
        network.Mixed_7b = inception.FIDInceptionE_1(1280)
        network.Mixed_7c = inception.FIDInceptionE_2(2048)
        return network

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self._head: Tensor = self._network.fc.weight  # type: ignore[assignment, union-attr]
        self._network.fc = nn.Identity()

    def prepare(self, images: NDArray[np.uint8]) -> Tensor:
        """The input, scaled and then resized as in pytorch-fid: the order changes the last digits."""
        x = image_batch(images, self._device).div_(255)
        return interpolate(x, (_SIDE, _SIDE), mode="bilinear", align_corners=False).mul_(2).sub_(1)

    def embed(self, x: Tensor) -> Tensor:
        """(N, 3056): 2048 pooled features, 1008 logits."""
        pooled: Tensor = self._network(x)
        # Without the bias of the head, as in the original inception score.
        return torch.cat([pooled, pooled @ self._head.T], 1)


class FIDInceptionPadded(FIDInception):
    """The same features on images with white borders up to 256x256, as in PATN and DRN."""

    spec = FeatureSpec(
        "inception-2015-padded",
        1,
        ("inception-2015-12-05",),
        "white borders to 256x256, to [0, 1], torch bilinear without antialias to 299x299, to [-1, 1]",
    )

    def prepare(self, images: NDArray[np.uint8]) -> Tensor:
        """The image in the centre of a white canvas.

        Raises:
            ValueError: if the image is larger than 256x256.
        """
        free = [_PADDED - side for side in images.shape[1:3]]
        if min(free) < 0:
            size = f"{images.shape[1]}x{images.shape[2]}"
            raise ValueError(f"images are padded to {_PADDED}x{_PADDED} pixels, but these have {size}")
        borders = [(side // 2, side - side // 2) for side in free]
        return super().prepare(np.pad(images, ((0, 0), *borders, (0, 0)), constant_values=255))


class FIDInceptionClean(FIDInception):
    """The same features on clean-fid's input: its resize, and its scale, which is that of the original network."""

    spec = FeatureSpec(
        "inception-2015-clean",
        1,
        ("inception-2015-12-05",),
        "Pillow bicubic with antialias in float32 to 299x299, (x - 128) / 128",
    )

    def prepare(self, images: NDArray[np.uint8]) -> Tensor:
        """The input, resized and then scaled."""
        x = torch.from_numpy(resize_bicubic(images, _SIDE)).permute(0, 3, 1, 2).contiguous()
        x = to_device(x, self._device)
        return x.sub_(128).div_(128)


class FIDInceptionTensorFlow(FIDInception):
    """The same features on the input of the original TensorFlow graph, which resizes images itself."""

    spec = FeatureSpec(
        "inception-2015-tensorflow",
        1,
        ("inception-2015-12-05",),
        "TensorFlow 1 bilinear without antialias to 299x299, (x - 128) / 128",
    )

    def prepare(self, images: NDArray[np.uint8]) -> Tensor:
        """The input, resized and then scaled."""
        return _resize_tensorflow(image_batch(images, self._device), _SIDE).sub_(128).div_(128)


def _resize_tensorflow(x: Tensor, side: int) -> Tensor:
    """Bilinear resize of TensorFlow 1: pixel i of the result is at i times the ratio of the sizes."""

    def places(length: int) -> tuple[Tensor, Tensor, Tensor]:
        at = torch.arange(side, device=x.device, dtype=torch.float32) * (length / side)
        low = at.floor()
        return low.long(), (low.long() + 1).clamp_(max=length - 1), at - low

    top, bottom, down = places(x.shape[2])
    left, right, across = places(x.shape[3])
    rows = [row[..., left] + (row[..., right] - row[..., left]) * across for row in (x[:, :, top], x[:, :, bottom])]
    return rows[0] + (rows[1] - rows[0]) * down[:, None]


class ImageNetInception(PooledFeature):
    """The last pooling (2048) of torchvision's ImageNet Inception, on the input of GFLA's tool.

    torchvision's network expects images normalised by ImageNet's mean and deviation and maps them to [-1, 1]; the tool
    gives it images in [0, 1], as the first pytorch-fid did. Many papers report the result as FID.
    """

    spec = FeatureSpec(
        "inception-imagenet-gfla",
        1,
        ("inception-imagenet",),
        "to [0, 1], torch bilinear without antialias to 299x299, torchvision's transform_input",
    )
    title = "Inception"

    @staticmethod
    def network() -> nn.Module:
        """torchvision's Inception v3 without its auxiliary head and its class head."""
        from torchvision.models import inception_v3

        network: nn.Module = inception_v3(weights=None, aux_logits=False, init_weights=False, transform_input=True)
        network.fc = nn.Identity()
        return network

    @staticmethod
    def renamed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The tensors without those of the two heads."""
        return {name: tensor for name, tensor in tensors.items() if not name.startswith(("AuxLogits.", "fc."))}

    def prepare(self, images: NDArray[np.uint8]) -> Tensor:
        """Images in [0, 1]."""
        x = image_batch(images, self._device).div_(255)
        return interpolate(x, (_SIDE, _SIDE), mode="bilinear", align_corners=False)

    def embed(self, x: Tensor) -> Tensor:
        """(N, 2048)."""
        pooled: Tensor = self._network(x)
        return pooled


class ImageNetInceptionLogits(PooledFeature):
    """The 1000 class logits of torchvision's ImageNet Inception, on the input of HR-VITON's script."""

    spec = FeatureSpec(
        "inception-imagenet-logits",
        1,
        ("inception-imagenet",),
        "Pillow bilinear with antialias in uint8 to 299x299, to [-1, 1]",
    )
    title = "Inception"

    @staticmethod
    def network() -> nn.Module:
        """torchvision's Inception v3 without its auxiliary head."""
        from torchvision.models import inception_v3

        network: nn.Module = inception_v3(weights=None, aux_logits=False, init_weights=False, transform_input=False)
        return network

    @staticmethod
    def renamed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The tensors without those of the auxiliary head."""
        return {name: tensor for name, tensor in tensors.items() if not name.startswith("AuxLogits.")}

    def prepare(self, images: NDArray[np.uint8]) -> Tensor:
        """The input, resized and then scaled, as torchvision's transforms do it with a Pillow image."""
        return image_batch(resize_images(images, (_SIDE, _SIDE)), self._device).div_(255).sub_(0.5).div_(0.5)

    def embed(self, x: Tensor) -> Tensor:
        """(N, 1000)."""
        logits: Tensor = self._network(x)
        return logits
