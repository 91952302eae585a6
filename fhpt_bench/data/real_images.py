"""The real images of a benchmark as arrays and tensors, and a generator's output as uint8."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.data.images import read_image
from fhpt_bench.threads import map_threads

if TYPE_CHECKING:
    from torch import Tensor

# 35 MB at 256x176.
_DECODED_IMAGES = 256


class RealImages:
    """The real images of a benchmark, decoded on demand; recently used ones stay in memory.

    Args:
        folder: folder of the images.
        size: their (height, width).
        digests: image name -> digest of its pixels.
        kept: number of images that stay in memory; default: enough for the images of neighbouring pairs.
    """

    def __init__(
        self, folder: Path, size: tuple[int, int], digests: dict[str, str], kept: int = _DECODED_IMAGES
    ) -> None:
        self._folder, self._size, self.digests, self._kept = folder, size, digests, kept
        self._read = functools.lru_cache(kept)(self._decode)

    def _decode(self, name: str) -> NDArray[np.uint8]:
        return read_image(self._folder / name, self._size)

    def keep(self, count: int) -> None:
        """Let at least this many decoded images stay in memory."""
        if count > self._kept:
            self._kept, self._read = count, functools.lru_cache(count)(self._decode)

    def stack(self, names: Sequence[str]) -> NDArray[np.uint8]:
        """(N, H, W, 3) uint8 of N images by name."""
        return np.stack(map_threads(self._read, names))


def to_tensor(images: NDArray[np.uint8]) -> Tensor:
    """(N, H, W, 3) uint8 -> (N, 3, H, W) float in [-1, 1]."""
    import torch

    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_device(tensor: Tensor, device: str) -> Tensor:
    """A tensor of the CPU on a device; the copy to a GPU is not waited for.

    Args:
        tensor: of the CPU.
        device: "cpu", "cuda" or "cuda:N".
    """
    if not device.startswith("cuda"):
        return tensor.to(device)
    # Only from pinned memory can the GPU copy while the CPU continues.
    return tensor.pin_memory().to(device, non_blocking=True)


def quantise(images: Tensor) -> NDArray[np.uint8]:
    """Convert a generator's output to the pixels of a PNG file: clip, then round to the nearest of 256 values.

    Args:
        images: (N, 3, H, W) float; values outside [-1, 1] are clipped.

    Returns:
        (N, H, W, 3) uint8.

    Examples:
        >>> import torch
        >>> quantise(torch.tensor([-2.0, 0.0, 1.0]).reshape(1, 3, 1, 1)).ravel().tolist()
        [0, 128, 255]
    """
    pixels = ((images.float().clamp(-1, 1) + 1) * 127.5).round().byte()
    result: NDArray[np.uint8] = pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return result
