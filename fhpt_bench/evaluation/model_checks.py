"""What a model must fit: the benchmark's size and tables before it runs, and what it returns for a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fhpt_bench.benchmark import Benchmark, Pair
from fhpt_bench.errors import UserError
from fhpt_bench.model import Generator

if TYPE_CHECKING:
    from torch import Tensor

# A model's output in [0, 1]: hardly any value below 0 and none far above 1. A photograph has dark pixels.
_BELOW, _ABOVE, _SHARE = 0.02, 1.05, 0.001
_BEYOND = 1.5


def check_size(model: Generator | type[Generator], benchmark: Benchmark) -> None:
    """Refuse a model that paints images of other sizes only, before it is made.

    Args:
        model: its class, or the model.
        benchmark: the benchmark.

    Raises:
        UserError: if the benchmark's images have another size.
    """
    card, (height, width) = model.card, benchmark.image_size
    if card.sizes and benchmark.image_size not in card.sizes:
        raise UserError(
            f"The model {card.name} paints images of {card.sizes_in_words} (height x width) only, and those of "
            f"{benchmark.id} are {height}x{width}: choose a benchmark of that size."
        )


def check_conditioning(name: str, conditioning: Sequence[str], benchmark: Benchmark) -> None:
    """Refuse a model that needs what a benchmark does not have.

    Args:
        name: name of the model.
        conditioning: what else it is given, see `fhpt_bench.model.CONDITIONING`.
        benchmark: the benchmark.

    Raises:
        UserError: if the benchmark has no table of it.
    """
    for what, whose, table in (
        ("face-landmarks", "the target's face-landmarks", benchmark.truth.face),
        ("parsing", "the target's parsing", benchmark.truth.parsing),
        ("source-parsing", "the source's parsing", benchmark.truth.parsing),
    ):
        if what in conditioning and not table:
            estimable = what == "face-landmarks" and "test" in benchmark.landmark_files
            way = "run `fhpt-bench data landmarks`" if estimable else "choose another"
            raise UserError(f"The model {name} needs {whose}, which {benchmark.id} lacks: {way}.")


def check_generated(name: str, generated: Any, pairs: Sequence[Pair], size: tuple[int, int]) -> None:
    """Refuse what a model returned for a batch if it is not finite images of the right shape.

    Args:
        name: name of the model.
        generated: what it returned.
        pairs: the B pairs of the batch.
        size: (height, width) of the images.

    Raises:
        UserError: if it is not a (B, 3, H, W) tensor of finite numbers.
    """
    if problem := wrong_images(generated, (len(pairs), 3, *size)):
        raise UserError(f"The model {name} failed on the batch from {pairs[0].id} on: generate returned {problem}.")


def wrong_images(generated: Any, shape: tuple[int, ...]) -> str | None:
    """What a model returned, in words, if it is not a tensor of a shape with finite floating-point numbers.

    Args:
        generated: what it returned.
        shape: (B, 3, H, W).
    """
    import torch

    if not isinstance(generated, torch.Tensor) or tuple(generated.shape) != shape:
        got = tuple(generated.shape) if isinstance(generated, torch.Tensor) else type(generated).__name__
        return f"{got}, not a tensor of shape {shape}"
    if not generated.is_floating_point() or generated.layout != torch.strided:
        kind = str(generated.dtype if generated.layout == torch.strided else generated.layout).removeprefix("torch.")
        return f"a tensor of {kind}, not a dense one of floating-point numbers in [-1, 1]"
    return None if torch.isfinite(generated).all() else "NaN or infinite values"


def doubtful_range(images: Tensor, first: bool = True) -> tuple[float, float] | None:
    """The smallest and largest value of a model's output if it does not look like [-1, 1]; else None.

    Args:
        images: (N, 3, H, W) of one batch.
        first: whether it is the first batch; a later one may be small, and bright by chance.

    Returns:
        (low, high) if hardly any value of the first batch is below 0 and none is far above 1, as in [0, 1], or if more
        than one value in a thousand of any batch is beyond 1.5 or -1.5. Models that add a residual to an image, and
        clip nothing, are beyond it in a few pixels.

    Examples:
        >>> import torch
        >>> doubtful_range(torch.rand(2, 3, 8, 8)) is None, doubtful_range(torch.rand(2, 3, 8, 8) * 2 - 1) is None
        (False, True)
    """
    low, high = float(images.min()), float(images.max())
    looks_like_0_to_1 = first and high < _ABOVE and float((images < -_BELOW).float().mean()) < _SHARE
    is_beyond = max(-low, high) > _BEYOND and float((images.abs() > _BEYOND).float().mean()) > _SHARE
    return (low, high) if looks_like_0_to_1 or is_beyond else None
