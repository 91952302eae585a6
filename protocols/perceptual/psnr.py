"""Peak signal-to-noise ratio: the mean squared pixel error on a logarithmic scale."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.protocol import Evidence, ImagePairs, MetricCard, PairValues, PairwiseProtocol, Score
from fhpt_bench.statistics import block_jackknife, weighted_mean
from fhpt_bench.threads import map_threads
from protocols.inputs import check_pairs

_IDENTICAL = 100.0  # dB of an identical pair in the variant "unit"
_BATCH = 16  # pairs of a batch in the variant "batch16"
_METRIC = MetricCard("psnr", "PSNR", higher_is_better=True, unit="dB", range=(0.0, np.inf))


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
    return _decibels(_mean_squared_error(generated, target))


def _mean_squared_error(generated: NDArray[np.uint8], target: NDArray[np.uint8]) -> NDArray[np.float64]:
    check_pairs(generated, target)

    # One pair at a time: a stack of float64 differences would take eight times the memory of the images.
    def error(pair: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> float:
        return float(np.square(pair[0].astype(np.float64) - pair[1]).mean())

    return np.array(map_threads(error, zip(generated, target, strict=True)))


def _decibels(error: NDArray[np.float64]) -> NDArray[np.float64]:
    result = np.full(len(error), np.inf)
    result[error > 0] = 10 * np.log10(255**2 / error[error > 0])
    return result


def batched_psnr(error: NDArray[np.float64], batch: NDArray[np.intp]) -> float | None:
    """The PSNR of each batch's mean error, averaged with the batches' sizes as weights, as torchmetrics computes it.

    Args:
        error: (N,) mean squared error of each pair, on a scale from 0 to 255² (images of one size).
        batch: (N,) number of each pair's batch, 0 or more.

    Returns:
        The mean in dB over the batches with an error; None if there is none.

    Examples:
        >>> batched_psnr(255**2 / np.array([10.0, 10.0, 100.0]), np.array([0, 0, 1]))
        13.333333333333334
    """
    size = np.bincount(batch)
    mean = np.bincount(batch, error) / np.maximum(size, 1)
    return weighted_mean(_decibels(mean[mean > 0]), size[mean > 0])


class PSNR(PairwiseProtocol):
    """Peak signal-to-noise ratio. Identical pairs have an infinite value: they are excluded and counted."""

    id = "psnr"
    title = "Peak signal-to-noise ratio"
    group = "perceptual"
    citation = "Huynh-Thu and Ghanbari, Scope of validity of PSNR in image/video quality assessment, 2008"
    variants: ClassVar[Mapping[str, str]] = {
        "canonical": "uint8 RGB, data range 255, mean over pairs in dB; identical pairs are excluded and counted",
        "unit": "as canonical, but an identical pair counts as 100 dB",
        "batch16": "the PSNR of the mean squared error of each batch of 16 pairs, in the order of the pair ids, mean "
        "over batches weighted by their sizes: another order gives another value; the last batch may be smaller; a "
        "batch of identical pairs is excluded and counted (its value would be infinite)",
    }
    used_by: ClassVar[Mapping[str, str]] = {
        "unit": "DisCo (tool/metrics)",
        "batch16": "VtonEval (Leffa), in the order of its files",
    }
    metrics = (_METRIC,)
    beside_gpu = True
    moved_by = (
        "borders that are equal in both images",
        "identical pairs: excluded here, infinite or capped in other tools",
        "whether it is the mean of the pairs' values or the value of their mean error; if of batches, their order",
        "a shift by one pixel, which is not visible",
    )
    at_other_sizes = (
        "The definition contains no size: an error of one level is worth the same in every pixel; but a resize "
        "before the measurement averages fine errors away."
    )

    def __init__(self, variant: str | None = None) -> None:
        super().__init__(variant)
        if self.variant == "batch16":
            self.metrics = (dataclasses.replace(_METRIC, per_pair=False),)

    def compare(self, images: ImagePairs) -> Mapping[str, PairValues]:
        """PSNR of each pair that is not identical; for batches the mean squared errors."""
        error = _mean_squared_error(images.generated, images.target)
        if self.variant == "batch16":
            return {"error": PairValues.of(error)}
        value = _decibels(error)
        same = np.isinf(value)
        if self.variant == "unit":
            return {"psnr": PairValues.of(np.where(same, _IDENTICAL, value))}
        return {"psnr": PairValues.of(np.where(same, np.nan, value), ["identical" if s else "" for s in same])}

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """The mean over the pairs, or over their batches, with an interval over people."""
        if self.variant != "batch16":
            return super().score(evidence)
        order = np.argsort([pair.id for pair in evidence.pairs], kind="stable")
        error, batch = evidence.compared["error"].value[order], np.arange(len(order)) // _BATCH
        # Without a person, all other pairs stay in their batches: the interval is not that of another order.
        interval = block_jackknife(lambda keep: _or_nan(batched_psnr(error[keep], batch[keep])), evidence.people[order])
        measured = int((np.bincount(batch, error)[batch] > 0).sum())
        left = len(error) - measured
        return (
            Score(
                "psnr", batched_psnr(error, batch), measured,
                interval=interval if interval and math.isfinite(interval.low) else None,
                skipped={"identical": left} if left else {},
            ),
        )  # fmt: skip


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
