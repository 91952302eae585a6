"""What a model is given: the source image and poses of some pairs, as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fhpt_bench.benchmark import Benchmark, Pair
from fhpt_bench.data.real_images import RealImages, to_tensor
from fhpt_bench.model import PairBatch

if TYPE_CHECKING:
    from torch import Tensor


def pair_batch(
    benchmark: Benchmark, real: RealImages, pairs: Sequence[Pair], conditioning: Sequence[str], number: int = 0
) -> PairBatch:
    """The input of a model for some pairs, on the CPU.

    Args:
        benchmark: the benchmark of the pairs.
        real: its images.
        pairs: B pairs.
        conditioning: what else the model is given (`fhpt_bench.model.CONDITIONING`).
        number: position of the batch in the whole run; it is part of the opaque keys.
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
        source=to_tensor(real.stack(sources)),
        source_pose=pose(sources),
        target_pose=pose(targets),
        source_face_landmarks=face(sources),
        source_parsing=parsing(sources) if "source-parsing" in conditioning else None,
        target_face_landmarks=face(targets) if "face-landmarks" in conditioning else None,
        target_parsing=parsing(targets) if "parsing" in conditioning else None,
    )
