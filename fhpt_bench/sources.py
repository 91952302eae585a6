"""Where the judged images come from: a model that paints them, or a folder that somebody else filled."""

from __future__ import annotations

import abc
import functools
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.benchmark import Benchmark, Pair
from fhpt_bench.data.folders import GeneratedFolder
from fhpt_bench.data.images import encode_png, read_image
from fhpt_bench.errors import UserError
from fhpt_bench.files import sha256_json, write_bytes
from fhpt_bench.model import Generator, Oracle, PairBatch, TrainedGenerator, models
from fhpt_bench.record import FolderPart, ModelPart
from fhpt_bench.registry import code_digest

if TYPE_CHECKING:
    from torch import Tensor

SEED = 20200526
# Enough for the sources and targets of neighbouring pairs; 35 MB at 256x176.
_DECODED_IMAGES = 256


class RealImages:
    """Images of a benchmark's own, decoded once while their pairs are at work.

    Args:
        folder: where they lie.
        size: their (height, width).
        digests: of their pixels, by name.
    """

    def __init__(self, folder: Path, size: tuple[int, int], digests: dict[str, str]) -> None:
        self._folder, self._size, self.digests = folder, size, digests
        self._read = functools.lru_cache(_DECODED_IMAGES)(self._decode)

    def _decode(self, name: str) -> NDArray[np.uint8]:
        return read_image(self._folder / name, self._size)

    def stack(self, names: Sequence[str]) -> NDArray[np.uint8]:
        """(N, H, W, 3) uint8 of N images by name."""
        return np.stack([self._read(name) for name in names])


class ImageSource(abc.ABC):
    """Gives the judged images batch by batch."""

    card: ModelPart
    identity: dict[str, Any]

    @abc.abstractmethod
    def has(self, pair: Pair) -> bool:
        """Whether the image of a pair is there already."""

    @abc.abstractmethod
    def images(self, number: int, pairs: Sequence[Pair]) -> NDArray[np.uint8]:
        """The images of a batch.

        Args:
            number: of the batch in the whole run, whatever the process: it seeds what is random.
            pairs: B pairs.

        Returns:
            (B, H, W, 3) uint8.
        """


class FolderImages(ImageSource):
    """A folder of images that were made elsewhere.

    Args:
        folder: matched with the pairs.
        name: of the model that made them.
        benchmark: the pairs that are there.
        progress: show a bar while the images are looked at.

    Raises:
        UserError: where an image is broken or has a size that does not fit.
    """

    def __init__(self, folder: GeneratedFolder, name: str, benchmark: Benchmark, progress: bool = False) -> None:
        self._folder = folder
        look = folder.look(benchmark, progress)
        self.card = ModelPart(
            name=name, title="images made elsewhere", paper="", year=None, licence="", conditioning=(), oracle=False,
            origin=str(folder.path), code_sha256=None, codec="+".join(look.codecs),
            folder=FolderPart(
                layout=folder.layout, resize=folder.resize, sizes=look.sizes, missing=folder.missing,
                extra=folder.extra, remarks=look.remarks,
            ),
        )  # fmt: skip
        self.identity = {"name": name, "images": sha256_json(look.digests)}

    def has(self, pair: Pair) -> bool:
        return True

    def images(self, number: int, pairs: Sequence[Pair]) -> NDArray[np.uint8]:
        return np.stack([self._folder.read(pair) for pair in pairs])


class GeneratedImages(ImageSource):
    """A model's images, painted when they are first needed and kept as PNG files.

    Args:
        name: registered name or `path/to/file.py:Class`.
        benchmark: whose pairs it paints.
        real: the benchmark's images.
        checkpoint: of a trained model, in place of the one that it would take.

    Raises:
        UserError: where the model is unknown, broken or untrained, or wants what the benchmark does not have.
    """

    def __init__(self, name: str, benchmark: Benchmark, real: RealImages, checkpoint: Path | None = None) -> None:
        entry, plugin = models.find(name), models.load(name)
        self._benchmark, self._real, self._device = benchmark, real, "cpu"
        if checkpoint is not None and not issubclass(plugin, TrainedGenerator):
            raise UserError(f"--checkpoint is given, but the model {name!r} has nothing to load: leave it out.")
        try:
            self._model: Generator = plugin(checkpoint) if issubclass(plugin, TrainedGenerator) else plugin()
        except UserError:
            raise
        except Exception as error:  # a plugin may fail in any way
            raise UserError(f"The model {name!r} cannot be made: {_blame(error)}") from error
        card = plugin.card
        self._told = card.conditioning
        for what, table in (("face-landmarks", benchmark.truth.face), ("parsing", benchmark.truth.parsing)):
            if what in self._told and not table:
                raise UserError(f"The model {card.name} must be told {what}, which benchmark {benchmark.id} lacks.")
        code = code_digest(plugin)
        learnt = dict(self._model.learnt) if isinstance(self._model, TrainedGenerator) else {}
        self.card = ModelPart(
            name=card.name, title=card.title, paper=card.paper, year=card.year, licence=card.licence,
            conditioning=card.conditioning, oracle=isinstance(self._model, Oracle), origin=entry.origin,
            code_sha256=code, codec="png", learnt=learnt,
        )  # fmt: skip
        self.identity = {"name": card.name, "target": Path(entry.target).name, "code": code, "seed": SEED}
        if learnt:
            self.identity["learnt"] = learnt
        self._folder: Path | None = None

    def to(self, device: str) -> None:
        """Move the model to a device ("cpu", "cuda").

        Raises:
            UserError: where the model breaks.
        """
        self._device = device
        try:
            self._model.to(device)
        except Exception as error:  # a plugin may fail in any way
            raise UserError(f"The model {self.card.name} cannot be moved to {device}: {_blame(error)}") from error

    def keep_in(self, folder: Path) -> None:
        """Say where the images are kept."""
        self._folder = folder

    def _path(self, pair: Pair) -> Path:
        if self._folder is None:
            raise RuntimeError("keep_in comes first")
        return self._folder / f"{pair.id}.png"

    def has(self, pair: Pair) -> bool:
        return self._path(pair).is_file()

    def images(self, number: int, pairs: Sequence[Pair]) -> NDArray[np.uint8]:
        if all(self.has(pair) for pair in pairs):
            return np.stack([read_image(self._path(pair), self._benchmark.image_size) for pair in pairs])
        # The whole batch is painted again, so that a resumed run equals an uninterrupted one bit for bit.
        images = self._paint(number, pairs)
        for pair, image in zip(pairs, images, strict=True):
            write_bytes(self._path(pair), encode_png(image))
        return images

    def _paint(self, number: int, pairs: Sequence[Pair]) -> NDArray[np.uint8]:
        import torch

        batch = pair_batch(self._benchmark, self._real, pairs, self._told, number).to(self._device)
        torch.manual_seed(SEED + number)
        try:
            with torch.inference_mode():
                if isinstance(self._model, Oracle):
                    target = _to_tensor(self._real.stack([pair.target for pair in pairs])).to(self._device)
                    painted = self._model.reveal(batch, target)
                else:
                    painted = self._model.generate(batch)
        except UserError:
            raise
        except Exception as error:  # a plugin may fail in any way
            raise UserError(
                f"The model {self.card.name} failed on the pairs from {pairs[0].id} on: {_blame(error)}"
            ) from error
        expected = (len(pairs), 3, *self._benchmark.image_size)
        if not isinstance(painted, torch.Tensor) or tuple(painted.shape) != expected:
            got = tuple(painted.shape) if isinstance(painted, torch.Tensor) else type(painted).__name__
            raise UserError(f"The model {self.card.name} returned {got}, not a tensor of shape {expected}.")
        if not torch.isfinite(painted).all():
            raise UserError(f"The model {self.card.name} returned NaN or infinite pixels for {pairs[0].id}.")
        return quantise(painted)


def pair_batch(
    benchmark: Benchmark, real: RealImages, pairs: Sequence[Pair], told: Sequence[str], number: int = 0
) -> PairBatch:
    """What a model is given of some pairs, on the CPU.

    Args:
        benchmark: whose pairs they are.
        real: its images.
        pairs: B of them.
        told: what of the target the model is told (`fhpt_bench.model.CONDITIONING`).
        number: of the batch in the whole run; it enters the opaque keys.
    """
    import torch

    sources, targets = [p.source for p in pairs], [p.target for p in pairs]

    def face(names: Sequence[str]) -> Tensor | None:
        table = benchmark.truth.face
        return torch.from_numpy(np.stack([table[name] for name in names])) if table else None

    def parsing(names: Sequence[str]) -> Tensor | None:
        table = benchmark.truth.parsing
        return torch.from_numpy(np.stack([table[name] for name in names])).long() if table else None

    def pose(names: Sequence[str]) -> Tensor:
        return torch.from_numpy(np.stack([benchmark.poses[name] for name in names]))

    return PairBatch(
        keys=tuple(f"{number:06d}-{i:03d}" for i in range(len(pairs))),
        source=_to_tensor(real.stack(sources)),
        source_pose=pose(sources),
        target_pose=pose(targets),
        source_face_landmarks=face(sources),
        source_parsing=parsing(sources),
        target_face_landmarks=face(targets) if "face-landmarks" in told else None,
        target_parsing=parsing(targets) if "parsing" in told else None,
    )


def _to_tensor(images: NDArray[np.uint8]) -> Tensor:
    """(N, H, W, 3) uint8 -> (N, 3, H, W) float in [-1, 1]."""
    import torch

    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def quantise(images: Tensor) -> NDArray[np.uint8]:
    """Turn a generator's output into what a PNG of it holds: clip, then round to the nearest of 256 values.

    Args:
        images: (N, 3, H, W) float; what lies beyond [-1, 1] is clipped.

    Returns:
        (N, H, W, 3) uint8.

    Examples:
        >>> import torch
        >>> quantise(torch.tensor([-2.0, 0.0, 1.0]).reshape(1, 3, 1, 1)).ravel().tolist()
        [0, 128, 255]
    """
    pixels = ((images.float().clamp(-1, 1) + 1) * 127.5).round().byte()
    result: NDArray[np.uint8] = pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return result


def _blame(error: Exception) -> str:
    """An exception with the place that raised it, for a plugin's author."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"
