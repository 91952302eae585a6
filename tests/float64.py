"""float64 in place of float32, for tests that compare trainings which add the same numbers in another order.

A training enlarges rounding errors: an instance norm divides by the standard deviation of a map, an adaptive optimiser
divides a gradient by its own size. In float32 two orders of the same sums gave losses that differed by 0.6 % after
three iterations, and the difference depended on the CPU. In float64 they differ by 1e-15.

`python tests/float64.py ARGUMENTS` is `fhpt-bench ARGUMENTS` in float64.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

COMMAND = str(Path(__file__))
# For absolute and relative differences. A training that enlarges the rounding of float32 (6e-8) to the size of the
# numbers themselves, 2e7 times, enlarges that of float64 (1e-16) to 2e-9.
TOLERANCE = 1e-7


class Float64(TorchFunctionMode):
    """Context in which torch functions that would return float32 compute and return float64."""

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call a torch function with float64 for each float32 that it is given as a dtype."""
        if func is torch.Tensor.float:
            func = torch.Tensor.double
        result = func(*map(_wider, args), **{name: _wider(value) for name, value in (kwargs or {}).items()})
        return result.double() if isinstance(result, torch.Tensor) and result.dtype == torch.float32 else result


def _wider(value: Any) -> Any:
    return torch.float64 if value is torch.float32 else value


if __name__ == "__main__":
    # Python searches this file's folder first, and there `fhpt_bench` is the folder of its tests.
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != here]
    from fhpt_bench.cli import main

    with Float64():
        main(sys.argv[1:])
