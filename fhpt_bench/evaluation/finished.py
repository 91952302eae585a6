"""Finished batches: what was measured on which generated image, and at what cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fhpt_bench.protocol import PairValues

GENERATE = "generate"  # the stage of a model
READ, WRITE = "read images", "write images"  # the stages of generated images that are read, and that are kept
NOT_RECORDED = "not recorded"  # the device of batches that earlier versions have finished


@dataclass
class Work:
    """The cost of a stage: wall seconds, images, network forwards (one per image), and images by device.

    No device is named if it does not matter.
    """

    seconds: float = 0.0
    images: int = 0
    forwards: int = 0
    devices: dict[str, int] = field(default_factory=dict)

    def add(self, other: Work) -> None:
        """Add another cost to this one."""
        self.seconds += other.seconds
        self.images += other.images
        self.forwards += other.forwards
        for device, images in other.devices.items():
            self.devices[device] = self.devices.get(device, 0) + images


# Metric -> (value or NaN, weight, reason for skipping the pair or "").
PairResult = Mapping[str, tuple[float, float, str]]


@dataclass
class Batch:
    """The results of one batch of pairs.

    Args:
        images: pair id -> digest of its generated image.
        values: protocol fingerprint -> pair id -> result for that image.
        stages: name -> cost.
        output_range: smallest and largest value of what a model returned, if they do not fit [-1, 1].
        batch_size: pairs per batch, if a model has generated its images now; None in batches of earlier versions whose
            model drew no random numbers.
        draws: whether the model has drawn torch's random numbers: its images depend on the batch size.
    """

    images: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, PairResult]] = field(default_factory=dict)
    stages: dict[str, Work] = field(default_factory=dict)
    output_range: tuple[float, float] | None = None
    batch_size: int | None = None
    draws: bool = False


@dataclass
class Finished:
    """The results of all finished batches.

    Args:
        images: pair id -> digest of its newest generated image.
        values: (fingerprint, pair id, image digest) -> result.
        stages: name -> cost.
        ranges: (pair id, image digest) -> `output_range` of its batch, if it has one.
        batch_size: that of the last batch that has one.
        draws: whether the model has drawn random numbers in any batch.
        newest: pair id -> when its newest image was saved.
    """

    images: dict[str, str] = field(default_factory=dict)
    values: dict[tuple[str, str, str], PairResult] = field(default_factory=dict)
    stages: dict[str, Work] = field(default_factory=dict)
    ranges: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    batch_size: int | None = None
    draws: bool = False
    newest: dict[str, int] = field(default_factory=dict)

    def add(self, batch: Batch, saved: int = 0) -> None:
        """Add the results of one batch.

        Args:
            batch: in any order of time.
            saved: when it was saved: of two images of a pair, the one that was saved later counts.
        """
        for pair, image in batch.images.items():
            if saved >= self.newest.get(pair, 0):
                self.images[pair], self.newest[pair] = image, saved
            if batch.output_range:
                self.ranges[pair, image] = batch.output_range
        self.batch_size = batch.batch_size or self.batch_size
        self.draws |= batch.draws
        for fingerprint, pairs in batch.values.items():
            for pair, result in pairs.items():
                self.values[fingerprint, pair, batch.images[pair]] = result
        for name, work in batch.stages.items():
            self.stages.setdefault(name, Work()).add(work)

    @property
    def output_range(self) -> tuple[float, float] | None:
        """Smallest and largest value of the batches of the newest images, as far as they have an `output_range`."""
        ends = [end for entry in self.images.items() for end in self.ranges.get(entry, ())]
        return (min(ends), max(ends)) if ends else None

    def has(self, fingerprint: str, images: Mapping[str, str]) -> bool:
        """Whether a protocol has results for these pairs (id -> image digest) with exactly these images."""
        return all((fingerprint, pair, image) in self.values for pair, image in images.items())

    def gather(self, fingerprint: str, pairs: Sequence[str]) -> dict[str, PairValues]:
        """Each metric's values in the order of the pairs."""
        rows = [self.values[fingerprint, pair, self.images[pair]] for pair in pairs]
        found = {}
        for metric in rows[0]:
            value, weight, skipped = zip(*(row[metric] for row in rows), strict=True)
            found[metric] = PairValues(np.array(value, float), np.array(weight, float), tuple(skipped))
        return found


def encode(batch: Batch) -> dict[str, Any]:
    """A batch as JSON values."""

    def row(value: float, weight: float, reason: str) -> list[Any]:
        return [None if math.isnan(value) else value, weight, reason]

    return {
        "images": batch.images,
        "values": {
            fingerprint: {pair: {name: row(*r) for name, r in result.items()} for pair, result in pairs.items()}
            for fingerprint, pairs in batch.values.items()
        },
        "stages": {name: [work.seconds, work.images, work.forwards] for name, work in batch.stages.items()},
        "devices": {name: work.devices for name, work in batch.stages.items()},
        "output_range": batch.output_range,
        "batch_size": batch.batch_size,
        "draws": batch.draws,
    }


def decode(content: dict[str, Any]) -> Batch:
    """The batch that `encode` has turned into JSON values."""

    def row(value: float | None, weight: float, reason: str) -> tuple[float, float, str]:
        return (math.nan if value is None else value, weight, reason)

    def work(name: str, seconds: float, images: int, forwards: int) -> Work:
        unknown = {NOT_RECORDED: images} if forwards or name == GENERATE else {}
        return Work(seconds, images, forwards, content["devices"][name] if "devices" in content else unknown)

    return Batch(
        content["images"],
        {
            fingerprint: {pair: {name: row(*r) for name, r in result.items()} for pair, result in pairs.items()}
            for fingerprint, pairs in content["values"].items()
        },
        {name: work(name, *cost) for name, cost in content["stages"].items()},
        tuple(content["output_range"]) if content.get("output_range") else None,
        content.get("batch_size"),
        # Earlier versions wrote the batch size of a model that draws, and no other.
        content.get("draws", content.get("batch_size") is not None),
    )
