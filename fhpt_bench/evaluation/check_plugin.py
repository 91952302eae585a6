"""A model or protocol tried on a few pairs, to see whether it keeps the contract of its interface."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fhpt_bench.benchmark import Benchmark, load_benchmark
from fhpt_bench.data.real_images import RealImages, quantise
from fhpt_bench.errors import UserError, with_location
from fhpt_bench.evaluation.engine import run
from fhpt_bench.evaluation.model_checks import doubtful_range, wrong_images
from fhpt_bench.evaluation.pair_batch import pair_batch
from fhpt_bench.model import Generator, ModelCard, Oracle, PairBatch, models
from fhpt_bench.protocol import Protocol, protocols
from fhpt_bench.records.validation.checks import Check, judge

if TYPE_CHECKING:
    from torch import Tensor

_PAIRS = 4
_PEOPLE = 12  # pairs of a protocol's trial, each of another person: enough for an interval


class _Source(Generator):
    """The source image unchanged: what protocols are tried on."""

    card = ModelCard("source-images", "the source image")

    def generate(self, batch: PairBatch) -> Tensor:
        return batch.source


def check_plugin(name: str) -> list[Check]:
    """Try a plugin on a few pairs of `studio`.

    Args:
        name: a registered name, or `path/to/file.py:Class`.

    Returns:
        What fits (`ok`), what does not (`WRONG`), and what cannot be tried here (`cannot`).

    Raises:
        UserError: if there is no such plugin.
    """
    plugin = _load(name)
    if isinstance(plugin, list):
        return plugin
    return list(_try_model(plugin) if issubclass(plugin, Generator) else _try_protocol(name, plugin))


def _load(name: str) -> type[Generator] | type[Protocol] | list[Check]:
    """The plugin, or why it cannot be loaded."""
    is_file = ".py:" in name
    registries: list[Any] = [r for r in (models, protocols) if is_file or name in r.entries()]
    if not registries:
        models.find(name)
    reasons = []
    for registry in registries:
        registry.find(name)
        try:
            plugin: type[Generator] | type[Protocol] = registry.load(name)
            return plugin
        except UserError as error:
            reasons.append(str(error))
    # The other registry only says that it is not of its kind.
    telling = [reason for reason in reasons if "is not a " not in reason] or reasons
    return [Check("WRONG", "loads", telling[0])]


def _try_model(kind: type[Generator]) -> Iterator[Check]:
    import torch

    yield Check("ok", "loads", f"{kind.card.name}: {kind.card.title}")
    benchmark = load_benchmark("studio", limit=_PAIRS)
    real = RealImages(benchmark.folder, benchmark.image_size, benchmark.image_digests())
    try:
        model = kind()
        with torch.inference_mode():
            first, again = (_generate(model, benchmark, real, slice(None)) for _ in range(2))
    except Exception as error:  # a plugin may fail in any way
        yield Check("WRONG", "generates", with_location(error))
        return
    shape = (_PAIRS, 3, *benchmark.image_size)
    if problem := next(filter(None, (wrong_images(images, shape) for images in (first, again))), None):
        yield Check("WRONG", "generates", f"generate returned {problem}")
        return
    yield Check("ok", "generates", f"a tensor of shape {shape}")
    low, high = float(first.min()), float(first.max())
    seen = f"values from {low:.3g} to {high:.3g}"
    problem = f"{seen}: [-1, 1] is expected, and other values are clipped" if doubtful_range(first) else ""
    yield from judge("range", [problem] if problem else [], seen)
    same = bool((quantise(first) == quantise(again)).all())
    yield from judge("repeats", [] if same else ["two calls with one seed gave different images"], "equal images")
    with torch.inference_mode():
        single = torch.cat([_generate(model, benchmark, real, slice(i, i + 1)) for i in range(_PAIRS)])
    most = int(np.abs(quantise(first).astype(int) - quantise(single)).max())
    problem = f"an image depends on the others of its batch: pixels differ by up to {most} of 255" if most > 1 else ""
    yield from judge(
        "batches", [problem] if problem else [], f"alone or together: pixels differ by up to {most} of 255"
    )


def _generate(model: Generator, benchmark: Benchmark, real: RealImages, part: slice) -> Tensor:
    import torch

    pairs = benchmark.pairs[part]
    batch = pair_batch(benchmark, real, pairs, type(model).card.conditioning)
    before = [value.clone() for value in vars(batch).values() if isinstance(value, torch.Tensor)]
    torch.manual_seed(0)
    result = model.reveal(batch, batch.source) if isinstance(model, Oracle) else model.generate(batch)
    after = [value for value in vars(batch).values() if isinstance(value, torch.Tensor)]
    if not all(torch.equal(a.nan_to_num(9), b.nan_to_num(9)) for a, b in zip(before, after, strict=True)):
        raise ValueError("generate changed its input: make a copy first")
    return result


def _try_protocol(name: str, kind: type[Protocol]) -> Iterator[Check]:
    """Each variant on the source images, with two batch sizes."""
    yield Check("ok", "loads", f"{kind.id}: {kind.title}; {len(kind.variants)} variants with cards that fit")
    with tempfile.TemporaryDirectory() as place:
        records = [
            run(_Source, "studio", [f"{name}" if ".py:" in name else f"{name}:{v}" for v in kind.variants],
                limit=_PEOPLE, out=Path(place) / str(size), batch_size=size)
            for size in (5, 16)
        ]  # fmt: skip
    for score, again in zip(records[0].scores, records[1].scores, strict=True):
        if score.status == "skipped":
            yield Check("cannot", score.key, score.reason or "")
        elif score.status == "failed":
            yield Check("WRONG", score.key, score.reason or "")
        elif score.value is not None and again.value is not None:
            moved = abs(score.value - again.value) > 1e-6 * max(1.0, abs(score.value))
            problem = f"{score.value:.6g} in batches of 5, {again.value:.6g} in one batch" if moved else ""
            interval = "with an interval" if score.interval else "without an interval"
            yield from judge(score.key, [problem] if problem else [], f"{score.value:.6g}, n {score.n}, {interval}")
