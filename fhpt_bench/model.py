"""The generator interface: what a pose-transfer model is given, and what it must return."""

from __future__ import annotations

import abc
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from fhpt_bench.data.real_images import to_device
from fhpt_bench.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

# What a model may ask for in addition to the source image and its pose: of the target, or of the source.
CONDITIONING = ("pose", "face-landmarks", "parsing", "source-parsing")


@dataclass(frozen=True)
class ModelCard:
    """What a model is, for listings and records.

    Args:
        name: the name in tables.
        title: what it is, in a phrase.
        paper: citation and link, or "" if there is none.
        year: year of the paper, or None.
        licence: licence of the code.
        trainable: whether `fhpt-bench train` can train it.
        conditioning: what it is given in addition to the source image and its pose, a subset of `CONDITIONING`: pose,
            face landmarks and parsing map of the target, parsing map of the source; shown with its scores, because a
            model that is given the face landmarks is also measured by them.
        sizes: all (height, width) of images that it can paint; empty if it can paint any, or its checkpoint decides
            (`Generator.refuses`). It is refused on a benchmark with images of another size.
        size_rule: the sizes in words, if they are not listed; "" for any.

    Raises:
        ValueError: if the conditioning names something that no benchmark provides, or a size is not two positive
            integers.

    Examples:
        >>> ModelCard("mine", "my model").conditioning
        ('pose',)
        >>> ModelCard("large", "paints one size only", sizes=((512, 352),)).sizes_in_words
        '512x352'
    """

    name: str
    title: str
    paper: str = ""
    year: int | None = None
    licence: str = "Apache-2.0"
    trainable: bool = False
    conditioning: tuple[str, ...] = ("pose",)
    sizes: tuple[tuple[int, int], ...] = ()
    size_rule: str = ""

    @property
    def sizes_in_words(self) -> str:
        """The sizes (height x width) that it can paint."""
        return " or ".join(f"{height}x{width}" for height, width in self.sizes) or self.size_rule or "any"

    def __post_init__(self) -> None:
        for size in self.sizes:
            if (
                not isinstance(size, tuple)
                or len(size) != 2
                or not all(type(side) is int and side > 0 for side in size)
            ):
                raise ValueError(f"sizes must be ((height, width), ...) in pixels, not {self.sizes!r}")
        unknown = set(self.conditioning) - set(CONDITIONING)
        if unknown:
            raise ValueError(f"unknown conditioning {sorted(unknown)}; known: {CONDITIONING}")


@dataclass(frozen=True)
class PairBatch:
    """The input of a pose-transfer model: B pairs, never the target image.

    Args:
        keys: opaque keys; no name, identity or gender reaches a model.
        source: (B, 3, H, W) float in [-1, 1].
        source_pose: (B, 18, 2) COCO-18 joints as pixels (x, y), NaN if missing.
        target_pose: the same for the target.
        source_face_landmarks: (B, 68, 2) pixels, NaN if not visible; None if the benchmark has none.
        source_parsing: (B, H, W) long, SPT's 9 classes, only if the card's conditioning contains "source-parsing".
        target_face_landmarks: the same for the target, only if the card's conditioning contains "face-landmarks".
        target_parsing: (B, H, W) long, only if the card's conditioning contains "parsing".
    """

    keys: tuple[str, ...]
    source: Tensor
    source_pose: Tensor
    target_pose: Tensor
    source_face_landmarks: Tensor | None = None
    source_parsing: Tensor | None = None
    target_face_landmarks: Tensor | None = None
    target_parsing: Tensor | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images."""
        return self.source.shape[2], self.source.shape[3]

    def to(self, device: str) -> PairBatch:
        """The same batch with its tensors on a device."""
        tensors = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "keys"}
        moved: dict[str, Any] = {k: v if v is None else to_device(v, device) for k, v in tensors.items()}
        return PairBatch(self.keys, **moved)


class Generator(abc.ABC):
    """A pose-transfer model. The host creates it without arguments, calls `to`, then `generate` for each batch."""

    card: ClassVar[ModelCard]

    def to(self, device: str) -> None:  # noqa: B027 - a model without weights has nothing to move
        """Move the model's parameters to a device ("cpu", "cuda")."""

    def refuses(self, size: tuple[int, int]) -> str | None:
        """Why it cannot paint images of a size, in one sentence with the way out; None if it can.

        Override it if the checkpoint decides. It is asked before any network of a protocol is loaded.

        Args:
            size: (height, width) of the benchmark's images.
        """
        return None

    @abc.abstractmethod
    def generate(self, batch: PairBatch) -> Tensor:
        """Generate the source person in the target pose.

        Args:
            batch: B pairs, with tensors on the device of the last call of `to`.

        Returns:
            (B, 3, H, W) float in [-1, 1]; the host clips and rounds to uint8 once, and every metric uses the result.
        """


class Oracle(Generator):
    """An upper bound that sees the target image: marked in every table, never ranked."""

    @abc.abstractmethod
    def reveal(self, batch: PairBatch, target: Tensor) -> Tensor:
        """As `generate`, with the (B, 3, H, W) target image in addition."""

    def generate(self, batch: PairBatch) -> Tensor:
        """An oracle cannot generate without the target image.

        Raises:
            TypeError: always; the host calls `reveal`.
        """
        raise TypeError(f"{type(self).__name__} is an oracle: it needs the target image")


class TrainedGenerator(Generator):
    """A model that must be trained; the host creates it with the checkpoint that the user names, if any.

    Args:
        checkpoint: the file to load; None for the one in `FHPT_WEIGHTS_DIR`, or else the one that ships.

    Raises:
        WeightsMissing: if it is not trained; the message says how to train it.
        UserError: if the file cannot be used.
    """

    @abc.abstractmethod
    def __init__(self, checkpoint: Path | None = None) -> None: ...

    @property
    @abc.abstractmethod
    def trained(self) -> Mapping[str, str]:
        """Recipe -> digest of its trained tensors; part of a run's identity, and kept in its record."""


def _contract(kind: type[Generator]) -> str | None:
    """What a model's class lacks."""
    if not isinstance(getattr(kind, "card", None), ModelCard):
        return 'it has no card: add card = ModelCard("NAME", "TITLE") to the class'
    return None


models: Registry[type[Generator]] = Registry("model", "fhpt_bench.models", "fhpt_bench.model:Generator", _contract)
