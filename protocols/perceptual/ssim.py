"""Structural similarity, as recommended and as papers on pose transfer compute it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.protocol import ImagePairs, MetricCard, PairValues, PairwiseProtocol
from fhpt_bench.threads import map_threads
from protocols.inputs import check_pairs, unfit_size

if TYPE_CHECKING:
    from fhpt_bench.benchmark import Benchmark

RADIUS = 5  # of the canonical window, in pixels
_GAUSSIAN = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


@dataclass(frozen=True)
class _Variant:
    """Arguments of one variant for scikit-image's `structural_similarity`, which the field commonly uses.

    Args:
        definition: the definition in words, for the card.
        window: side of the window in pixels, which is also the smallest image size.
        arguments: further arguments, in addition to the window and the data range.
        measured_range: whether data range = largest - smallest value of the generated image; otherwise 255.
        border: number of white columns added on the left and on the right before comparing.
        mirror: number of pixels by which the image is reflected at each edge, so that no border is excluded.
        grey: None for RGB, or how the image becomes grey: "pillow" or "opencv".
        taps: length of the Gaussian where it is longer than the window: scikit-image up to 0.14.2 used 13 pixels, and
            excluded a border of 5 pixels, that of its window of 11.
    """

    definition: str
    window: int = 2 * RADIUS + 1
    arguments: Mapping[str, Any] = field(default_factory=lambda: _GAUSSIAN)
    measured_range: bool = False
    border: int = 0
    mirror: int = 0
    grey: str | None = None
    taps: int | None = None


_VARIANTS = {
    "canonical": _Variant(
        "Gaussian window of 11 pixels, sigma 1.5, population covariance, data range 255 on uint8 RGB, border of 5 "
        "pixels excluded, mean over channels and pixels"
    ),
    "patn": _Variant(
        "as canonical on images with 40 white columns on the left and on the right, with a Gaussian of 13 pixels; data "
        "range = max - min of the padded generated image (255 if that is 0), as PATN's tool computes it",
        measured_range=True,
        border=40,
        taps=13,
    ),
    "market": _Variant(
        "as patn without the white columns: a Gaussian of 13 pixels, data range = max - min of the generated image "
        "(255 if that is 0)",
        measured_range=True,
        taps=13,
    ),
    # [0, 1] images with data range 1 and [0, 255] images with data range 255 give the same number.
    "gfla": _Variant("uniform window of 51 pixels, sample covariance, data range 1 on RGB in [0, 1]", 51, {}),
    "pidm": _Variant(
        "Gaussian window of 9 pixels, sigma 1.2, population covariance, data range = max - min of the generated image "
        "(255 if that is 0)",
        9,
        {**_GAUSSIAN, "sigma": 1.2},
        measured_range=True,
    ),
    "skimage": _Variant(
        "scikit-image's defaults: uniform window of 7 pixels, sample covariance, data range 255", 7, {}
    ),
    "cfld-256": _Variant(
        "as canonical, but data range = max - min of the generated image (255 if that is 0)",
        measured_range=True,
    ),
    "torchmetrics": _Variant(
        "as canonical, but no border is excluded: the images are reflected at their edges, as torchmetrics does from "
        "version 1.4.2 on (up to 1.4.1 it excludes the border and is equal to canonical)",
        mirror=5,
    ),
    "grey": _Variant(
        "uniform window of 7 pixels, sample covariance, data range 255 on grey images (OpenCV's weights)",
        7,
        {},
        grey="opencv",
    ),
    "hr-viton": _Variant("as canonical on grey images (Pillow's weights)", grey="pillow"),
}
# Weights of red, green and blue in 2^16 and in 2^15 parts: ITU-R BT.601, rounded as each library (OpenCV 4) does.
_GREY = {"pillow": ((19595, 38470, 7471), 16), "opencv": ((9798, 19235, 3735), 15)}


def ssim(generated: NDArray[np.uint8], target: NDArray[np.uint8], variant: str = "canonical") -> NDArray[np.float64]:
    """Structural similarity of each pair: Wang et al., Image Quality Assessment, IEEE TIP 2004, equation 13.

    Args:
        generated: (N, H, W, 3) uint8 RGB.
        target: the same.
        variant: a key of `SSIM.variants`, which has the definitions.

    Returns:
        (N,) float64 in [-1, 1], higher is better, 1 for identical images.

    Raises:
        ValueError: if the arrays are not two uint8 RGB stacks of the same shape, they are smaller than the window
            (canonical: 11 pixels), or the variant is unknown.

    Examples:
        >>> images = np.random.default_rng(0).integers(0, 256, (2, 32, 24, 3), np.uint8)
        >>> ssim(images, images)
        array([1., 1.])
        >>> bool((ssim(images, 255 - images) < 0).all())
        True
    """
    if variant not in _VARIANTS:
        raise ValueError(f"ssim has no variant {variant!r}; there are {', '.join(_VARIANTS)}")
    chosen = _VARIANTS[variant]
    check_pairs(generated, target, chosen.window)

    def similarity(pair: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> float:
        a, b = (_prepared(image, chosen) for image in pair)
        data_range = (int(a.max()) - int(a.min()) if chosen.measured_range else 0) or 255
        return _similarity(a, b, data_range, chosen)

    return np.array(map_threads(similarity, zip(generated, target, strict=True)), np.float64)


def _similarity(a: NDArray[np.uint8], b: NDArray[np.uint8], data_range: int, variant: _Variant) -> float:
    """SSIM of two prepared images."""
    if variant.taps is not None:
        return _with_long_gaussian(a, b, data_range, variant)
    # Imported here: the import takes a third of a second, which listing the protocols does not need.
    from skimage.metrics import structural_similarity

    similarity: Callable[..., float] = structural_similarity
    axis = None if variant.grey else -1
    return similarity(a, b, win_size=variant.window, data_range=data_range, channel_axis=axis, **variant.arguments)


def _with_long_gaussian(a: NDArray[np.uint8], b: NDArray[np.uint8], data_range: int, variant: _Variant) -> float:
    """SSIM of RGB images, whose Gaussian of `taps` pixels sees mirrored ones beyond the edges, as in old versions."""
    from scipy.ndimage import gaussian_filter

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        smooth: NDArray[np.float64] = gaussian_filter(values, variant.arguments["sigma"], radius=taps // 2, axes=(0, 1))
        return smooth

    x, y, taps = a.astype(np.float64), b.astype(np.float64), variant.taps or variant.window
    mean_x, mean_y = mean(x), mean(y)
    variance = mean(x * x) - mean_x**2 + mean(y * y) - mean_y**2
    covariance = mean(x * y) - mean_x * mean_y
    small = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    values = (2 * mean_x * mean_y + small[0]) * (2 * covariance + small[1])
    values /= (mean_x**2 + mean_y**2 + small[0]) * (variance + small[1])
    edge = variant.window // 2
    return float(values[edge:-edge, edge:-edge].mean())


def ssim_maps(generated: NDArray[np.uint8], target: NDArray[np.uint8]) -> NDArray[np.float64]:
    """SSIM of each pixel's window, mean over channels, in the variant `canonical`.

    Within `RADIUS` pixels of the border the window is larger than the image, which is reflected: `ssim` excludes these
    pixels, and its value is the mean of all others.

    Args:
        generated: (N, H, W, 3) uint8 RGB.
        target: the same.

    Returns:
        (N, H, W) float64 in [-1, 1].

    Raises:
        ValueError: if the arrays are not two uint8 RGB stacks of the same shape, or smaller than 11 pixels.

    Examples:
        >>> images = np.random.default_rng(0).integers(0, 256, (1, 32, 24, 3), np.uint8)
        >>> changed = images.copy()
        >>> changed[:, 20:] //= 2
        >>> reached = (ssim_maps(changed, images) < 1 - 1e-9).any((0, 2))
        >>> int(reached.argmax())  # rows from 20 on have changed, and a window reaches 5 pixels further
        15
    """
    from skimage.metrics import structural_similarity

    compare: Callable[..., tuple[float, NDArray[np.float64]]] = structural_similarity
    window = _VARIANTS["canonical"].window
    check_pairs(generated, target, window)
    maps = np.empty(generated.shape[:3])

    def similarity(i: int) -> None:
        a, b = generated[i], target[i]
        _, by_channel = compare(a, b, win_size=window, data_range=255, channel_axis=-1, full=True, **_GAUSSIAN)
        maps[i] = by_channel.mean(-1)

    map_threads(similarity, range(len(maps)))
    return maps


def _prepared(image: NDArray[np.uint8], variant: _Variant) -> NDArray[np.uint8]:
    """An image as a variant compares it."""
    if variant.grey is not None:
        parts, bits = _GREY[variant.grey]
        image = ((image.astype(np.int64) @ np.array(parts) + (1 << bits - 1)) >> bits).astype(np.uint8)
    if variant.border:
        image = np.pad(image, ((0, 0), (variant.border,) * 2, (0, 0)), constant_values=255)
    if variant.mirror:
        image = np.pad(image, ((variant.mirror,) * 2,) * 2 + ((0, 0),), mode="reflect")
    return image


class SSIM(PairwiseProtocol):
    """Structural similarity, mean over pairs."""

    id = "ssim"
    title = "Structural similarity"
    group = "perceptual"
    versions: ClassVar[Mapping[str, int]] = {"patn": 2}  # 1: a Gaussian of 11 pixels
    citation = "Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity, IEEE TIP 2004"
    variants: ClassVar[Mapping[str, str]] = {name: variant.definition for name, variant in _VARIANTS.items()}
    used_by: ClassVar[Mapping[str, str]] = {
        "canonical": "torchmetrics up to 1.4.1: LaDI-VTON (val_metrics.py); VtonEval and CatVTON with such a version",
        "patn": "PATN (tool/getMetrics_fashion.py); the authors of ADGAN and RATE/DRN use the same tool",
        "market": "PATN (tool/getMetrics_market.py) and Siarohin et al. (test.py) on Market-1501",
        "gfla": "GFLA's script; DPTN uses it too; CFLD and MCLD (metrics.py), in float32",
        "pidm": "PIDM; PCDMs (metrics.py)",
        "skimage": "no known paper: what scikit-image computes with default arguments",
        "cfld-256": "CFLD and MCLD (metrics.py), as SSIM_256, in float32",
        "torchmetrics": "VtonEval (Leffa) and CatVTON (eval.py), with torchmetrics 1.4.2 or later",
        "grey": "DisCo (tool/metrics)",
        "hr-viton": "HR-VITON (evaluate.py), on images of its own sizes",
    }
    metrics = (MetricCard("ssim", "SSIM", higher_is_better=True, range=(-1.0, 1.0), real=1.0),)
    numerics = "scikit-image float64"
    beside_gpu = True
    moved_by = (
        "borders that are equal in both images: white borders count as perfectly similar",
        "the window: details count less in a larger and flatter window",
        "the data range: a range larger than that of the images raises every value",
        "greyscale instead of RGB, and JPEG instead of PNG",
    )
    at_other_sizes = (
        "Every window keeps its pixels and covers a smaller part of a larger image; `patn` adds 40 white columns "
        "on each side at every size (a square at 256x176 only), which are a smaller share of a larger image; "
        "images smaller than the window are refused."
    )

    def lacks(self, benchmark: Benchmark) -> str | None:
        """A reason if the images are smaller than the window."""
        return unfit_size(benchmark, _VARIANTS[self.variant].window) or super().lacks(benchmark)

    def compare(self, images: ImagePairs) -> Mapping[str, PairValues]:
        """SSIM of each pair."""
        return {"ssim": PairValues.of(ssim(images.generated, images.target, self.variant))}
