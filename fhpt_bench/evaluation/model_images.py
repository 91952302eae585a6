"""The generated images of a model, which makes them when they are first needed."""

from __future__ import annotations

import inspect
import logging
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.benchmark import Benchmark, Pair
from fhpt_bench.data.images import encode_png, pixels_sha256, read_image
from fhpt_bench.data.real_images import RealImages, quantise, to_device, to_tensor
from fhpt_bench.errors import UserError, plain, with_location
from fhpt_bench.evaluation.generated_images import Begun, GeneratedImages
from fhpt_bench.evaluation.memory import memory_advice, out_of_memory
from fhpt_bench.evaluation.model_checks import check_conditioning, check_generated, check_size, doubtful_range
from fhpt_bench.evaluation.pair_batch import pair_batch
from fhpt_bench.evaluation.run_folder import RunFolder
from fhpt_bench.files import write_bytes
from fhpt_bench.model import Generator, Oracle, TrainedGenerator, models
from fhpt_bench.plugin_code import code_digest
from fhpt_bench.processes import launched
from fhpt_bench.records.schema import ModelPart
from fhpt_bench.registry import Entry
from fhpt_bench.threads import map_threads

if TYPE_CHECKING:
    from torch import Tensor

SEED = 20200526
log = logging.getLogger(__name__)


class ModelImages(GeneratedImages):
    """A model's images, generated when they are first needed and kept as PNG files.

    Args:
        model: a registered name, `path/to/file.py:Class`, or a `Generator` class or instance.
        benchmark: the benchmark whose pairs it generates.
        real: the benchmark's images.
        checkpoint: for a trained model, the file to load in place of the default one.

    Raises:
        UserError: if the model is unknown, broken or not trained, or needs what the benchmark does not have.
    """

    def __init__(
        self,
        model: str | Generator | type[Generator],
        benchmark: Benchmark,
        real: RealImages,
        checkpoint: Path | None = None,
    ) -> None:
        entry = find_model(model)
        check_size(models.load(model) if isinstance(model, str) else model, benchmark)
        self._benchmark, self._real, self._device = benchmark, real, "cpu"
        self._model = _make(model, checkpoint)
        if reason := self._model.refuses(benchmark.image_size):
            raise UserError(reason)
        kind = type(self._model)
        card = kind.card
        self._conditioning = card.conditioning
        check_conditioning(card.name, self._conditioning, benchmark)
        has_file = bool(getattr(sys.modules.get(kind.__module__), "__file__", None))
        code = code_digest(kind) if has_file else None
        trained = dict(self._model.trained) if isinstance(self._model, TrainedGenerator) else {}
        self.card = ModelPart(
            name=card.name, title=card.title, paper=card.paper, year=card.year, licence=card.licence,
            conditioning=card.conditioning, oracle=isinstance(self._model, Oracle), origin=entry.origin,
            code_sha256=code, codec="png", trained=trained,
        )  # fmt: skip
        self.identity = {"name": card.name, "target": Path(entry.target).name, "code": code, "seed": SEED}
        if trained:
            self.identity["trained"] = trained
        if benchmark.landmarks_digest:  # models are given them
            self.identity["landmarks"] = benchmark.landmarks_digest
        if isinstance(model, Generator) or code is None:
            # No digest covers what an instance holds, or code without a file: such images are never reused.
            if launched()[0] > 1:
                raise UserError(
                    f"The model {card.name} is given as an object, which cannot be shared by several processes: "
                    "put its class into a file, and give path/to/file.py:Class."
                )
            self.identity["only_this_call"] = secrets.token_hex(8)
        self._folder: RunFolder | None = None
        self._known: dict[str, str] = {}
        self._said = False

    def to(self, device: str) -> None:
        self._device = device
        try:
            self._model.to(device)
        except Exception as error:  # a plugin may fail in any way
            reason = memory_advice(0, device) if out_of_memory(error) else with_location(error)
            raise UserError(f"The model {self.card.name} cannot be moved to {device}: {reason}") from error

    def keep_in(self, folder: RunFolder) -> None:
        self._folder = folder

    def set_known(self, digests: Mapping[str, str]) -> None:
        self._known |= digests

    def _path(self, pair: Pair) -> Path:
        if self._folder is None:
            raise RuntimeError("call keep_in first")
        return self._folder.images / f"{pair.id}.png"

    def has(self, pair: Pair) -> bool:
        return pair.id in self._known and self._path(pair).is_file()

    def begin(self, number: int, pairs: Sequence[Pair]) -> Begun:
        kept = [image for image in map_threads(self._read, pairs) if image is not None]
        if len(kept) == len(pairs):
            return Begun(number, pairs, np.stack(kept))
        # The whole batch is generated again, so that a resumed run equals an uninterrupted one bit for bit.
        return self._given(number, pairs)

    def repeats(self, number: int, pairs: Sequence[Pair]) -> bool:
        made, kept = self._generate(self._given(number, pairs)), map_threads(self._read, pairs)
        # As `check-plugin` judges: the order of a network's sums may depend on the batch size.
        return all(b is None or np.abs(a.astype(int) - b).max() <= 1 for a, b in zip(made, kept, strict=True))

    def _given(self, number: int, pairs: Sequence[Pair]) -> Begun:
        """A batch with what the model is given."""
        inputs = pair_batch(self._benchmark, self._real, pairs, self._conditioning, number)
        oracle = isinstance(self._model, Oracle)
        target = to_tensor(self._real.stack([pair.target for pair in pairs])) if oracle else None
        return Begun(number, pairs, None, inputs, target)

    def make(self, begun: Begun) -> NDArray[np.uint8]:
        self.output_range = None
        return begun.images if begun.images is not None else self._generate(begun)

    def keep(self, pairs: Sequence[Pair], images: NDArray[np.uint8], digests: Sequence[str]) -> None:
        if self._folder is None:
            raise RuntimeError("call keep_in first")
        self._folder.add_files([f"images/{pair.id}.png" for pair in pairs])

        def write(pair: Pair, image: NDArray[np.uint8], digest: str) -> None:
            write_bytes(self._path(pair), encode_png(image))
            self._known[pair.id] = digest

        map_threads(lambda row: write(*row), zip(pairs, images, digests, strict=True))

    def _read(self, pair: Pair) -> NDArray[np.uint8] | None:
        """The kept image of a pair; None if it is missing, damaged, or not the one that the run has generated."""
        if not self.has(pair):
            return None
        try:
            image = read_image(self._path(pair), self._benchmark.image_size)
        except UserError:
            return None
        return image if pixels_sha256(image) == self._known[pair.id] else None

    def _generate(self, begun: Begun) -> NDArray[np.uint8]:
        """The images of a batch; whatever fails on the way, such as too little memory, is said in one sentence."""
        pairs = begun.pairs
        try:
            return self._painted(begun)
        except UserError:
            raise
        except Exception as error:  # a plugin may fail in any way
            reason = memory_advice(len(pairs), self._device) if out_of_memory(error) else with_location(error)
            raise UserError(
                f"The model {self.card.name} failed on the batch from {pairs[0].id} on: {reason}"
            ) from error

    def _painted(self, begun: Begun) -> NDArray[np.uint8]:
        import torch

        from fhpt_bench.networks.convolutions import exact_float32

        if begun.inputs is None:
            raise RuntimeError("this batch has no inputs")
        number, pairs, batch = begun.number, begun.pairs, begun.inputs.to(self._device)
        torch.manual_seed(SEED + number)
        before = _random_state(self._device)
        with exact_float32(self._device):
            if isinstance(self._model, Oracle) and begun.target is not None:
                generated = self._model.reveal(batch, to_device(begun.target, self._device))
            else:
                generated = self._model.generate(batch)
        self.draws |= any(not torch.equal(a, b) for a, b in zip(before, _random_state(self._device), strict=True))
        check_generated(self.card.name, generated, pairs, self._benchmark.image_size)
        self.output_range = doubtful_range(generated, first=number == 0)
        if self.output_range and not self._said:
            self._said = True
            log.warning(
                "The model %s returned values from %.3g to %.3g in the batch from %s on; [-1, 1] is expected, and "
                "other values are clipped. Its scores get the badge [RANGE].",
                plain(self.card.name), *self.output_range, plain(pairs[0].id),
            )  # fmt: skip
        return quantise(generated)


def _random_state(device: str) -> list[Tensor]:
    """The state of torch's random numbers on the CPU and on the device."""
    import torch

    return [torch.get_rng_state(), *([torch.cuda.get_rng_state()] if device == "cuda" else [])]


def find_model(model: str | Generator | type[Generator]) -> Entry:
    """Look a model up without importing or making it.

    Args:
        model: a registered name, `path/to/file.py:Class`, or a `Generator` class or instance.

    Returns:
        Its name, its target `module:Class` and where it comes from.

    Raises:
        UserError: if the name is unknown, the file lacks the class, or the object is not a model.
    """
    if isinstance(model, str):
        return models.find(model)
    kind = model if isinstance(model, type) else type(model)
    if not issubclass(kind, Generator):
        raise UserError(
            f"The model {model!r} is neither a name nor a Generator: derive its class from fhpt_bench.model.Generator."
        )
    if abstract := sorted(getattr(kind, "__abstractmethods__", ())):
        raise UserError(f"The model class {kind.__name__} does not define {', '.join(abstract)}: define it.")
    if not hasattr(kind, "card"):
        raise UserError(f'The model class {kind.__name__} has no card: add card = ModelCard("NAME", "TITLE").')
    try:
        place = f"{inspect.getsourcefile(kind)}:{inspect.getsourcelines(kind)[1]}"
    except (OSError, TypeError):  # typed into an interpreter
        place = "a Python session"
    return Entry(kind.card.name, f"{kind.__module__}:{kind.__qualname__}", place)


def _make(model: str | Generator | type[Generator], checkpoint: Path | None) -> Generator:
    """The instance that generates."""
    plugin = models.load(model) if isinstance(model, str) else model
    name = model if isinstance(model, str) else find_model(model).name
    if checkpoint is not None and not (isinstance(plugin, type) and issubclass(plugin, TrainedGenerator)):
        raise UserError(f"--checkpoint is given, but the model {name!r} loads none: leave it out.")
    if isinstance(plugin, Generator):
        return plugin
    try:
        return plugin(checkpoint) if issubclass(plugin, TrainedGenerator) else plugin()
    except UserError:
        raise
    except Exception as error:  # a plugin may fail in any way
        raise UserError(f"The model {name!r} cannot be made: {with_location(error)}") from error
