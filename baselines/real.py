"""The ceiling: the target image itself."""

from __future__ import annotations

from torch import Tensor

from fhpt_bench.model import ModelCard, Oracle, PairBatch


class Real(Oracle):
    """Returns the target image, which no model may see."""

    card = ModelCard("real", "the target image itself: the ceiling, an oracle", conditioning=())

    def reveal(self, batch: PairBatch, target: Tensor) -> Tensor:
        """The target, (B, 3, H, W) in [-1, 1]."""
        return target
