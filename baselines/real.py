"""The ceiling for other models: the target image itself."""

from __future__ import annotations

from torch import Tensor

from fhpt_bench.model import ModelCard, Oracle, PairBatch


class Real(Oracle):
    """An oracle that returns the target image, which models are not given."""

    card = ModelCard("real", "the target image itself (oracle)", conditioning=())

    def reveal(self, batch: PairBatch, target: Tensor) -> Tensor:
        """Return the target images, (B, 3, H, W) in [-1, 1]."""
        return target
