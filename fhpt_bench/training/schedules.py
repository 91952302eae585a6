"""Learning rate schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LambdaLR


def fixed_then_linear(optimizer: Optimizer, fixed: int, total: int) -> LambdaLR:
    """Keep the learning rate fixed for some units, then decrease it linearly to 0.

    Source: Zhu et al., Progressive Pose Attention Transfer (CVPR 2019); Yang et al., Detail Replenishing Network
    ("Implementation Details").

    Args:
        optimizer: the optimiser whose rate is set, now and at every `step()`.
        fixed: number of `step()` calls at the full rate, 0 or more.
        total: number of `step()` calls after which the rate is 0, `fixed` or more; if it equals `fixed`, the rate is
            fixed until then.

    Raises:
        ValueError: if `total` is less than `fixed`.

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
