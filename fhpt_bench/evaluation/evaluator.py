"""Scores during a training: an object that is made once and called with the model as often as wanted."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.benchmark import Pair
from fhpt_bench.data.real_images import quantise, to_tensor
from fhpt_bench.devices import find_device
from fhpt_bench.errors import UserError, count_and_name, did_you_mean, with_location
from fhpt_bench.evaluation.batches import target_batches
from fhpt_bench.evaluation.exchange import from_all, process_group
from fhpt_bench.evaluation.finished import PairResult
from fhpt_bench.evaluation.job import load_inputs, plan_steps
from fhpt_bench.evaluation.memory import out_of_memory
from fhpt_bench.evaluation.model_checks import check_conditioning, check_generated, doubtful_range
from fhpt_bench.evaluation.model_images import SEED
from fhpt_bench.evaluation.options import BATCH_SIZE, RunOptions
from fhpt_bench.evaluation.pair_batch import pair_batch
from fhpt_bench.evaluation.plan import Step, by_view, load_protocols
from fhpt_bench.evaluation.real_side import RealSide
from fhpt_bench.evaluation.scoring import score_step
from fhpt_bench.evaluation.undisturbed import undisturbed
from fhpt_bench.model import CONDITIONING, Generator, Oracle, PairBatch
from fhpt_bench.protocol import Evidence, PairValues, View

if TYPE_CHECKING:
    from torch import Tensor, nn

    from fhpt_bench.records.schema import ScoreEntry

T = TypeVar("T")
# A (H, W, 3) uint8 array, a PIL image of mode RGB, or a (3, H, W) float tensor in [-1, 1].
Image = Any
Model = Generator | Callable[[PairBatch], "Tensor"] | Mapping[str, Image]
log = logging.getLogger(__name__)


class Evaluator:
    """Measures a model that is being trained, again and again, on the same pairs.

    Decoded images and features of the real side are computed once and stay in memory; nothing of the generated side is
    kept, and nothing but features of real images (in the cache folder) is written. The values are those of `fb.run`
    with the same arguments. In several processes (Accelerate, torchrun, Lightning) every process makes the object and
    calls it; each measures its part of the pairs, and all get the same scores.

    Args:
        benchmark: a registered name, or the path of a TOML file.
        protocols: "all" (the benchmark's list), or `id` and `id:variant` separated by commas, or a sequence of them.
        limit: only this many pairs, spread over the people.
        subset: only these pairs, as in `fb.run`.
        data_root: the folder of the benchmark's data, if it does not ship with the package.
        device: of the batches and networks: "cpu", "cuda", "cuda:1" or a `torch.device`; default: torch's current GPU
            if there is one. The model is not moved.
        batch_size: pairs per batch.
        conditioning: what of the target a function is given: "pose", "face-landmarks", "parsing". A `Generator` says
            that on its card.
        encoders: a TOML file of encoders, as in `fb.run`.
        progress: show progress bars while the real side is computed.

    Attributes:
        benchmark: the benchmark with the pairs to generate, `benchmark.pairs`.
        scores: the scores of the last call with n, interval, skipped pairs and fingerprint.

    Raises:
        UserError: if an argument cannot be used, or a protocol cannot be measured here (missing weights, for example).

    Examples:
        >>> import fhpt_bench as fb
        >>> evaluator = fb.Evaluator("studio", protocols="psnr", limit=4)
        >>> sorted(evaluator(lambda batch: batch.source))
        ['psnr']
        >>> evaluator.scores[0].n
        4
    """

    def __init__(
        self,
        benchmark: str = "studio",
        protocols: str | Sequence[str] = "all",
        *,
        limit: int | None = None,
        subset: str | None = None,
        data_root: str | Path | None = None,
        device: Any = None,
        batch_size: int = BATCH_SIZE,
        conditioning: Sequence[str] = ("pose",),
        encoders: str | Path | None = None,
        progress: bool = False,
    ) -> None:
        name = str(device) if device is not None else None
        options = RunOptions(
            benchmark, protocols, data_root, subset, limit, device=name, batch_size=batch_size, progress=progress,
            encoders=encoders,
        )  # fmt: skip
        self.benchmark, selection, digests = load_inputs(options)
        self.scores: tuple[ScoreEntry, ...] = ()
        self.device = find_device(name)
        if unknown := set(conditioning) - set(CONDITIONING):
            raise UserError(f"Unknown conditioning {min(unknown)!r}: {did_you_mean(min(unknown), CONDITIONING)}")
        check_conditioning("to be measured", conditioning, self.benchmark)
        self._conditioning, self._batch_size, self._warned = tuple(conditioning), batch_size, False
        _, self._steps, train = plan_steps(self.benchmark, load_protocols(selection), digests, {}, progress)
        for step in self._steps:
            if step.skip:
                raise UserError(f"{step.card.key} cannot be measured here: leave it out. {step.skip}")
        self._real = RealSide(self.benchmark, self._steps, digests, train, self.device, batch_size, progress)

    def __call__(self, model: Model, *modules: nn.Module) -> dict[str, float]:
        """Measure a model as it is now.

        It computes in exact float32 (no TF32), but for an active autocast. Its mode, the random states and torch's
        settings are the same afterwards.

        Args:
            model: a `Generator`; a function from a `PairBatch` to (B, 3, H, W) float images in [-1, 1]; or images by
                pair id, of which several processes may give parts.
            modules: modules that a function uses: they are in evaluation mode meanwhile. Modules that the model is or
                has as attributes are found without them.

        Returns:
            Name -> value, such as "ssim", "kec:face" or "lpips:vgg-0.1", and name + "/low" and "/high" for the 95 %
            interval. A score that has no value is missing; `scores` says why.

        Raises:
            UserError: if the model fails, or images are missing or have another size.
        """
        from fhpt_bench.networks.convolutions import exact_float32

        if isinstance(model, Generator):
            check_conditioning(type(model).card.name, type(model).card.conditioning, self.benchmark)
        elif isinstance(model, type) or not (callable(model) or isinstance(model, Mapping)):
            kind = "a class" if isinstance(model, type) else type(model).__name__
            raise UserError(f"The model is {kind}: give a Generator object, a function, or images by pair id.")
        results: dict[str, dict[str, PairResult]] = {step.fingerprint: {} for step in self._steps}
        vectors: dict[str, dict[str, NDArray[np.float32]]] = {
            _key(name, step.protocol.view): {}
            for step in self._steps
            for name in (*self._real.embedders, *self._real.summaries)
            if name in step.features
        }
        failed: dict[str, str] = {}
        problem, cause = "", None
        batches = self._batches(model)
        with undisturbed(model, modules, self.device):
            try:
                for number, pairs in batches:
                    images = self._images(model, number, pairs)
                    with exact_float32(self.device):
                        self._measure(pairs, images, results, vectors, failed)
            except Exception as error:  # told to the other processes, which wait below
                problem = str(error) if isinstance(error, UserError) else with_location(error)
                if out_of_memory(error.__cause__ or error):
                    problem = f"The evaluation ran out of memory: give a smaller batch_size than {self._batch_size}."
                cause = error
        parts = from_all((problem, results, vectors, failed))
        if problems := list(filter(None, (part[0] for part in parts))):
            raise UserError(*(problem or problems[0]).splitlines()) from cause
        merged = _merged([part[1] for part in parts]), _merged([part[2] for part in parts])
        reasons = {key: reason for part in parts for key, reason in part[3].items()}
        entries: tuple[ScoreEntry, ...] = ()
        if process_group()[1] == 0:
            with exact_float32(self.device):
                entries = tuple(
                    entry
                    for step in self._steps
                    for entry, _ in score_step(
                        step, reasons.get(step.card.key), functools.partial(self._evidence, step, *merged)
                    )
                )
        self.scores = next(found for found in from_all(entries) if found)
        for entry in self.scores:
            if entry.status == "failed":
                log.error("%s failed: %s", entry.key, entry.reason)
        return self._flat()

    def _batches(self, model: Model) -> list[tuple[int, tuple[Pair, ...]]]:
        """The batches of this process, with their numbers in the whole."""
        count, rank = process_group()
        pairs: Sequence[Pair] = self.benchmark.pairs
        if not isinstance(model, Mapping):
            every = list(enumerate(target_batches(pairs, self._batch_size)))
            # All processes call the model equally often, some on the last batch again: wrapped models (DDP, FSDP)
            # exchange tensors in each call.
            return [every[min(i + rank, len(every) - 1)] for i in range(0, len(every), count)]
        givers = from_all([pair.id for pair in pairs if pair.id in model])
        giver = {pair: number for number, given in reversed([*enumerate(givers)]) for pair in given}
        if missing := [pair.id for pair in pairs if pair.id not in giver]:
            raise UserError(f"Images are missing for {count_and_name(missing, 'pair')}: give one for each pair id.")
        mine = [pair for pair in pairs if giver[pair.id] == rank]
        return list(enumerate(target_batches(mine, self._batch_size)))

    def _images(self, model: Model, number: int, pairs: tuple[Pair, ...]) -> NDArray[np.uint8]:
        """(B, H, W, 3) uint8."""
        if isinstance(model, Mapping):
            return np.stack([_pixels(pair.id, model[pair.id], self.benchmark.image_size) for pair in pairs])
        import torch

        from fhpt_bench.networks.convolutions import exact_kernels

        name = (
            type(model).card.name if isinstance(model, Generator) else getattr(model, "__name__", type(model).__name__)
        )
        conditioning = type(model).card.conditioning if isinstance(model, Generator) else self._conditioning
        batch = pair_batch(self.benchmark, self._real.images, pairs, conditioning, number).to(self.device)
        torch.manual_seed(SEED + number)  # as `fb.run`: the same random numbers in each evaluation
        try:
            with exact_kernels():
                if isinstance(model, Oracle):
                    target = to_tensor(self._real.images.stack([pair.target for pair in pairs]))
                    generated = model.reveal(batch, target.to(self.device))
                else:
                    generated = model.generate(batch) if isinstance(model, Generator) else model(batch)
        except UserError:
            raise
        except Exception as error:  # a model may fail in any way
            raise UserError(
                f"The model {name} failed on the batch from {pairs[0].id} on: {with_location(error)}"
            ) from error
        check_generated(name, generated, pairs, self.benchmark.image_size)
        if not self._warned and (found := doubtful_range(generated)):
            self._warned = True
            log.warning("%s returned values from %.3g to %.3g; [-1, 1] is expected, and others are clipped.",
                        name, *found)  # fmt: skip
        return quantise(generated)

    def _measure(
        self,
        pairs: tuple[Pair, ...],
        images: NDArray[np.uint8],
        results: dict[str, dict[str, PairResult]],
        vectors: dict[str, dict[str, NDArray[np.float32]]],
        failed: dict[str, str],
    ) -> None:
        """Compare a batch with its targets, and compute its vectors."""
        targets = [pair.target for pair in pairs]
        for view, steps in by_view(self._steps).items():
            compared, found = self._real.seen(view, steps, images, targets)
            for step in steps:
                try:
                    measured = step.protocol.compare(compared)
                except Exception as error:  # whatever a plugin raises; the others go on
                    failed[step.card.key] = with_location(error)
                    continue
                for i, pair in enumerate(pairs):
                    results[step.fingerprint][pair.id] = {
                        metric: (float(v.value[i]), float(v.weight[i]), v.skipped[i]) for metric, v in measured.items()
                    }
            for name, rows in found.items():
                vectors[_key(name, view)].update(zip((pair.id for pair in pairs), rows, strict=True))

    def _evidence(
        self,
        step: Step,
        results: dict[str, dict[str, PairResult]],
        vectors: dict[str, dict[str, NDArray[np.float32]]],
    ) -> Evidence:
        rows = [results[step.fingerprint][pair.id] for pair in self.benchmark.pairs]
        compared = {}
        for metric in rows[0]:
            value, weight, skipped = zip(*(row[metric] for row in rows), strict=True)
            compared[metric] = PairValues(np.array(value, float), np.array(weight, float), tuple(skipped))

        def vector(feature: str, role: str) -> NDArray[np.float32]:
            if role == "generated":
                seen = vectors[_key(feature, step.protocol.view)]
                return np.stack([seen[pair.id] for pair in self.benchmark.pairs])
            if step.protocol.view is not None:
                raise ValueError(f"a protocol with a view has vectors of generated images only, not of role {role!r}")
            return self._real.vectors(feature, role, self.benchmark.pairs)

        return Evidence(self.benchmark, compared, vector, {}, self.device)

    def _flat(self) -> dict[str, float]:
        """The scores by short names."""
        first = {}
        for step in reversed(self._steps):
            first[step.card.id] = step.card.variant
        found = {}
        for entry in self.scores:
            variant = entry.variant if entry.variant != first[entry.protocol] else ""
            metric = entry.metric if entry.metric != entry.protocol else ""
            name = ":".join(filter(None, (entry.protocol, variant, metric)))
            if entry.value is not None:
                found[name] = entry.value
            if entry.value is not None and entry.interval is not None:
                found[f"{name}/low"], found[f"{name}/high"] = entry.interval[:2]
        return found


def _key(feature: str, view: View | None) -> str:
    """The key of a feature's vectors of what a view shows."""
    return feature if view is None else f"{feature} of {view.id}"


def _pixels(pair: str, image: Image, size: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 of an image of the user."""
    import torch
    from PIL.Image import Image as PILImage

    if isinstance(image, torch.Tensor) and image.is_floating_point() and image.shape == (3, *size):
        if not torch.isfinite(image).all():
            raise UserError(f"The image of {pair} has NaN or infinite pixels: give finite values.")
        image = quantise(image[None])[0]
    if isinstance(image, PILImage) and image.mode == "RGB":
        image = np.array(image)
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.shape != (*size, 3):
        kind = f"{getattr(image, 'dtype', getattr(image, 'mode', type(image).__name__))}"
        shape = getattr(image, "shape", getattr(image, "size", ""))
        raise UserError(
            f"The image of {pair} is {kind} {tuple(shape)}: give a {(*size, 3)} uint8 array, an RGB image of PIL, or a "
            f"{(3, *size)} float tensor in [-1, 1]."
        )
    pixels: NDArray[np.uint8] = image
    return pixels


def _merged(parts: Sequence[dict[str, dict[str, T]]]) -> dict[str, dict[str, T]]:
    """Name -> pair id -> what some process has found."""
    return {name: {pair: value for part in parts for pair, value in part[name].items()} for name in parts[0]}
