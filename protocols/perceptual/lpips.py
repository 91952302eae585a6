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

    total = torch.zeros(len(generated[0]), dtype=torch.float64, device=generated[0].device)
    for a, b, head in zip(generated, target, heads, strict=True):
        for i in range(len(a)):  # one image at a time: intermediate tensors of a batch would be large
            difference = _unit_length(a[i]).sub_(_unit_length(b[i])).square_().mul_(head[0])
            total[i] += difference.sum(0).mean(dtype=torch.float64)
    return total


def _unit_length(maps: Tensor) -> Tensor:
    # The constant is that of the reference; it decides the result for pixels without activation.
    return maps / (maps.square().sum(0, keepdim=True).sqrt() + 1e-10)


def lpips(
    generated: NDArray[np.uint8],
    target: NDArray[np.uint8],
    variant: str = "alex-0.1",
    device: str | None = None,
    batch_size: int = 32,
) -> NDArray[np.float64]:
    """Learned perceptual image patch similarity of each pair: Zhang et al., CVPR 2018, as `lpips` 0.1.4 computes it.

    Args:
        generated: (N, H, W, 3) uint8 RGB; the function scales them to [-1, 1].
        target: the same.
        variant: "alex-0.1", "vgg-0.1" or "alex-0.0".
        device: "cpu" or "cuda"; default: "cuda" if available.
        batch_size: pairs per batch; it changes values by rounding only.

    Returns:
        (N,) float64, 0 or more, lower is better, 0 for identical images.

    Raises:
        ValueError: if the arrays are not two uint8 RGB stacks of the same shape, they are too small for the network
            (31 pixels for AlexNet, 16 for VGG16), the batch size is not positive, or the variant is unknown.
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
    network, heads = _network(_VARIANTS[variant].feature, device), _heads(_VARIANTS[variant].head, device)
    values = [
        map_distance(network.extract(generated[i : i + batch_size]), network.extract(target[i : i + batch_size]), heads)
        for i in range(0, len(generated), batch_size)
    ]
    return torch.cat(values).cpu().numpy() if values else np.empty(0)


@functools.cache
def _network(feature: str, device: str) -> MapFeature:
    from fhpt_bench.networks.alexnet import AlexNetMaps, AlexNetMapsUnscaled
    from fhpt_bench.networks.vgg import VGG16Maps

    classes: tuple[type[MapFeature], ...] = (AlexNetMaps, AlexNetMapsUnscaled, VGG16Maps)
    return next(made for made in classes if made.spec.id == feature)(device)


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
        "a larger image; images below 31 (AlexNet) or 16 (VGG16) pixels are refused."
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
        heads = _heads(_VARIANTS[self.variant].head, str(generated[0].device))
        return {"lpips": PairValues.of(map_distance(generated, target, heads).cpu().numpy())}
