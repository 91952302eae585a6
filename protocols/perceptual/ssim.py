"""Structural similarity, as recommended and as papers on pose transfer compute it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.protocol import ImagePairs, MetricCard, PairValues, PairwiseProtocol
from protocols.inputs import check_pairs, unfit_size

if TYPE_CHECKING:
    from fhpt_bench.benchmark import Benchmark

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
    """

    definition: str
    window: int = 11
    arguments: Mapping[str, Any] = field(default_factory=lambda: _GAUSSIAN)
    measured_range: bool = False
    border: int = 0
    mirror: int = 0
    grey: str | None = None


_VARIANTS = {
    "canonical": _Variant(
        "Gaussian window of 11 pixels, sigma 1.5, population covariance, data range 255 on uint8 RGB, border of 5 "
        "pixels excluded, mean over channels and pixels"
    ),
    "patn": _Variant(
        "as canonical on images with 40 white columns on the left and on the right; data range = max - min of the "
        "padded generated image (255 if that is 0), as PATN's tool computes it",
        measured_range=True,
        border=40,
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
        "version 1.4.2 on (up to 1.4.1 it excluded the border, as canonical does)",
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
    # Imported here: the import takes a third of a second, which listing the protocols does not need.
    from skimage.metrics import structural_similarity

    similarity: Callable[..., float] = structural_similarity
    if variant not in _VARIANTS:
        raise ValueError(f"ssim has no variant {variant!r}; there are {', '.join(_VARIANTS)}")
    chosen = _VARIANTS[variant]
    check_pairs(generated, target, chosen.window)
    values = np.empty(len(generated))
    for i, pair in enumerate(zip(generated, target, strict=True)):
        a, b = (_prepared(image, chosen) for image in pair)
        data_range = (int(a.max()) - int(a.min()) if chosen.measured_range else 0) or 255
        axis = None if chosen.grey else -1
        values[i] = similarity(
            a, b, win_size=chosen.window, data_range=data_range, channel_axis=axis, **chosen.arguments
        )
    return values


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
    citation = "Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity, IEEE TIP 2004"
    variants: ClassVar[Mapping[str, str]] = {name: variant.definition for name, variant in _VARIANTS.items()}
    used_by: ClassVar[Mapping[str, str]] = {
        "patn": "PATN (tool/getMetrics_fashion.py); the authors of ADGAN and RATE/DRN use the same tool",
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
