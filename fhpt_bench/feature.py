"""What a network says of an image: the interface through which protocols share one pass."""

from __future__ import annotations

import abc
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from fhpt_bench.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


@dataclass(frozen=True)
class FeatureSpec:
    """What identifies a feature: two values are equal only if all of this is.

    Args:
        id: the name under which it is registered.
        version: raised by any change that can move a value.
        weights: names of the pinned weights it looks through (see `fhpt_bench.weights`).
        preprocessing: what is done to the uint8 image first, in words.
        backend: the numeric library, without the device.
        dtype: of the arithmetic.
    """

    id: str
    version: int
    weights: tuple[str, ...]
    preprocessing: str
    backend: str = "torch"
    dtype: str = "float32"

    def identity(self, weights_sha256: dict[str, str]) -> dict[str, Any]:
        """The spec with the digests of its weights, as it enters fingerprints and cache keys."""
        return {**asdict(self), "weights": {name: weights_sha256[name] for name in self.weights}}


class Feature(abc.ABC):
    """One network with its preprocessing; made once a run, on one device.

    Args:
        device: "cpu" or "cuda".

    Raises:
        WeightsMissing: where its weights can be had from no source.
    """

    spec: ClassVar[FeatureSpec]

    @abc.abstractmethod
    def __init__(self, device: str) -> None: ...


class VectorFeature(Feature):
    """A feature small enough to keep: cached on disk by image content.

    `beside` says that it computes on one core of the CPU, outside torch: a run then has it done in processes of their
    own while its main process goes on.
    """

    beside: ClassVar[bool] = False

    @abc.abstractmethod
    def extract(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, H, W, 3) uint8 RGB -> (N, ...) float32; row i depends on image i alone."""


class MapFeature(Feature):
    """Feature maps, too large to keep: they live while their batch of pairs is compared."""

    @abc.abstractmethod
    def extract(self, images: NDArray[np.uint8]) -> tuple[Tensor, ...]:
        """(N, H, W, 3) uint8 RGB -> maps of (N, C, h, w); row i depends on image i alone."""


class MapSummary(VectorFeature):
    """A vector made of another feature's maps, so that a pass whose maps are compared anyway gives it for nothing.

    Subclasses name the `maps`.
    """

    maps: ClassVar[type[MapFeature]]

    def __init__(self, device: str) -> None:
        self._maps = self.maps(device)

    @staticmethod
    @abc.abstractmethod
    def summary(maps: tuple[Tensor, ...]) -> NDArray[np.float32]:
        """Maps of N images -> (N, ...) float32."""

    def extract(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, H, W, 3) uint8 RGB -> (N, ...) float32.

        Raises:
            ValueError: where the images are not that, or too small for the maps.
        """
        return self.summary(self._maps.extract(images))


features: Registry[type[Feature]] = Registry("feature", "fhpt_bench.features", "fhpt_bench.feature:Feature")
