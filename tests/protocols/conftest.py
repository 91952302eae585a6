"""A few rendered people as evidence, with features of the real networks, to test every protocol."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from fhpt_bench import weights
from fhpt_bench.benchmark import Benchmark, Pair, load_benchmark
from fhpt_bench.data.images import pixels_sha256
from fhpt_bench.data.parsing_maps import OWN, RegionMaps
from fhpt_bench.data.real_images import RealImages
from fhpt_bench.feature import Feature, MapFeature, features
from fhpt_bench.networks.encoder import encoder_feature
from fhpt_bench.networks.encoders import known_encoders
from fhpt_bench.protocol import Evidence, ImagePairs, PairValues, Protocol, Score
from tests.conftest import write_random_squeezenet

Pixels = NDArray[np.uint8]
VIEWS = ("1front", "2side", "3back")
# Detectors need the full size; the other networks get every fourth pixel, which takes a sixteenth of the time.
FULL_SIZE = {"dlib-faces", "mediapipe-holistic"}
NUMBERS = 4096


class StandIn:
    """Replaces a network whose weights are not on this machine: random projections of small images."""

    def __init__(self) -> None:
        self._mix = np.random.default_rng(0).normal(0, 0.05, (16 * 11 * 3, NUMBERS))

    def extract(self, images: Pixels) -> NDArray[np.float32]:
        small = [np.asarray(Image.fromarray(image).resize((11, 16)), np.float64).ravel() / 128 - 1 for image in images]
        # Not 0 for a grey image, which would have no direction.
        return (np.tanh(np.stack([row @ self._mix for row in small])) + 0.01).astype(np.float32)


def find_feature(name: str) -> type[Feature]:
    encoders = {encoder.feature: encoder for encoder in known_encoders().values()}
    return encoder_feature(encoders[name]) if name in encoders else features.load(name)


@functools.cache
def network(name: str):
    kind = find_feature(name)
    if kind.missing() is None and all(weights.available(needed) for needed in kind.spec.weights):
        return kind("cpu")
    if not issubclass(kind, MapFeature):
        return StandIn()
    assert name == "squeezenet-maps", f"the weights of {name} must be fetched first"
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("FHPT_WEIGHTS_DIR", str(write_random_squeezenet(Path(folder))))
        return kind("cpu")


_EXTRACTED: dict[tuple[str, str], NDArray[np.float32] | tuple] = {}


def extract(name: str, images: Sequence[Pixels]) -> list:
    """Features of each image, computed once per session: vectors, or one row of each map."""
    keys = [(name, pixels_sha256(image)) for image in images]
    new = {key: image for key, image in zip(keys, images, strict=True) if key not in _EXTRACTED}
    if new:
        # One thread: small inputs gain nothing from two, and lose time if other processes use the cores.
        with threads(1):
            shown = np.stack(list(new.values()))
            found = network(name).extract(shown if name in FULL_SIZE else shown[:, ::4, ::4])
        rows = found if isinstance(found, np.ndarray) else zip(*found, strict=True)
        _EXTRACTED.update(zip(new, rows, strict=True))
    return [_EXTRACTED[key] for key in keys]


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Set the number of torch's threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclasses.dataclass(frozen=True)
class Trial:
    """Pairs with their generated images and the real images that they are compared with.

    Args:
        benchmark: a benchmark with these pairs.
        generated: pair id -> image.
        real: image name -> image, for sources and targets.
        train: training images.
        swapped: whether generated and target images are exchanged.
    """

    benchmark: Benchmark
    generated: dict[str, Pixels]
    real: dict[str, Pixels]
    train: tuple[Pixels, ...]
    swapped: bool = False

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return self.benchmark.pairs

    def of(self, pairs: Sequence[Pair]) -> Trial:
        """A copy with other pairs, in another order, or with some pairs twice."""
        return dataclasses.replace(self, benchmark=dataclasses.replace(self.benchmark, pairs=tuple(pairs)))

    def with_generated(self, generate) -> Trial:
        """A copy with other generated images: `generate` of each target image."""
        return dataclasses.replace(self, generated={p.id: generate(self.real[p.target]) for p in self.pairs})

    def swap(self) -> Trial:
        """Exchange generated and target images; other data of the targets, such as poses, is not exchanged."""
        return dataclasses.replace(self, swapped=not self.swapped)

    def images(self, role: str) -> list[Pixels]:
        if role == "train":
            return list(self.train)
        if role == "source":
            return [self.real[pair.source] for pair in self.pairs]
        if (role == "generated") != self.swapped:
            return [self.generated[pair.id] for pair in self.pairs]
        return [self.real[pair.target] for pair in self.pairs]

    def seen(self, protocol: Protocol, role: str) -> list[Pixels]:
        """What a protocol sees of the images of a role."""
        images = self.images(role)
        if protocol.view is None:
            return images
        return list(protocol.view.show(np.stack(images), self.benchmark, [pair.target for pair in self.pairs]))

    def score(self, protocol: Protocol, batch: int = 8) -> dict[str, Score]:
        """Score as a run does: compare pairs in batches, then score all of them."""
        assert protocol.lacks(self.benchmark) is None
        generated, target = self.seen(protocol, "generated"), self.seen(protocol, "target")
        compared: list[dict[str, PairValues]] = []
        if type(protocol).compare is not Protocol.compare:
            for start in range(0, len(self.pairs), batch):
                some = slice(start, start + batch)
                names = [pair.target for pair in self.pairs[some]]
                regions = self.benchmark.regions.stack(names) if protocol.parsing else None
                compared.append(dict(protocol.compare(_stacked(protocol, generated[some], target[some], regions))))
        joined = {metric: _joined([values[metric] for values in compared]) for metric in (compared or [{}])[0]}

        def vectors(name: str, role: str) -> NDArray[np.float32]:
            assert name in protocol.features
            assert role != "train" or protocol.training_images
            assert role == "generated" or protocol.view is None
            return np.stack(extract(name, self.seen(protocol, role)))

        return {score.metric: score for score in protocol.score(Evidence(self.benchmark, joined, vectors))}


def _stacked(
    protocol: Protocol, generated: list[Pixels], target: list[Pixels], regions: NDArray[np.uint8] | None
) -> ImagePairs:
    import torch

    sides = []
    for images in (generated, target):
        maps = {name: extract(name, images) for name in protocol.features if issubclass(find_feature(name), MapFeature)}
        sides.append({name: tuple(map(torch.stack, zip(*rows, strict=True))) for name, rows in maps.items()})
    located = regions[:, ::2, ::2] if regions is not None else None
    return ImagePairs(*(np.stack(images)[:, ::2, ::2] for images in (generated, target)), *sides, located)


def _joined(parts: list[PairValues]) -> PairValues:
    value, weight = (np.concatenate([getattr(part, name) for part in parts]) for name in ("value", "weight"))
    return PairValues(value, weight, tuple(reason for part in parts for reason in part.skipped))


def blurred(image: Pixels, radius: float = 5, shift: int = 12) -> Pixels:
    """A blurred and shifted image, which is clearly worse."""
    soft = np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))
    return np.ascontiguousarray(np.roll(soft, (shift, shift), (0, 1)))


@pytest.fixture(scope="session")
def trial() -> Trial:
    """18 pairs of 3 men and 3 women; two pairs of each person share their target; images from good to pure noise."""
    studio = load_benchmark("studio")
    all_people = sorted({pair.person for pair in studio.pairs})
    people = [*all_people[:3], *all_people[-3:]]
    names = {person: sorted({p.source for p in studio.pairs if p.person == person}) for person in people}
    pairs = []
    for person in people:
        front, side, back = (next(name for name in names[person] if view in name) for view in VIEWS)
        pairs += [Pair(a, b, person) for a, b in ((side, front), (back, front), (front, side))]
    images = RealImages(studio.folder, studio.image_size, {})
    real = {name: images.stack([name])[0] for pair in pairs for name in (pair.source, pair.target)}
    rng, generated = np.random.default_rng(0), {}
    for i, pair in enumerate(pairs):
        noisy = real[pair.target] + rng.normal(0, 5 + 3 * (i % 4), real[pair.target].shape)
        noisy = np.roll(noisy, 1 + i % 5, 1) if i % 6 else rng.normal(128, 40, noisy.shape)
        generated[pair.id] = noisy.clip(0, 255).astype(np.uint8)
    train = studio.folder.parent / "train"
    listed = tuple(sorted(path.name for path in train.iterdir())[:12])
    training = RealImages(train, studio.image_size, {}).stack(listed)
    anchors = studio.anchors or {"body": 20, "face": 10, "hand": 40}
    # Bands, since a few people show no legs.
    bands = (np.arange(256) // 37).astype(np.uint8)[:, None].repeat(176, 1)
    maps = RegionMaps(OWN, {name: np.roll(bands, 16 * i, 0) for i, name in enumerate(real)})
    benchmark = dataclasses.replace(
        studio, pairs=tuple(pairs), anchors=anchors, train_images=listed, given_regions=maps
    )
    return Trial(benchmark, generated, real, tuple(training))


@pytest.fixture(name="blurred")
def _blurred():
    return blurred


@pytest.fixture(name="threads")
def _threads():
    return threads
