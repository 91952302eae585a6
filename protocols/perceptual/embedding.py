"""Features of a network for metrics of sets: its last pooling, followed by its class logits."""

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
    """A feature whose rows have the pooled features first and the class logits after them.

    Args:
        feature: id of the feature.
        pooled: number of pooled features per row.
        largest: largest height and width of the images, in pixels; None for any.
    """

    feature: str
    pooled: int
    largest: int | None = None

    def features(self, evidence: Evidence, role: Role) -> NDArray[np.float32]:
        """(n, pooled) features of a run's images."""
        return evidence.vectors(self.feature, role)[:, : self.pooled]

    def logits(self, evidence: Evidence) -> NDArray[np.float32]:
        """(n, classes) logits of the generated images."""
        return evidence.vectors(self.feature, "generated")[:, self.pooled :]

    def embed(self, name: str, images: NDArray[np.uint8], device: str | None, batch_size: int) -> NDArray[np.float32]:
        """(N, pooled) float32 features of images; arguments and errors are those of `rows`."""
        return self.rows(name, images, device, batch_size)[:, : self.pooled]

    def rows(self, name: str, images: NDArray[np.uint8], device: str | None, batch_size: int) -> NDArray[np.float32]:
        """Features and logits of images.

        Args:
            name: name of the argument, for the message.
            images: (N, H, W, 3) uint8 RGB.
            device: "cpu" or "cuda"; default: "cuda" if available.
            batch_size: images per batch, 1 or more; it changes values by rounding only.

        Returns:
            (N, pooled + classes) float32; without images (0, pooled).

        Raises:
            ValueError: if the images are not such an array, or the batch size is not positive.
            WeightsMissing: if the network's weights are not available from any source.
        """
        check_images(name, images)
        if batch_size < 1:
            raise ValueError(f"batch_size must be 1 or more, not {batch_size}")
        network = _network(self.feature, device)
        batches = [network.extract(images[i : i + batch_size]) for i in range(0, len(images), batch_size)]
        return np.concatenate(batches) if batches else np.empty((0, self.pooled), np.float32)


@dataclass(frozen=True)
class Vectors(Embedding):
    """A feature whose rows have nothing but the vector, of any length.

    Args:
        feature: id of the feature.
        pooled: not used.
    """

    pooled: int = 0

    def features(self, evidence: Evidence, role: Role) -> NDArray[np.float32]:
        """(n, D) vectors of a run's images."""
        return evidence.vectors(self.feature, role)


INCEPTION = Embedding("inception-2015", 2048)
INCEPTION_PADDED = Embedding("inception-2015-padded", 2048, 256)
INCEPTION_CLEAN = Embedding("inception-2015-clean", 2048)
INCEPTION_TENSORFLOW = Embedding("inception-2015-tensorflow", 2048)
INCEPTION_GFLA = Embedding("inception-imagenet-gfla", 2048)
INCEPTION_LOGITS = Embedding("inception-imagenet-logits", 0)
EFFICIENTNET = Embedding("efficientnet-lite0", 1280)


AT_OTHER_SIZES = (
    "Every image is resized to the network's input, {side} pixels on each side, without keeping its shape: "
    "larger images lose their finest detail, and smaller ones are blurred"
)


@functools.cache
def _network(feature: str, device: str | None) -> VectorFeature:
    import torch

    from fhpt_bench.feature import VectorFeature, features

    network = features.load(feature)(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if not isinstance(network, VectorFeature):
        raise TypeError(f"the feature {feature} returns no vectors")
    return network
