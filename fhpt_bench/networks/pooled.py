"""Classifiers as features: one vector per image, of the last pooling and optionally the class logits."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from fhpt_bench import weights
from fhpt_bench.feature import VectorFeature
from fhpt_bench.networks.convolutions import check_network_input, exact_float32
from fhpt_bench.threads import map_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray


def resize_bicubic(images: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
    """Bicubic resize with antialias in float32: Parmar et al., On Aliased Resizing, CVPR 2022 (clean-fid).

    Args:
        images: (N, H, W, 3) uint8.
        size: height and width of the result; the aspect ratio is not kept.

    Returns:
        (N, size, size, 3) float32, not rounded, clipped to 0..255.

    Examples:
        >>> resize_bicubic(np.full((1, 5, 4, 3), 7, np.uint8), 2)[0, :, :, 0].tolist()
        [[7.0, 7.0], [7.0, 7.0]]
    """
    resized = np.empty((len(images), size, size, 3), np.float32)

    def resize(position: int) -> None:
        for channel in range(3):  # Pillow supports float32 only in one-channel images
            plane = Image.fromarray(images[position, :, :, channel].astype(np.float32))
            resized[position, :, :, channel] = plane.resize((size, size), Image.Resampling.BICUBIC)

    map_threads(resize, range(len(images)))
    return resized.clip(0, 255)


class PooledFeature(VectorFeature):
    """The last pooling of a classifier, and optionally its class logits. Subclasses define the classifier.

    Args:
        device: "cpu" or "cuda".

    Raises:
        WeightsMissing: if the weights are available from no source.
    """

    title: ClassVar[str]
    layout: ClassVar[torch.memory_format] = torch.contiguous_format  # memory format of the tensors: the faster one

    def __init__(self, device: str) -> None:
        # Created without memory and filled by assignment: the caller's random state is not changed.
        with torch.device("meta"):
            self._network = self.network()
        (name,) = self.spec.weights
        self._network.load_state_dict(self.renamed(weights.load(name)), assign=True)
        self._network.requires_grad_(False).eval().to(device).to(memory_format=self.layout)
        self._device = device

    @staticmethod
    @abc.abstractmethod
    def network() -> nn.Module:
        """The classifier, without weights."""

    @staticmethod
    def renamed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The pinned tensors with the network's names."""
        return tensors

    @abc.abstractmethod
    def prepare(self, images: NDArray[np.uint8]) -> Tensor:
        """(N, H, W, 3) uint8 RGB -> the network's input, (N, 3, h, w) float32 on the device."""

    @abc.abstractmethod
    def embed(self, x: Tensor) -> Tensor:
        """(N, 3, h, w) -> (N, D): pooled features, then class logits if a protocol uses them."""

    def extract(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, H, W, 3) uint8 RGB -> (N, D) float32.

        Raises:
            ValueError: if the images have another shape or dtype.
        """
        check_network_input(images, self.title)
        with exact_float32(self._device):
            x = self.prepare(images).contiguous(memory_format=self.layout)
            rows: NDArray[np.float32] = self.embed(x).cpu().numpy()
        return rows
