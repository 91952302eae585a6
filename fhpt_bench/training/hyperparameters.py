"""The hyperparameters that the training of every generator has."""

from __future__ import annotations

from dataclasses import dataclass

from fhpt_bench.training.distributed import Precision


@dataclass(frozen=True)
class TrainingHyperparameters:
    """Hyperparameters of a training; each method's dataclass adds its own and sets its own defaults.

    Args:
        batch_size: pairs per batch, over all processes.
        iterations: number of iterations.
        fixed_iterations: iterations before the learning rate begins to decrease linearly to 0; as many as `iterations`
            for a fixed rate.
        half_size_iterations: number of first iterations with images of half the height and width.
        learning_rate: initial learning rate of all networks.
        betas: betas of Adam, or of a variant of it.
        flip: whether to mirror pairs at random, source and target together.
        recolour: whether to change the colours of pairs at random, source and target together, see
            `fhpt_bench.training.views.recolour`.
        gradient_clip: largest norm of the gradients of a step, over all its parameters; 0 for no limit.
        mixed_precision: "bf16" or "no".
    """

    batch_size: int = 8
    iterations: int = 10_000
    fixed_iterations: int = 10_000
    half_size_iterations: int = 0
    learning_rate: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    flip: bool = False
    recolour: bool = False
    gradient_clip: float = 0.0
    mixed_precision: Precision = "no"
