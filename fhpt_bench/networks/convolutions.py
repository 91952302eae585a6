"""Code shared by the networks: input checks, exact float32, and the base class of the maps that LPIPS compares."""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from fhpt_bench import weights
from fhpt_bench.data.real_images import to_device
from fhpt_bench.feature import MapFeature
from fhpt_bench.threads import map_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

# LPIPS's input scaling: the ImageNet mean and standard deviation, rounded, for images in [-1, 1].
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)


# Options that a caller (such as training code) may have set for speed, and the values that evaluation needs. The
# per-operator options decide: torch refuses to read the old `allow_tf32` if it does not fit them.
_BACKENDS: Any = torch.backends
_EXACT: tuple[tuple[Any, str, Any], ...] = (
    (_BACKENDS.cudnn.conv, "fp32_precision", "ieee"),
    (_BACKENDS.cudnn.rnn, "fp32_precision", "ieee"),
    (_BACKENDS.mkldnn.conv, "fp32_precision", "ieee"),
    (_BACKENDS.mkldnn.rnn, "fp32_precision", "ieee"),
    (_BACKENDS.cuda.matmul, "fp32_precision", "ieee"),
    (_BACKENDS.mkldnn.matmul, "fp32_precision", "ieee"),
    (_BACKENDS.cudnn, "benchmark", False),
    (_BACKENDS.cudnn, "deterministic", True),
)


@contextlib.contextmanager
def exact_kernels() -> Iterator[None]:
    """Exact float32 whatever the caller has set: no TF32, no kernels chosen by timing; an active autocast stays."""
    before = [(owner, switch, getattr(owner, switch)) for owner, switch, _ in _EXACT]
    exact = list(_EXACT)
    with contextlib.suppress(RuntimeError):  # it does not fit the caller's own options
        # Changed as well, first since it changes others: a model may read it, as `torch.backends.cudnn.flags` does.
        before.insert(0, (_BACKENDS.cudnn, "allow_tf32", _BACKENDS.cudnn.allow_tf32))
        exact.insert(0, (_BACKENDS.cudnn, "allow_tf32", False))
    try:
        for owner, switch, value in exact:
            setattr(owner, switch, value)
        yield
    finally:
        for owner, switch, value in before:
            setattr(owner, switch, value)


@contextlib.contextmanager
def exact_float32(device: str) -> Iterator[None]:
    """Inference with `exact_kernels` and without autocast."""
    with exact_kernels(), torch.inference_mode(), torch.autocast(torch.device(device).type, enabled=False):
        yield


def moved(network: nn.Module, device: str | torch.device) -> None:
    """Move a network of convolutions to a device, in the memory layout that is the faster one there.

    On a CPU this is channels last: with the other layout every call reorders the weights, which takes as long as the
    convolution of a small image. The values of the network stay the same.

    Args:
        network: changed in place.
        device: the device.

    Examples:
        >>> layer = nn.Conv2d(2, 3, 3)
        >>> moved(layer, "cpu")
        >>> layer.weight.is_contiguous(memory_format=torch.channels_last)
        True
    """
    on_cpu = torch.device(device).type == "cpu"
    network.to(device).to(memory_format=torch.channels_last if on_cpu else torch.contiguous_format)


def check_network_input(images: NDArray[np.uint8], title: str) -> None:
    """Refuse anything but (N, H, W, 3) uint8.

    Args:
        images: the input of a network.
        title: title of the network, for the message.

    Raises:
        ValueError: if shape or dtype is wrong; the message gives both.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise ValueError(f"{title} needs (N, H, W, 3) uint8 images, not {images.shape} {images.dtype}")


def portions(images: NDArray[np.uint8], device: str) -> list[NDArray[np.uint8]]:
    """Split images into batches for a network: on a CPU one image each, else all together.

    On a CPU larger batches save no time, and would change an image's values in the last bits.

    Args:
        images: (N, H, W, 3).
        device: "cpu" or "cuda".
    """
    size = 1 if device == "cpu" else max(1, len(images))
    return [images[i : i + size] for i in range(0, len(images), size)]


def resize_images(
    images: NDArray[np.uint8], size: tuple[int, int], way: Image.Resampling = Image.Resampling.BILINEAR
) -> NDArray[np.uint8]:
    """Resize images as a whole with Pillow, which filters and rounds in uint8.

    Args:
        images: (N, H, W, 3).
        size: (height, width) of the result; the aspect ratio is not kept.
        way: Pillow's filter.

    Returns:
        (N, height, width, 3).

    Examples:
        >>> resize_images(np.full((1, 5, 4, 3), 7, np.uint8), (2, 3)).shape
        (1, 2, 3, 3)
    """
    resized = np.empty((len(images), *size, 3), np.uint8)

    def resize(position: int) -> None:
        image = Image.fromarray(np.ascontiguousarray(images[position]))
        resized[position] = image.resize(size[::-1], way)

    map_threads(resize, range(len(images)))
    return resized


def separate(count: int, device: torch.device) -> list[int] | list[slice]:
    """How sums over maps are computed: on a CPU image by image, on a GPU all together.

    On a CPU the intermediate tensors of a batch would be large, and the order of a sum may depend on the batch size.

    Args:
        count: number of images.
        device: of the maps.

    Returns:
        Indices of the maps' first dimension.

    Examples:
        >>> separate(3, torch.device("cpu")), separate(3, torch.device("cuda"))
        ([0, 1, 2], [slice(None, None, None)])
    """
    return list(range(count)) if device.type == "cpu" else [slice(None)]


def image_batch(images: NDArray[np.uint8], device: str) -> Tensor:
    """(N, H, W, 3) uint8 RGB -> (N, 3, H, W) float32 from 0 to 255 on the device."""
    # A copy, since a view may be read-only or have negative strides, even one of a single image.
    x = to_device(torch.from_numpy(images.copy()), device).permute(0, 3, 1, 2)
    return x.to(torch.float32, memory_format=torch.contiguous_format)


class ConvolutionMaps(MapFeature):
    """Feature maps after some ReLUs of a plain stack of convolutions. Subclasses define the stack.

    Args:
        device: "cpu" or "cuda".

    Raises:
        WeightsMissing: if the weights are available from no source.
    """

    title: ClassVar[str]
    taps: ClassVar[tuple[int, ...]]
    smallest: ClassVar[int]
    scaled: ClassVar[bool] = True
    black: ClassVar[int] = -1  # the value of black before the scaling layer, -1 or 0; that of white is 1
    layout: ClassVar[torch.memory_format] = torch.contiguous_format  # memory format of the tensors: the faster one

    def __init__(self, device: str) -> None:
        # Created without memory and filled by assignment: the caller's random state is not changed.
        with torch.device("meta"):
            self._layers = self.layers()
        (name,) = self.spec.weights
        nn.ModuleDict({"features": self._layers}).load_state_dict(weights.load(name), assign=True)
        self._layers.requires_grad_(False).eval().to(device).to(memory_format=self.layout)
        self._device = device

    @staticmethod
    @abc.abstractmethod
    def layers() -> nn.Sequential:
        """The stack, numbered as torchvision's `features`."""

    def extract(self, images: NDArray[np.uint8]) -> tuple[Tensor, ...]:
        """(N, H, W, 3) uint8 RGB -> one map for each tap, (N, C, h, w) float32 on the device.

        Raises:
            ValueError: if the images have another shape or dtype, or are too small for the last map.
        """
        check_network_input(images, self.title)
        if min(images.shape[1:3]) < self.smallest:
            size = f"{images.shape[1]}x{images.shape[2]}"
            raise ValueError(
                f"{self.title} needs images of at least {self.smallest}x{self.smallest} pixels, not {size}"
            )
        with exact_float32(self._device):
            parts = [self.embed(self.prepare(portion)) for portion in portions(images, self._device)]
            return tuple(torch.cat(maps) for maps in zip(*parts, strict=True))

    def prepare(self, images: NDArray[np.uint8]) -> Tensor:
        """(N, H, W, 3) uint8 RGB -> the network's input, (N, 3, H, W) float32 on the device."""
        x = image_batch(images, self._device)
        x = x.div_(127.5).sub_(1) if self.black else x.div_(255)
        if self.scaled:
            shift, scale = (x.new_tensor(value).view(3, 1, 1) for value in (_SHIFT, _SCALE))
            x = x.sub_(shift).div_(scale)
        return x.contiguous(memory_format=self.layout)

    def embed(self, x: Tensor) -> list[Tensor]:
        """(N, 3, H, W) -> one map for each tap."""
        maps = []
        for position, layer in enumerate(self._layers):
            x = layer(x)
            if position in self.taps:
                maps.append(x)
        return maps
