"""The inception score of generated images whose background is black."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.protocol import Evidence, MetricCard
from protocols.perceptual.embedding import INCEPTION_TENSORFLOW, Embedding
from protocols.perceptual.inception_score import ScoreOfLogits
from protocols.perceptual.pose_mask import MOVED_BY, POSE_MASK, WITHOUT_POSE, posed


class MaskInceptionScore(ScoreOfLogits):
    """The inception score of the generated images inside of the mask of the target's pose."""

    id = "mask-is"
    title = "Inception score of the person"
    group = "perceptual"
    citation = "Ma et al., Pose Guided Person Image Generation, NeurIPS 2017; Siarohin et al., CVPR 2018, for the mask"
    view = POSE_MASK
    embeddings: ClassVar[Mapping[str, Embedding]] = {"market": INCEPTION_TENSORFLOW}
    variants: ClassVar[Mapping[str, str]] = {
        "market": "as is:market, on generated images that are black outside of the mask of the target's pose (23 limbs "
        "8 pixels wide, discs of radius 4 at the joints, closing by 5x5)",
    }
    used_by: ClassVar[Mapping[str, str]] = {
        "market": "PATN (tool/getMetrics_market.py) and Siarohin et al. (test.py), in the order of os.listdir"
    }
    metrics = (
        MetricCard("mask-is", "mask-IS", higher_is_better=True, range=(1.0, 1008.0), per_pair=False),
        MetricCard("one-split", "mask-IS in one split", higher_is_better=True, range=(1.0, 1008.0), per_pair=False),
    )
    moved_by = (*ScoreOfLogits.moved_by, *MOVED_BY)

    def counted(self, evidence: Evidence) -> tuple[NDArray[np.bool_], str]:
        """Pairs whose target has a joint."""
        return posed(evidence), WITHOUT_POSE
