"""The floor: the source image unchanged, as if nobody had asked for another pose."""

from __future__ import annotations

from torch import Tensor

from fhpt_bench.model import Generator, ModelCard, PairBatch


class CopySource(Generator):
    """Returns the source image."""

    card = ModelCard("copy-source", "the source image unchanged: the floor", conditioning=())

    def generate(self, batch: PairBatch) -> Tensor:
        """The source, (B, 3, H, W) in [-1, 1]."""
        return batch.source
