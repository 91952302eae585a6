"""PG2's reconstruction loss: L1, with twice the weight on the body."""

from __future__ import annotations

import torch
from torch import Tensor


def masked_l1(generated: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Compute the mean of |generated - target| * (1 + mask).

    Args:
        generated: (B, 3, H, W).
        target: like generated.
        mask: (B, 1, H, W), 1 on the body, see `baselines.pg2.masks.body_mask`.

    Returns:
        A scalar, float32.

    Examples:
        >>> target, mask = torch.zeros(1, 3, 1, 2), torch.tensor([[[[1.0, 0.0]]]])
        >>> masked_l1(target + 0.5, target, mask)
        tensor(0.7500)
    """
    return ((generated - target).abs() * (1 + mask)).mean(dtype=torch.float32)
