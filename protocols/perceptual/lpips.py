"""LPIPS: distance of two images in the feature maps of a network, with channel weights fitted to human judgements."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.protocol import ImagePairs, MetricCard, PairValues, PairwiseProtocol
from protocols.inputs import check_pairs, unfit_size

if TYPE_CHECKING:
    from torch import Tensor

    from fhpt_bench.benchmark import Benchmark
    from fhpt_bench.feature import MapFeature


_TOGETHER = 16  # pairs whose maps by pixel are computed at once on a GPU
_IN_CACHE = 1 << 16  # values of a map that are compared at once on a CPU


@dataclass(frozen=True)
class _Variant:
    """The definition of a variant, the maps that it compares, its channel weights, and the smallest images."""

    definition: str
    feature: str
    head: str
    smallest: int


_VARIANTS = {
    "alex-0.1": _Variant("AlexNet, LPIPS v0.1 weights", "alexnet-maps", "lpips-alex-0.1", 31),
    "vgg-0.1": _Variant("VGG16, LPIPS v0.1 weights", "vgg16-maps", "lpips-vgg-0.1", 16),
    "alex-0.0": _Variant(
        "AlexNet, LPIPS v0.0 weights, input not scaled, as in the first version of the paper",
        "alexnet-maps-unscaled",
        "lpips-alex-0.0",
        31,
    ),
    "squeeze-0.1": _Variant("SqueezeNet 1.1, LPIPS v0.1 weights", "squeezenet-maps", "lpips-squeeze-0.1", 17),
    "alex-128": _Variant(
        "as alex-0.1 on images resized to 128x128 with Pillow's bilinear filter",
        "alexnet-maps-128",
        "lpips-alex-0.1",
        1,
    ),
    "alex-unscaled": _Variant(
        "as alex-0.1, but on pixels in [0, 1], where the network expects [-1, 1]",
        "alexnet-maps-unit",
        "lpips-alex-0.1",
        31,
    ),
    "vgg-unscaled": _Variant(
        "as vgg-0.1, but on pixels in [0, 1], where the network expects [-1, 1]",
        "vgg16-maps-unit",
        "lpips-vgg-0.1",
        16,
    ),
}


def map_distance(generated: Sequence[Tensor], target: Sequence[Tensor], heads: Sequence[Tensor]) -> Tensor:
    """LPIPS from maps: Zhang et al., CVPR 2018, equation 1.

    Each pixel's channels are scaled to unit length; the squared differences are weighted per channel, averaged over
    the pixels and summed over the maps.

    Args:
        generated: L maps, map l (N, C_l, h_l, w_l) float32.
        target: the same.
        heads: L channel weights, each (1, C_l, 1, 1) float32, not negative.

    Returns:
        (N,) float64 on the maps' device, 0 or more.

    Raises:
        ValueError: if the three differ in length.

    Examples:
        >>> import torch
        >>> a, b = torch.zeros(1, 2, 3, 3), torch.zeros(1, 2, 3, 3)
        >>> a[:, 0], b[:, 1] = 5, 7
        >>> map_distance([a], [b], [torch.ones(1, 2, 1, 1)])
        tensor([2.], dtype=torch.float64)
    """
    import torch

    from fhpt_bench.networks.convolutions import separate

    total = torch.zeros(len(generated[0]), dtype=torch.float64, device=generated[0].device)
    for a, b, head in zip(generated, target, heads, strict=True):
        for part in separate(len(a), a.device):
            total[part] += _by_pixel(a[part], b[part], head[0]).mean((-2, -1), dtype=torch.float64)
    return total


def spatial_distance(
    generated: Sequence[Tensor], target: Sequence[Tensor], heads: Sequence[Tensor], size: tuple[int, int]
) -> Tensor:
    """LPIPS by pixel, as `lpips` 0.1.4 computes it with `spatial=True`.

    The distance at each pixel of a map is not averaged as in `map_distance`, but enlarged to the size of the images
    (bilinear, corners not aligned), and the maps are summed.

    Args:
        generated: L maps, map l (N, C_l, h_l, w_l) float32.
        target: the same.
        heads: L channel weights, each (1, C_l, 1, 1) float32, not negative.
        size: (H, W) of the images.

    Returns:
        (N, H, W) float32 on the maps' device, 0 or more.

    Raises:
        ValueError: if the three differ in length.

    Examples:
        >>> import torch
        >>> a, b = torch.zeros(1, 2, 3, 3), torch.zeros(1, 2, 3, 3)
        >>> a[:, 0, 0, 0], b[:, 1, 0, 0] = 5, 7
        >>> spatial_distance([a], [b], [torch.ones(1, 2, 1, 1)], (6, 6))[0, 0]
        tensor([2.0000, 1.5000, 0.5000, 0.0000, 0.0000, 0.0000])
    """
    import torch
    from torch.nn.functional import interpolate

    from fhpt_bench.networks.convolutions import separate

    total = torch.zeros(len(generated[0]), *size, device=generated[0].device)
    for a, b, head in zip(generated, target, heads, strict=True):
        for part in separate(len(a), a.device):
            distance = _by_pixel(a[part], b[part], head[0]).reshape(-1, 1, *a.shape[2:])
            larger = interpolate(distance, size, mode="bilinear", align_corners=False)
            total[part] += larger.reshape(total[part].shape)
    return total


def _by_pixel(generated: Tensor, target: Tensor, head: Tensor) -> Tensor:
    """(…, h, w) distances of two (…, C, h, w) maps."""
    import torch

    rows = generated.shape[-2]
    if generated.device.type == "cpu" and generated.stride(-3) == 1:
        # Row by row, what is computed stays in a core's cache. With channels last, the order of the sums is the same.
        rows = max(1, _IN_CACHE // (generated.shape[-3] * generated.shape[-1]))
    parts = zip(torch.split(generated, rows, -2), torch.split(target, rows, -2), strict=True)
    return torch.cat([_unit_length(a).sub_(_unit_length(b)).square_().mul_(head).sum(-3) for a, b in parts], -2)


def _unit_length(maps: Tensor) -> Tensor:
    # The constant is that of the reference; it decides the result for pixels without activation.
    return maps / (maps.square().sum(-3, keepdim=True).sqrt() + 1e-10)


def lpips(
    generated: NDArray[np.uint8],
    target: NDArray[np.uint8],
    variant: str = "alex-0.1",
    device: str | None = None,
    batch_size: int = 32,
) -> NDArray[np.float64]:
    """Learned perceptual image patch similarity of each pair: Zhang et al., CVPR 2018, as `lpips` 0.1.4 computes it.

    Args:
        generated: (N, H, W, 3) uint8 RGB; the function scales them as the variant says, to [-1, 1] by default.
        target: the same.
        variant: a key of `LPIPS.variants`, which has the definitions.
        device: "cpu" or "cuda"; default: "cuda" if available.
        batch_size: pairs per batch; it changes values by rounding only.

    Returns:
        (N,) float64, 0 or more, lower is better, 0 for identical images.

    Raises:
        ValueError: if the arrays are not two uint8 RGB stacks of the same shape, they are too small for the network
            (31 pixels for AlexNet, 16 for VGG16, 17 for SqueezeNet; any size for alex-128), the batch size is not
            positive, or the variant is unknown.
        WeightsMissing: if the network's weights are not available from any source.

    Examples:
        >>> images = np.random.default_rng(0).integers(0, 256, (2, 32, 48, 3), np.uint8)
        >>> lpips(images, images)
        array([0., 0.])
    """
    if variant not in _VARIANTS:
        raise ValueError(f"lpips has no variant {variant!r}; there are {', '.join(_VARIANTS)}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more, not {batch_size}")
    check_pairs(generated, target)
    import torch

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    network, heads = _network(_VARIANTS[variant].feature, device), channel_weights(variant, device)
    values = [
        map_distance(network.extract(generated[i : i + batch_size]), network.extract(target[i : i + batch_size]), heads)
        for i in range(0, len(generated), batch_size)
    ]
    return torch.cat(values).cpu().numpy() if values else np.empty(0)


def lpips_maps(
    generated: NDArray[np.uint8], target: NDArray[np.uint8], variant: str = "alex-0.1", device: str | None = None
) -> NDArray[np.float64]:
    """LPIPS of each pixel: its mean over the pixels is close to LPIPS, but not equal, since the maps are enlarged.

    A pixel's value depends on its surroundings, up to 81 pixels away in AlexNet: on the receptive field of each layer.

    Args:
        generated: (N, H, W, 3) uint8 RGB.
        target: the same.
        variant: "alex-0.1", "vgg-0.1" or "alex-0.0".
        device: "cpu" or "cuda"; default: "cuda" if available.

    Returns:
        (N, H, W) float64, 0 or more.

    Raises:
        ValueError: as `lpips`.
        WeightsMissing: if the network's weights are not available from any source.

    Examples:
        >>> images = np.random.default_rng(0).integers(0, 256, (2, 32, 48, 3), np.uint8)
        >>> lpips_maps(images, images).shape, float(lpips_maps(images, images).max())
        ((2, 32, 48), 0.0)
    """
    if variant not in _VARIANTS:
        raise ValueError(f"lpips has no variant {variant!r}; there are {', '.join(_VARIANTS)}")
    check_pairs(generated, target)
    import torch

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    network, heads = _network(_VARIANTS[variant].feature, device), channel_weights(variant, device)
    count, height, width, _ = generated.shape
    maps = np.empty((count, height, width))
    size = 1 if torch.device(device).type == "cpu" else _TOGETHER
    for i in range(0, count, size):
        one, other = network.extract(generated[i : i + size]), network.extract(target[i : i + size])
        maps[i : i + size] = spatial_distance(one, other, heads, (height, width)).cpu().numpy()
    return maps


def channel_weights(variant: str, device: str) -> tuple[Tensor, ...]:
    """The channel weights of a variant, one (1, C, 1, 1) float32 tensor per map.

    Args:
        variant: "alex-0.1", "vgg-0.1" or "alex-0.0".
        device: "cpu" or "cuda".

    Raises:
        WeightsMissing: if they are not available from any source.
    """
    return _heads(_VARIANTS[variant].head, device)


@functools.cache
def _network(feature: str, device: str) -> MapFeature:
    from fhpt_bench.feature import MapFeature, features

    network = features.load(feature)(device)
    if not isinstance(network, MapFeature):
        raise TypeError(f"the feature {feature} returns no maps")
    return network


@functools.cache
def _heads(name: str, device: str) -> tuple[Tensor, ...]:
    from fhpt_bench import weights

    tensors = weights.load(name)
    return tuple(tensors[f"lin{i}.model.1.weight"].to(device) for i in range(len(tensors)))


class LPIPS(PairwiseProtocol):
    """Learned perceptual image patch similarity, mean over pairs."""

    id = "lpips"
    title = "Learned perceptual image patch similarity"
    group = "perceptual"
    citation = "Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018"
    variants: ClassVar[Mapping[str, str]] = {name: variant.definition for name, variant in _VARIANTS.items()}
    used_by: ClassVar[Mapping[str, str]] = {
        "alex-0.1": "the default of its package; most papers do not name a network",
        "vgg-0.1": "papers that state VGG",
        "alex-0.0": "tools older than its package's v0.1",
        "squeeze-0.1": "VtonEval (Leffa) and CatVTON (eval.py)",
        "alex-128": "HR-VITON (evaluate.py)",
        "alex-unscaled": "PCDMs (metrics.py)",
        "vgg-unscaled": "DisCo (tool/metrics)",
    }
    metrics = (MetricCard("lpips", "LPIPS", higher_is_better=False, range=(0.0, np.inf), real=0.0),)
    numerics = "torch float32"
    moved_by = (
        "the network and the version of its channel weights: values of two variants are not comparable",
        "the range of the input: the network expects [-1, 1]",
        "the size of the images, and JPEG instead of PNG",
    )
    at_other_sizes = (
        "The network reads images at their own size, without a resize: each of its values sees a smaller part of "
        "a larger image; images below 31 (AlexNet), 17 (SqueezeNet) or 16 (VGG16) pixels are refused. "
        "`alex-128` resizes every image to 128x128, without keeping its shape."
    )

    def lacks(self, benchmark: Benchmark) -> str | None:
        """A reason if the images are too small for the network."""
        return unfit_size(benchmark, _VARIANTS[self.variant].smallest) or super().lacks(benchmark)

    @property
    def features(self) -> tuple[str, ...]:
        """The feature maps that this variant compares."""
        return (_VARIANTS[self.variant].feature,)

    @property
    def weights(self) -> tuple[str, ...]:
        """The channel weights of this variant."""
        return (_VARIANTS[self.variant].head,)

    def compare(self, images: ImagePairs) -> Mapping[str, PairValues]:
        """LPIPS of each pair, from the maps that the run extracted."""
        (feature,) = self.features
        generated, target = images.generated_maps[feature], images.target_maps[feature]
        heads = channel_weights(self.variant, str(generated[0].device))
        return {"lpips": PairValues.of(map_distance(generated, target, heads).cpu().numpy())}
