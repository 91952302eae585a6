"""float64 in place of float32, for tests that compare trainings which add the same numbers in another order.

A step of an adaptive optimiser divides the gradient by its own size plus epsilon, so it may enlarge an error of the
gradient by learning rate / epsilon: 3e4 and more. After a few steps the rounding of float32 (6e-8) is then as large as
the losses themselves, and its size depends on the CPU. The rounding of float64 (1e-16) stays invisible.

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
# For absolute and relative differences. Gradients of the tests are of size 1 to 100 with rounding errors of at most
# 1e-12; one step may turn such an error into 1e-12 * 3e4 = 3e-8.
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
    # Python puts this file's folder first, where `fhpt_bench` is the folder of its tests.
    sys.path.remove(str(Path(__file__).parent))
    from fhpt_bench.cli import main

    with Float64():
        main(sys.argv[1:])
