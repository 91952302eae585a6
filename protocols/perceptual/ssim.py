"""Structural similarity, as recommended and as papers on pose transfer have computed it."""

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
    """How one variant sets scikit-image's `structural_similarity`, which has been the field's for a decade.

    Args:
        definition: in words, for the card.
        window: side of the window in pixels, which is also the smallest image.
        settings: beside the window and the data range.
        measured_range: data range = largest - smallest value of the generated image; 255 otherwise.
        border: white columns put at the left and at the right first.
    """

    definition: str
    window: int = 11
    settings: Mapping[str, Any] = field(default_factory=lambda: _GAUSSIAN)
    measured_range: bool = False
    border: int = 0


_VARIANTS = {
    "canonical": _Variant(
        "Gaussian window of 11 pixels, sigma 1.5, population covariance, data range 255 on uint8 RGB, border of 5 "
        "pixels left out, mean over channels and pixels"
    ),
    "patn": _Variant(
        "as canonical on images with 40 white columns at the left and at the right; data range = max - min of the "
        "padded generated image (255 where that is 0), as PATN's tool computes it",
        measured_range=True,
        border=40,
    ),
    # [0, 1] images with data range 1 and [0, 255] images with data range 255 give the same number.
    "gfla": _Variant("uniform window of 51 pixels, sample covariance, data range 1 on RGB in [0, 1]", 51, {}),
    "pidm": _Variant(
        "Gaussian window of 9 pixels, sigma 1.2, population covariance, data range = max - min of the generated image "
        "(255 where that is 0)",
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
        variant: "canonical", or "patn", "gfla", "pidm", "skimage" as those compute it; see `SSIM.variants`.

    Returns:
        (N,) float64 in [-1, 1], higher is nearer, 1 where the two are identical.

    Raises:
        ValueError: where the arrays are not two equal stacks of uint8 RGB images, they are smaller than the window
            (canonical: 11 pixels), or there is no such variant.

    Examples:
        >>> images = np.random.default_rng(0).integers(0, 256, (2, 32, 24, 3), np.uint8)
        >>> ssim(images, images)
        array([1., 1.])
        >>> bool((ssim(images, 255 - images) < 0).all())
        True
    """
    # Imported here: it takes a third of a second, which listing the protocols need not pay.
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
        values[i] = similarity(a, b, win_size=chosen.window, data_range=data_range, channel_axis=-1, **chosen.settings)
    return values


class SSIM(PairwiseProtocol):
    """Structural similarity, mean over pairs."""

    id = "ssim"
    title = "Structural similarity"
    citation = "Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity, IEEE TIP 2004"
    variants: ClassVar[Mapping[str, str]] = {name: variant.definition for name, variant in _VARIANTS.items()}
    used_by: ClassVar[Mapping[str, str]] = {
        "patn": "PATN (tool/getMetrics_fashion.py); by the same tool the authors of ADGAN and RATE/DRN",
        "gfla": "GFLA's script, and DPTN with it",
        "pidm": "PIDM; PCDMs (metrics.py)",
        "skimage": "no paper says so: what scikit-image computes where nothing is set",
    }
    metrics = (MetricCard("ssim", "SSIM", higher_is_better=True, range=(-1.0, 1.0), real=1.0),)
    numerics = "scikit-image float64"
    moved_by = (
        "borders that both images share: a white one is perfectly similar, and counts",
        "the window: the larger and flatter it is, the less detail counts",
        "the data range: a larger one than the images have lifts every value",
        "grey in place of RGB, and JPEG in place of PNG",
    )

    def compare(self, images: ImagePairs) -> Mapping[str, PairValues]:
        """SSIM of each pair."""
        return {"ssim": PairValues.of(ssim(images.generated, images.target, self.variant))}
