"""Pictures of the intermediate stages of the network: the guidance map (Fig. 10), and all stages of a pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drn.models import DRN, DRNWithoutFace
from fhpt_bench.data.real_images import RealImages, quantise
from fhpt_bench.evaluation.pair_batch import pair_batch
from fhpt_bench.reporting.contact_sheet import draw_pose, image_grid

if TYPE_CHECKING:
    from fhpt_bench.benchmark import Benchmark, Pair
    from fhpt_bench.model import PairBatch

_SHOWN = (0.01, 0.99)  # quantiles of a component that are drawn as 0 and 255; values beyond them are clipped


def principal_colours(guidance: Tensor) -> NDArray[np.uint8]:
    """Show the first three principal components of guidance maps as RGB (Yang et al., Section V-C, Fig. 10).

    Args:
        guidance: (B, C, h, w) float, C of 3 or more. The components are computed from all B maps together, so that a
            colour has the same meaning in all of them.

    Returns:
        (B, h, w, 3) uint8.

    Examples:
        >>> principal_colours(torch.rand(2, 4, 5, 6)).shape
        (2, 5, 6, 3)
    """
    rows = guidance.permute(0, 2, 3, 1).double()
    flat = rows.reshape(-1, rows.shape[3])
    flat = flat - flat.mean(0)
    axes = torch.linalg.eigh(flat.T @ flat).eigenvectors.flip(1)[:, :3]
    # The sign of an axis is arbitrary: its largest entry is made positive, so that pictures can be compared.
    axes = axes * axes.gather(0, axes.abs().argmax(0, keepdim=True)).sign()
    values = flat @ axes
    low, high = (values.quantile(q, 0) for q in _SHOWN)
    scaled = ((values - low) / (high - low).clamp_min(1e-12)).clamp(0, 1)
    colours: NDArray[np.uint8] = (scaled * 255).round().byte().reshape(*rows.shape[:3], 3).numpy()
    return colours


def guidance_sheet(
    model: DRNWithoutFace, benchmark: Benchmark, real: RealImages, pairs: Sequence[Pair]
) -> NDArray[np.uint8]:
    """Make a contact sheet of source, target pose, guidance map F_t, generated image and target of each pair.

    Args:
        model: the model, on the CPU.
        benchmark: the benchmark of the pairs.
        real: its real images.
        pairs: one or more pairs.

    Returns:
        (h, w, 3) uint8.
    """
    batch = _batch(model, benchmark, real, pairs)
    with torch.inference_mode():
        stages = model.stages(batch)
        maps = torch.from_numpy(principal_colours(stages.guidance)).permute(0, 3, 1, 2)
        colours = torch.nn.functional.interpolate(maps, size=batch.source.shape[2:], mode="nearest")
        generated = quantise(_final(model, stages.image, batch))
    columns = {
        "source": real.stack([pair.source for pair in pairs]),
        "target pose": _poses(benchmark, [pair.target for pair in pairs]),
        "guidance F_t": colours.permute(0, 2, 3, 1).numpy(),
        model.card.name: generated,
        "target": real.stack([pair.target for pair in pairs]),
    }
    return _grid(columns, "Guidance map F_t (Figure 10), first three principal components", model, benchmark)


def stages_sheet(
    model: DRNWithoutFace, benchmark: Benchmark, real: RealImages, pairs: Sequence[Pair]
) -> NDArray[np.uint8]:
    """Make a contact sheet of all stages of each pair.

    The columns are source, poses, coarse image, residual map, image with face (if the model has a face module), target.

    Args:
        model: the model, on the CPU.
        benchmark: the benchmark of the pairs.
        real: its real images.
        pairs: one or more pairs.

    Returns:
        (h, w, 3) uint8. Grey in the residual map means no change.
    """
    batch = _batch(model, benchmark, real, pairs)
    with torch.inference_mode():
        stages = model.stages(batch)
        final = _final(model, stages.image, batch)
    sources, targets = [pair.source for pair in pairs], [pair.target for pair in pairs]
    columns = {
        "source": real.stack(sources),
        "source pose": _poses(benchmark, sources),
        "target pose": _poses(benchmark, targets),
        "coarse I_c": quantise(stages.coarse),
    }
    if stages.residual is not None:
        columns |= {"residual R_t": quantise(stages.residual), "I_c + R_t": quantise(stages.image)}
    if isinstance(model, DRN):
        columns |= {"with face": quantise(final)}
    columns |= {"target": real.stack(targets)}
    return _grid(columns, "Stages", model, benchmark)


def _grid(
    columns: dict[str, NDArray[np.uint8]], what: str, model: DRNWithoutFace, benchmark: Benchmark
) -> NDArray[np.uint8]:
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    noun = "pair" if len(rows) == 1 else "pairs"
    heading = f"{what}: {model.card.name}, {len(rows)} {noun} of {benchmark.id} {benchmark.version}"
    return image_grid(rows, list(columns), heading)


def _batch(model: DRNWithoutFace, benchmark: Benchmark, real: RealImages, pairs: Sequence[Pair]) -> PairBatch:
    return pair_batch(benchmark, real, pairs, model.card.conditioning)


def _final(model: DRNWithoutFace, image: Tensor, batch: PairBatch) -> Tensor:
    return model.with_face(image, batch) if isinstance(model, DRN) else image


def _poses(benchmark: Benchmark, names: Sequence[str]) -> NDArray[np.uint8]:
    return np.stack([draw_pose(benchmark.poses[name], benchmark.image_size) for name in names])
