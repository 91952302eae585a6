"""Structural similarity of images whose background is black."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.protocol import Evidence, ImagePairs, MetricCard, PairValues, PairwiseProtocol, Score
from fhpt_bench.score import mean_score
from protocols.inputs import check_pairs, unfit_size
from protocols.perceptual.pose_mask import MOVED_BY, POSE_MASK, WITHOUT_POSE, masked, posed
from protocols.perceptual.ssim import ssim

if TYPE_CHECKING:
    from fhpt_bench.benchmark import Benchmark


def mask_ssim(
    generated: NDArray[np.uint8], target: NDArray[np.uint8], poses: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """SSIM of images that are black outside of the person's mask: Ma et al., PG2, NeurIPS 2017, with PATN's masks.

    Args:
        generated: (N, H, W, 3) uint8 RGB.
        target: the same.
        poses: (N, 18, 2) x and y of the targets' joints in pixels, NaN if missing.

    Returns:
        (N,) float64 in [-1, 1], higher is better; 1 if a pose has no joint, since nothing is inside of its mask.

    Raises:
        ValueError: if the arrays are not of this form, or the images are smaller than 11 pixels.

    Examples:
        >>> images = np.random.default_rng(0).integers(0, 256, (1, 32, 24, 3), np.uint8)
        >>> pose = np.full((1, 18, 2), np.nan)
        >>> pose[0, :2] = [[8, 6], [8, 20]]
        >>> mask_ssim(images, images, pose)
        array([1.])
        >>> bool(mask_ssim(images, 255 - images, pose)[0] < 0.9)
        True
    """
    check_pairs(generated, target, 11)
    if poses.shape != (len(generated), 18, 2):
        raise ValueError(f"poses must be {(len(generated), 18, 2)}, not {poses.shape}")
    return ssim(masked(generated, poses), masked(target, poses), "market")


class MaskSSIM(PairwiseProtocol):
    """Structural similarity inside of the mask of the target's pose, mean over pairs; both backgrounds are black."""

    id = "mask-ssim"
    title = "Structural similarity of the person"
    group = "perceptual"
    citation = "Ma et al., Pose Guided Person Image Generation, NeurIPS 2017; Siarohin et al., CVPR 2018, for the mask"
    view = POSE_MASK
    variants: ClassVar[Mapping[str, str]] = {
        "market": "as ssim:market, on images that are black outside of the mask of the target's pose (23 limbs 8 "
        "pixels wide, discs of radius 4 at the joints, closing by 5x5); data range = max - min of the masked "
        "generated image",
    }
    used_by: ClassVar[Mapping[str, str]] = {"market": "PATN (tool/getMetrics_market.py) and Siarohin et al. (test.py)"}
    metrics = (MetricCard("mask-ssim", "mask-SSIM", higher_is_better=True, range=(-1.0, 1.0), real=1.0),)
    numerics = "numpy and scipy float64"
    beside_gpu = True
    at_other_sizes = (
        "Limbs and discs of the mask keep their width in pixels, which is made for 128x64: at larger sizes the mask "
        "covers a smaller share of the person. The window keeps its pixels, too; images below 11 pixels are refused."
    )
    moved_by = ("the black background, where SSIM is about 1: a small mask gives a high value", *MOVED_BY)

    def lacks(self, benchmark: Benchmark) -> str | None:
        """A reason if the images are smaller than the window."""
        return unfit_size(benchmark, 11) or super().lacks(benchmark)

    def compare(self, images: ImagePairs) -> Mapping[str, PairValues]:
        """SSIM of each pair of masked images."""
        return {"mask-ssim": PairValues.of(ssim(images.generated, images.target, "market"))}

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """The mean over pairs whose target has a joint, with its interval over people."""
        measured, counts = evidence.compared["mask-ssim"], posed(evidence)
        reasons = ["" if there else WITHOUT_POSE for there in counts]
        values = PairValues.of(np.where(counts, measured.value, np.nan), reasons)
        return (mean_score("mask-ssim", evidence, values),)
