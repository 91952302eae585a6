"""The generated images that a run measures, and those that are read from a folder."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.benchmark import Benchmark, Pair
from fhpt_bench.data.images import pixels_sha256
from fhpt_bench.evaluation.generated_folder import GeneratedFolder
from fhpt_bench.evaluation.run_folder import RunFolder
from fhpt_bench.files import sha256_json
from fhpt_bench.model import PairBatch
from fhpt_bench.records.schema import FolderPart, ModelPart
from fhpt_bench.threads import map_threads

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Begun:
    """A batch of B pairs whose images are decoded, or can be generated.

    Args:
        number: position of the batch in the whole run.
        pairs: its pairs.
        images: (B, H, W, 3) uint8, the generated images; None if they are not there.
        inputs: what the model is given, on the CPU.
        target: (B, 3, H, W) float, the target images, for an oracle only.
    """

    number: int
    pairs: Sequence[Pair]
    images: NDArray[np.uint8] | None
    inputs: PairBatch | None = None
    target: Tensor | None = None


class GeneratedImages(abc.ABC):
    """Returns the generated images batch by batch."""

    card: ModelPart
    identity: dict[str, Any]
    # Smallest and largest value of the batch that a model has just generated, if they do not look like [-1, 1].
    output_range: tuple[float, float] | None = None
    # Whether a model has drawn torch's random numbers: then its images depend on the batch size.
    draws = False

    def to(self, device: str) -> None:  # noqa: B027 - images in a folder have nothing to move
        """Move the model, if there is one, to a device ("cpu", "cuda").

        Raises:
            UserError: if the model fails.
        """

    def keep_in(self, folder: RunFolder) -> None:  # noqa: B027 - images in a folder are kept already
        """Set the run's folder, in which new images are kept."""

    def set_known(self, digests: Mapping[str, str]) -> None:  # noqa: B027 - images in a folder were all checked
        """Set the images that the run has finished: only these are reused.

        Args:
            digests: pair id -> digest of the generated image's pixels.
        """

    @abc.abstractmethod
    def has(self, pair: Pair) -> bool:
        """Whether the image of a pair exists already."""

    @abc.abstractmethod
    def begin(self, number: int, pairs: Sequence[Pair]) -> Begun:
        """Decode what a batch needs; another thread than that of `make` may call this.

        Args:
            number: position of the batch in the whole run, the same in every process: it seeds random numbers.
            pairs: B pairs.
        """

    def make(self, begun: Begun) -> NDArray[np.uint8]:
        """The images of a batch, (B, H, W, 3) uint8.

        Args:
            begun: from `begin`.
        """
        if begun.images is None:
            raise RuntimeError("these images are not there, and nothing makes them")
        return begun.images

    def keep(self, pairs: Sequence[Pair], images: NDArray[np.uint8], digests: Sequence[str]) -> None:  # noqa: B027
        """Keep new images; another thread than that of `make` may call this.

        Args:
            pairs: B pairs.
            images: (B, H, W, 3) uint8, from `make`.
            digests: digests of their pixels.
        """

    def repeats(self, number: int, pairs: Sequence[Pair]) -> bool:
        """Whether a batch of B pairs, made again, has the images that are kept, to one level: the rest is rounding.

        Args:
            number: as in `begin`.
            pairs: pairs whose images are kept.

        Raises:
            UserError: if the model fails.
        """
        return True

    def images(self, number: int, pairs: Sequence[Pair]) -> NDArray[np.uint8]:
        """The images of a batch, (B, H, W, 3) uint8; new ones are kept.

        Args:
            number: as in `begin`.
            pairs: B pairs.
        """
        begun = self.begin(number, pairs)
        images = self.make(begun)
        if begun.images is None:
            self.keep(pairs, images, [pixels_sha256(image) for image in images])
        return images


class FolderImages(GeneratedImages):
    """A folder of generated images that another tool wrote.

    Args:
        folder: the files, matched with the pairs.
        name: the model's name.
        benchmark: the pairs that have an image.
        progress: show a progress bar while the images are checked.

    Raises:
        UserError: if an image is damaged or has a size that does not fit.
    """

    def __init__(self, folder: GeneratedFolder, name: str, benchmark: Benchmark, progress: bool = False) -> None:
        self._folder = folder
        check = folder.check(benchmark, progress)
        self.card = ModelPart(
            name=name, title="generated images from a folder", paper="", year=None, licence="", conditioning=(),
            oracle=False, origin=str(folder.path), code_sha256=None, codec="+".join(check.codecs),
            folder=FolderPart(
                layout=folder.layout, resize=folder.resize, sizes=check.sizes, missing=folder.missing,
                extra=folder.extra, remarks=check.remarks,
            ),
        )  # fmt: skip
        self.identity = {"name": self.card.name, "images": sha256_json(check.digests)}

    def has(self, pair: Pair) -> bool:
        return True

    def begin(self, number: int, pairs: Sequence[Pair]) -> Begun:
        return Begun(number, pairs, np.stack(map_threads(self._folder.read, pairs)))
