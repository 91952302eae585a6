"""DSC's nearest-neighbour loss; the adversarial loss is the cross entropy of `fhpt_bench.training.losses`."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor


def nearest_neighbour_loss(generated: Tensor, target: Tensor, window: int = 5) -> Tensor:
    """Compute L_NN (Siarohin et al. 2018): the distance to the most similar place nearby in the target.

    Args:
        generated: (B, C, H, W) maps of the generated images: conv1_2 of VGG-19 in the paper.
        target: the same of their targets; no gradient flows to them.
        window: side of the square of places around each location, an odd number.

    Returns:
        A scalar, float32: the minimum over places of the sum of absolute differences over channels, mean over
        locations. The paper prints a sum over locations; its weight belongs to the mean of the authors' code.

    Raises:
        ValueError: if the window is even.

    Examples:
        >>> moved = torch.tensor([[[[0.0, 0, 4, 0]]]])
        >>> nearest_neighbour_loss(moved, moved.roll(1, 3), 3), nearest_neighbour_loss(moved, moved.roll(1, 3), 1)
        (tensor(0.), tensor(2.))
    """
    if window % 2 == 0:
        raise ValueError(f"the window has a centre, so its side is odd, not {window}")
    generated, target = generated.float(), target.detach().float()
    # The gradient of a minimum is that of the smallest term: find it first, then compare once. This needs far less
    # memory than to keep the differences of all places.
    with torch.no_grad():
        height, width = target.shape[2:]
        framed = functional.pad(target, (window // 2,) * 4, value=torch.inf)
        corners = [(top, left) for top in range(window) for left in range(window)]
        middle = corners.pop(len(corners) // 2)  # the first one, which others must be better than
        smallest, shift = torch.full_like(target[:, :1], torch.inf), torch.zeros_like(target[:, :1], dtype=torch.int64)
        difference = torch.empty_like(target)
        for top, left in (middle, *corners):
            there = framed[..., top : top + height, left : left + width]
            distance = torch.sub(generated, there, out=difference).abs_().sum(1, keepdim=True)
            shift.masked_fill_(distance < smallest, top * framed.shape[3] + left)
            smallest = torch.minimum(distance, smallest)
        rows, columns = (torch.arange(length, device=target.device) for length in (height, width))
        places = (shift + rows[:, None] * framed.shape[3] + columns).expand_as(target)
        nearest = framed.flatten(2).gather(2, places.flatten(2)).view_as(target)
    return (generated - nearest).abs().sum(1).mean()
