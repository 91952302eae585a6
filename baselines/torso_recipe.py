"""The training recipe of networks that need hips and shoulders: it leaves the other pairs out and says how many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fhpt_bench.training.generator_recipe import GeneratorRecipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fhpt_bench.benchmark import Benchmark
    from fhpt_bench.training.pairs import TrainingPairs


class TorsoRecipe(GeneratorRecipe):
    """A recipe whose hyperparameters have `completes_torso`: whether missing hips and shoulders are estimated."""

    def usable(self, hparams: Any, pairs: TrainingPairs, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Select the pairs with both hips and both shoulders in both images."""
        left_out = _lacking(pairs.pose[pairs.source[index]], pairs.pose[pairs.target[index]], hparams.completes_torso)
        chosen: NDArray[np.int64] = index[~left_out]
        return chosen

    def remarks(self, hparams: Any, benchmark: Benchmark) -> Mapping[str, str]:
        """Count the test pairs without hips or shoulders: they get an image, too, but no part of it can be moved."""
        import numpy as np

        source = np.stack([benchmark.poses[pair.source] for pair in benchmark.pairs])
        target = np.stack([benchmark.poses[pair.target] for pair in benchmark.pairs])
        count = int(_lacking(source, target, hparams.completes_torso).sum())
        return {"test pairs without hips or shoulders": f"{count:,} of {len(benchmark.pairs):,}"}


def _lacking(source: NDArray[np.float32], target: NDArray[np.float32], completes: bool) -> NDArray[np.bool_]:
    """(N,): which of N pairs lack a hip or a shoulder."""
    import torch

    from baselines.torso import lacks_torso, with_torso

    poses = [with_torso(torch.from_numpy(pose), completes) for pose in (source, target)]
    return lacks_torso(*poses).numpy()
