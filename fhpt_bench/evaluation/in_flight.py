"""A batch between the stages of the pass over the pairs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.benchmark import Pair
from fhpt_bench.evaluation.comparison import Seen
from fhpt_bench.evaluation.embedder import Unsaved
from fhpt_bench.evaluation.finished import PairResult
from fhpt_bench.evaluation.plan import Step


@dataclass
class Measured:
    """What the stage of the networks has made of a batch of B pairs.

    Args:
        pairs: the pairs.
        images: (B, H, W, 3) uint8, the generated images.
        digests: pair id -> digest of its generated image.
        fresh: whether the images are new, and not kept yet.
        output_range: as in `Batch`.
        draws: whether the model has drawn random numbers so far.
        values: as in `Batch`.
        vectors: what the cache does not hold yet.
        to_compare: one entry for each view: the protocols that have not compared the images yet, and what they see.
    """

    pairs: tuple[Pair, ...]
    images: NDArray[np.uint8]
    digests: dict[str, str]
    fresh: bool
    output_range: tuple[float, float] | None
    draws: bool
    values: dict[str, dict[str, PairResult]] = field(default_factory=dict)
    vectors: list[Unsaved] = field(default_factory=list)
    to_compare: list[tuple[list[Step], Seen]] = field(default_factory=list)
