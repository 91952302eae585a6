"""Features: what networks compute from images, shared by all protocols of a run."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from fhpt_bench.benchmark import Benchmark, Pair
from fhpt_bench.plugin_code import file_digest
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
        weights: names of the pinned weights that it uses (see `fhpt_bench.weights`).
        preprocessing: what is done to the uint8 image first. This text is part of fingerprints and cache keys: it
            changes only with what it describes.
        backend: the numeric library, without the device.
        dtype: the dtype of the arithmetic.
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
    """One network with its preprocessing; created once per run, on one device.

    Args:
        device: "cpu" or "cuda".

    Raises:
        WeightsMissing: if its weights are available from no source.
    """

    spec: ClassVar[FeatureSpec]

    @abc.abstractmethod
    def __init__(self, device: str) -> None: ...

    @classmethod
    def identity(cls, weights_sha256: dict[str, str]) -> dict[str, Any]:
        """The identity of the spec, with a digest of the code if the class was loaded from a file.

        Args:
            weights_sha256: name -> digest of its weights.
        """
        code = file_digest(cls)
        return cls.spec.identity(weights_sha256) | ({"code": code} if code else {})

    @classmethod
    def missing(cls) -> str | None:
        """Why it cannot be computed here even though its pinned weights are available, a sentence; None if it can."""
        return None


class VectorFeature(Feature):
    """A feature that is small enough to be cached on disk, by image content.

    `in_workers` is true for a feature that computes on one CPU core, outside torch: a run then computes it in worker
    processes while its main process continues, if there are idle cores.
    """

    in_workers: ClassVar[bool] = False

    @abc.abstractmethod
    def extract(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, H, W, 3) uint8 RGB -> (N, ...) float32; row i depends on image i alone."""


class MapFeature(Feature):
    """Feature maps, too large to be cached: they exist while their batch of pairs is compared."""

    @abc.abstractmethod
    def extract(self, images: NDArray[np.uint8]) -> tuple[Tensor, ...]:
        """(N, H, W, 3) uint8 RGB -> maps of (N, C, h, w); row i depends on image i alone."""


class MapSummary(VectorFeature):
    """A vector computed from another feature's maps, so that one forward pass serves both.

    Subclasses set `maps`.
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
            ValueError: if the images have another shape or dtype, or are too small for the maps.
        """
        return self.summary(self._maps.extract(images))


class SuppliedFeature(abc.ABC):
    """Values of a feature that the user supplies as files, in place of those that a network computes here.

    Scores that use them are comparable only with scores that use the same kind of files: `spec` enters their
    fingerprint. A class is registered under the name of the option that names its folder (`keypoints`).

    Args:
        folder: the folder with the files.
        benchmark: the benchmark whose pairs they belong to.
        progress: show a progress bar.

    Raises:
        UserError: if the folder or a file cannot be used.
    """

    spec: FeatureSpec  # of the class; an object may have one of its own, for files of another tool
    replaces: ClassVar[str]  # id of the feature whose values it gives
    targets: bool  # whether the files of the real target images are there too

    @abc.abstractmethod
    def __init__(self, folder: Path, benchmark: Benchmark, progress: bool = False) -> None: ...

    @property
    @abc.abstractmethod
    def sha256(self) -> str:
        """A digest of the values."""

    @abc.abstractmethod
    def vectors(self, pairs: Sequence[Pair], role: str) -> NDArray[np.float32]:
        """The values of one image of each pair.

        Args:
            pairs: n pairs.
            role: "generated", or "target" if `targets` is true.

        Returns:
            (n, ...) float32, as `VectorFeature.extract` of the replaced feature returns them.

        Raises:
            ValueError: if there are no files of that role.
        """


features: Registry[type[Feature]] = Registry("feature", "fhpt_bench.features", "fhpt_bench.feature:Feature")
supplied_features: Registry[type[SuppliedFeature]] = Registry(
    "supplied feature", "fhpt_bench.supplied_features", "fhpt_bench.feature:SuppliedFeature"
)
