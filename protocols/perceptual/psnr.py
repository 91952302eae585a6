"""Peak signal-to-noise ratio: the mean squared pixel error on a logarithmic scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.protocol import ImagePairs, MetricCard, PairValues, PairwiseProtocol
from protocols.inputs import check_pairs

_IDENTICAL = 100.0  # dB of an identical pair in the variant "unit"


def psnr(generated: NDArray[np.uint8], target: NDArray[np.uint8]) -> NDArray[np.float64]:
    """10 log10(255² / mean squared error) over all pixels and channels of a pair.

    Args:
        generated: (N, H, W, 3) uint8 RGB.
        target: the same.

    Returns:
        (N,) float64 in dB, 0 or more, higher is better; inf for identical images.

    Raises:
        ValueError: if the arrays are not two uint8 RGB stacks of the same shape.

    Examples:
        >>> black, white = np.zeros((1, 8, 8, 3), np.uint8), np.full((1, 8, 8, 3), 255, np.uint8)
        >>> psnr(black, white)
        array([0.])
        >>> psnr(black, black)
        array([inf])
    """
    check_pairs(generated, target)
    # One pair at a time: a stack of float64 differences would take eight times the memory of the images.
    error = np.array([np.square(a.astype(np.float64) - b).mean() for a, b in zip(generated, target, strict=True)])
    result = np.full(len(error), np.inf)
    result[error > 0] = 10 * np.log10(255**2 / error[error > 0])
    return result


class PSNR(PairwiseProtocol):
    """Peak signal-to-noise ratio. Identical pairs have an infinite value: they are excluded and counted."""

    id = "psnr"
    title = "Peak signal-to-noise ratio"
    group = "perceptual"
    citation = "Huynh-Thu and Ghanbari, Scope of validity of PSNR in image/video quality assessment, 2008"
    variants: ClassVar[Mapping[str, str]] = {
        "canonical": "uint8 RGB, data range 255, mean over pairs in dB; identical pairs are excluded and counted",
        "unit": "as canonical, but an identical pair counts as 100 dB",
    }
    used_by: ClassVar[Mapping[str, str]] = {"unit": "DisCo (tool/metrics)"}
    metrics = (MetricCard("psnr", "PSNR", higher_is_better=True, unit="dB", range=(0.0, np.inf)),)
    moved_by = (
        "borders that are equal in both images",
        "identical pairs: excluded here, infinite or capped in other tools",
        "whether it is the mean of the pairs' values or the value of their mean error",
        "a shift by one pixel, which is not visible",
    )
    at_other_sizes = (
        "The definition contains no size: an error of one level is worth the same in every pixel; but a resize "
        "before the measurement averages fine errors away."
    )

    def compare(self, images: ImagePairs) -> Mapping[str, PairValues]:
        """PSNR of each pair that is not identical."""
        value = psnr(images.generated, images.target)
        same = np.isinf(value)
        if self.variant == "unit":
            return {"psnr": PairValues.of(np.where(same, _IDENTICAL, value))}
        return {"psnr": PairValues.of(np.where(same, np.nan, value), ["identical" if s else "" for s in same])}
