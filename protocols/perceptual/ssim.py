"""Structural similarity, as recommended and as papers on pose transfer compute it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.protocol import ImagePairs, MetricCard, PairValues, PairwiseProtocol
from protocols.inputs import check_pairs

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
    """

    definition: str
    window: int = 11
    arguments: Mapping[str, Any] = field(default_factory=lambda: _GAUSSIAN)
    measured_range: bool = False
    border: int = 0


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
}


def ssim(generated: NDArray[np.uint8], target: NDArray[np.uint8], variant: str = "canonical") -> NDArray[np.float64]:
    """Structural similarity of each pair: Wang et al., Image Quality Assessment, IEEE TIP 2004, equation 13.

    Args:
        generated: (N, H, W, 3) uint8 RGB.
        target: the same.
        variant: "canonical", "patn", "gfla", "pidm" or "skimage"; see `SSIM.variants`.

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
        side = chosen.border
        a, b = (np.pad(image, ((0, 0), (side, side), (0, 0)), constant_values=255) for image in pair)
        data_range = (int(a.max()) - int(a.min()) if chosen.measured_range else 0) or 255
        values[i] = similarity(a, b, win_size=chosen.window, data_range=data_range, channel_axis=-1, **chosen.arguments)
    return values


class SSIM(PairwiseProtocol):
    """Structural similarity, mean over pairs."""

    id = "ssim"
    title = "Structural similarity"
    group = "perceptual"
    citation = "Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity, IEEE TIP 2004"
    variants: ClassVar[Mapping[str, str]] = {name: variant.definition for name, variant in _VARIANTS.items()}
    used_by: ClassVar[Mapping[str, str]] = {
        "patn": "PATN (tool/getMetrics_fashion.py); the authors of ADGAN and RATE/DRN use the same tool",
        "gfla": "GFLA's script; DPTN uses it too",
        "pidm": "PIDM; PCDMs (metrics.py)",
        "skimage": "no known paper: what scikit-image computes with default arguments",
    }
    metrics = (MetricCard("ssim", "SSIM", higher_is_better=True, range=(-1.0, 1.0), real=1.0),)
    numerics = "scikit-image float64"
    moved_by = (
        "borders that are equal in both images: white borders count as perfectly similar",
        "the window: details count less in a larger and flatter window",
        "the data range: a range larger than that of the images raises every value",
        "greyscale instead of RGB, and JPEG instead of PNG",
    )

    def compare(self, images: ImagePairs) -> Mapping[str, PairValues]:
        """SSIM of each pair."""
        return {"ssim": PairValues.of(ssim(images.generated, images.target, self.variant))}
