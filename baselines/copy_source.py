"""The floor for other models: the source image unchanged."""

from __future__ import annotations

from torch import Tensor

from fhpt_bench.model import Generator, ModelCard, PairBatch


class CopySource(Generator):
    """A model that returns the source image."""

    card = ModelCard("copy-source", "the source image, unchanged", conditioning=())

    def generate(self, batch: PairBatch) -> Tensor:
        """Return the source images, (B, 3, H, W) in [-1, 1]."""
        return batch.source
