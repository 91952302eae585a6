"""What a damage is: one change to a real target image, in five strengths."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Image8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Subject:
    """A pair's target image, and what is known of it.

    Args:
        key: id of the pair.
        target: name of the target image; random choices depend only on it and on the damage.
        image: (H, W, 3) uint8 RGB.
        body: (18, 2) pixels (x, y) of the COCO-18 joints, NaN if missing.
        hands: the (21, 2) points of each hand that the image shows.
        parsing: (H, W) uint8, SPT's 9 classes (`CLASSES`); None if the benchmark has none.
        source: the pair's source image: the same person in another pose.
        stranger: the target image of another person.
        place: position of the target image in a random order, in [0, 1): a share s of the images are those below s.
        swaps: name of a damage -> the target image rendered again with one thing taken from another person.
    """

    key: str
    target: str
    image: Image8
    body: NDArray[np.float32]
    hands: tuple[NDArray[np.float32], ...]
    parsing: NDArray[np.uint8] | None
    source: Image8
    stranger: Image8
    place: float
    swaps: Mapping[str, Image8] = field(default_factory=dict)

    def random(self, damage: str) -> np.random.Generator:
        """Random numbers that depend on the target image and on the name of the damage only."""
        return np.random.default_rng(zlib.crc32(f"{damage} {self.target}".encode()))


@dataclass(frozen=True)
class Damage:
    """One kind of damage.

    Args:
        name: its name in tables.
        title: what it does, in a phrase.
        unit: the unit of its strengths.
        strengths: five values, from hardly visible to obvious.
        apply: subject and strength -> the damaged image; the subject's own image if there is nothing to damage.
        parsing: whether it needs parsing maps.
        hands: whether it needs keypoints of the hands.
        source: whether the damaged image depends on the pair's source image, not on the target alone.
        swap: whether it needs the target images rendered again.
    """

    name: str
    title: str
    unit: str
    strengths: tuple[float, float, float, float, float]
    apply: Callable[[Subject, float], Image8]
    parsing: bool = False
    hands: bool = False
    source: bool = False
    swap: bool = False
