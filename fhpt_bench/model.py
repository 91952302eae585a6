"""The generator interface: what a pose-transfer model is told, and what it must return."""

from __future__ import annotations

import abc
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar

from fhpt_bench.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

# What of the target a model may ask to be told, beside its pose.
CONDITIONING = ("pose", "face-landmarks", "parsing")


@dataclass(frozen=True)
class ModelCard:
    """What a model is, for listings and records.

    Args:
        name: the name in tables.
        title: what it is, in a phrase.
        paper: citation and link, or "" where there is none.
        year: of the paper, or None.
        licence: of the code.
        trainable: whether `fhpt-bench train` can train it.
        conditioning: what of the target it is told, out of `CONDITIONING`; shown beside its scores, since a model
            that is told the face landmarks is also judged by them.

    Raises:
        ValueError: where the conditioning names something that a benchmark never gives.

    Examples:
        >>> ModelCard("mine", "my model").conditioning
        ('pose',)
    """

    name: str
    title: str
    paper: str = ""
    year: int | None = None
    licence: str = "Apache-2.0"
    trainable: bool = False
    conditioning: tuple[str, ...] = ("pose",)

    def __post_init__(self) -> None:
        unknown = set(self.conditioning) - set(CONDITIONING)
        if unknown:
            raise ValueError(f"unknown conditioning {sorted(unknown)}; a model can be told {CONDITIONING}")


@dataclass(frozen=True)
class PairBatch:
    """Everything that a pose-transfer model may look at: B pairs, never the target image.

    Args:
        keys: opaque; no name, identity or gender reaches a model.
        source: (B, 3, H, W) float in [-1, 1].
        source_pose: (B, 18, 2) COCO-18 joints as pixels (x, y), NaN where missing.
        target_pose: the same of the target.
        source_face_landmarks: (B, 68, 2) pixels, NaN where not visible; None where the benchmark has none.
        source_parsing: (B, H, W) long, SPT's 9 classes; None where the benchmark has none.
        target_face_landmarks: the same of the target, only if the card's conditioning says "face-landmarks".
        target_parsing: the same of the target, only if the card's conditioning says "parsing".
    """

    keys: tuple[str, ...]
    source: Tensor
    source_pose: Tensor
    target_pose: Tensor
    source_face_landmarks: Tensor | None = None
    source_parsing: Tensor | None = None
    target_face_landmarks: Tensor | None = None
    target_parsing: Tensor | None = None

    def to(self, device: str) -> PairBatch:
        """The same batch with its tensors on a device."""
        moved = {field.name: getattr(self, field.name) for field in fields(self)}
        return PairBatch(**{k: v if v is None or k == "keys" else v.to(device) for k, v in moved.items()})


class Generator(abc.ABC):
    """A pose-transfer model. The host makes one with no arguments, calls `to`, then `generate` batch by batch."""

    card: ClassVar[ModelCard]

    def to(self, device: str) -> None:  # noqa: B027 - a model without weights has nothing to move
        """Move what the model holds to a device ("cpu", "cuda")."""

    @abc.abstractmethod
    def generate(self, batch: PairBatch) -> Tensor:
        """Paint the source person in the target pose.

        Args:
            batch: B pairs, tensors on the device of the last call of `to`.

        Returns:
            (B, 3, H, W) float in [-1, 1]; the host clips, rounds to uint8 once, and every metric sees that.
        """


class Oracle(Generator):
    """A bound of the benchmark's own that sees the target image: marked in every table, never ranked."""

    @abc.abstractmethod
    def reveal(self, batch: PairBatch, target: Tensor) -> Tensor:
        """As `generate`, given the (B, 3, H, W) target image as well."""

    def generate(self, batch: PairBatch) -> Tensor:
        """An oracle is nothing without the target image.

        Raises:
            TypeError: always; the host calls `reveal`.
        """
        raise TypeError(f"{type(self).__name__} is an oracle: it needs the target image")


class TrainedGenerator(Generator):
    """A model that somebody has to train; the host makes it with the checkpoint that the user names, if any.

    Args:
        checkpoint: its file; None for the one in `FHPT_WEIGHTS_DIR`, else the one that ships.

    Raises:
        WeightsMissing: where nobody has trained it; the message says how to.
        UserError: where the file cannot be used.
    """

    @abc.abstractmethod
    def __init__(self, checkpoint: Path | None = None) -> None: ...

    @property
    @abc.abstractmethod
    def trained(self) -> Mapping[str, str]:
        """Recipe -> digest of what it has learnt; part of a run's identity, and kept in its record."""


models: Registry[type[Generator]] = Registry("model", "fhpt_bench.models", "fhpt_bench.model:Generator")
