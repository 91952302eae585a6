"""How metrics of sets see images: features of a network's last pooling, and the class logits behind them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from protocols.inputs import check_images

if TYPE_CHECKING:
    from fhpt_bench.feature import VectorFeature
    from fhpt_bench.protocol import Evidence

Role = Literal["generated", "target", "train"]


@dataclass(frozen=True)
class Embedding:
    """A feature whose rows hold pooled features first and class logits behind them.

    Args:
        feature: its id.
        pooled: how many of the numbers are pooled features.
    """

    feature: str
    pooled: int

    def features(self, evidence: Evidence, role: Role) -> NDArray[np.float32]:
        """(n, pooled) features that a run has gathered."""
        return evidence.vectors(self.feature, role)[:, : self.pooled]

    def logits(self, evidence: Evidence) -> NDArray[np.float32]:
        """(n, classes) logits of the generated images."""
        return evidence.vectors(self.feature, "generated")[:, self.pooled :]

    def embed(self, name: str, images: NDArray[np.uint8], device: str | None, batch_size: int) -> NDArray[np.float32]:
        """(N, pooled) features of images.

        Args:
            name: of the argument that holds them, for messages.
            images: (N, H, W, 3) uint8 RGB.
            device: "cpu" or "cuda"; by default the latter where there is one.
            batch_size: images that are looked at together; it moves no value by more than rounding.

        Raises:
            ValueError: where the images are not that, or the batch size is not positive.
            WeightsMissing: where the network's weights can be had from no source.
        """
        check_images(name, images)
        if batch_size < 1:
            raise ValueError(f"batch_size must be 1 or more, not {batch_size}")
        network = _network(self.feature, device)
        batches = [network.extract(images[i : i + batch_size]) for i in range(0, len(images), batch_size)]
        return np.concatenate([np.empty((0, self.pooled), np.float32), *(rows[:, : self.pooled] for rows in batches)])


INCEPTION = Embedding("inception-2015", 2048)
INCEPTION_PADDED = Embedding("inception-2015-padded", 2048)
INCEPTION_CLEAN = Embedding("inception-2015-clean", 2048)
INCEPTION_GFLA = Embedding("inception-imagenet-gfla", 2048)
EFFICIENTNET = Embedding("efficientnet-lite0", 1280)


@functools.cache
def _network(feature: str, device: str | None) -> VectorFeature:
    import torch

    from fhpt_bench.feature import VectorFeature, features

    network = features.load(feature)(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if not isinstance(network, VectorFeature):
        raise TypeError(f"the feature {feature} gives no vectors")
    return network
