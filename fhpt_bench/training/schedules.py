"""Learning rates over a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LambdaLR


def fixed_then_linear(optimizer: Optimizer, fixed: int, total: int) -> LambdaLR:
    """The optimiser's rate for some units, then linearly down to 0.

    Source: Zhu et al., Progressive Pose Attention Transfer (CVPR 2019); Yang et al., Detail Replenishing Network
    ("Implementation Details").

    Args:
        optimizer: whose rate it sets, now and at every `step()`.
        fixed: units (whatever `step()` is called after) at the full rate, 0 or more.
        total: units after which the rate is 0, `fixed` or more; where equal, the rate is fixed throughout.

    Raises:
        ValueError: where `total` is less than `fixed`.

    Examples:
        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
        >>> schedule, rates = fixed_then_linear(optimizer, 1, 5), []
        >>> for _ in range(7):
        ...     rates.append(round(optimizer.param_groups[0]["lr"], 9))
        ...     optimizer.step()
        ...     schedule.step()
        >>> rates
        [0.4, 0.4, 0.3, 0.2, 0.1, 0.0, 0.0]
    """
    if not 0 <= fixed <= total:
        raise ValueError(f"{total} units in all are less than the {fixed} with a fixed rate")
    from torch.optim.lr_scheduler import LambdaLR

    return LambdaLR(optimizer, lambda done: min(1.0, max(0.0, (total - done) / max(1, total - fixed))))
