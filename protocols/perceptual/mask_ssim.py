"""Structural similarity of images whose background is black."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from fhpt_bench.protocol import Evidence, ImagePairs, MetricCard, PairValues, PairwiseProtocol, Score
from fhpt_bench.score import mean_score
from protocols.perceptual.pose_mask import MOVED_BY, POSE_MASK, WITHOUT_POSE, posed
from protocols.perceptual.ssim import ssim


class MaskSSIM(PairwiseProtocol):
    """Structural similarity inside of the mask of the target's pose, mean over pairs; both backgrounds are black."""

    id = "mask-ssim"
    title = "Structural similarity of the person"
    group = "perceptual"
    citation = "Ma et al., Pose Guided Person Image Generation, NeurIPS 2017; Siarohin et al., CVPR 2018, for the mask"
    view = POSE_MASK
    variants: ClassVar[Mapping[str, str]] = {
        "market": "as ssim:market, on images that are black outside of the mask of the target's pose (23 limbs 8 pixels "
        "wide, discs of radius 4 at the joints, closing by 5x5); data range = max - min of the masked generated image",
    }
    used_by: ClassVar[Mapping[str, str]] = {"market": "PATN (tool/getMetrics_market.py) and Siarohin et al. (test.py)"}
    metrics = (MetricCard("mask-ssim", "mask-SSIM", higher_is_better=True, range=(-1.0, 1.0), real=1.0),)
    numerics = "numpy and scipy float64"
    moved_by = ("the black background, where SSIM is about 1: a small mask gives a high value", *MOVED_BY)

    def compare(self, images: ImagePairs) -> Mapping[str, PairValues]:
        """SSIM of each pair of masked images."""
        return {"mask-ssim": PairValues.of(ssim(images.generated, images.target, "market"))}

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """The mean over pairs whose target has a joint, with its interval over people."""
        measured, counts = evidence.compared["mask-ssim"], posed(evidence)
        reasons = ["" if there else WITHOUT_POSE for there in counts]
        values = PairValues.of(np.where(counts, measured.value, np.nan), reasons)
        return (mean_score("mask-ssim", evidence, values),)
