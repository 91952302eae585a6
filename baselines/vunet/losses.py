"""The losses of VUNet: a perceptual reconstruction loss, the KL divergence of the latents, and its weight."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def reconstruction_loss(
    generated: Tensor,
    target: Tensor,
    features_generated: Sequence[Tensor],
    features_target: Sequence[Tensor],
    feature_scale: float = 1.0,
) -> Tensor:
    """Compute the perceptual loss of Esser et al. 2018 without its weight: L1 of images and of maps.

    Args:
        generated: (B, 3, H, W) in [-1, 1].
        target: like generated.
        features_generated: maps (B, C, H, W) of the generated images: conv1_2, 2_2, 3_2, 4_2 and 5_2 of VGG-19 in the
            paper.
        features_target: the same of their targets.
        feature_scale: what the maps are multiplied by; see `Hyperparameters`.

    Returns:
        A scalar, float32: the mean absolute difference of images in [0, 255], as in the authors' code, plus that of
        each map.

    Examples:
        >>> one, zero = torch.ones(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
        >>> reconstruction_loss(one, zero, [one, one], [zero, zero], feature_scale=10.0)
        tensor(147.5000)
    """
    pairs = zip(features_generated, features_target, strict=True)
    maps = [(one.float() - other.float()).abs().mean() for one, other in pairs]
    return 127.5 * (generated.float() - target.float()).abs().mean() + feature_scale * torch.stack(maps).sum()


def divergence(posterior: Sequence[Tensor], prior: Sequence[Tensor]) -> Tensor:
    """Compute the KL divergence of the posterior from the prior (Esser et al. 2018), both with unit variance.

    Args:
        posterior: means (B, C, h, w) per level.
        prior: the same of the prior.

    Returns:
        A scalar, float32: half the squared distance of the means, summed over levels, mean over images, in nats.

    Examples:
        >>> divergence([torch.full((2, 1, 1, 2), 3.0)], [torch.ones(2, 1, 1, 2)])
        tensor(4.)
    """
    pairs = zip(posterior, prior, strict=True)
    return torch.stack([(q.float() - p.float()).square().flatten(1).sum(1).mean() / 2 for q, p in pairs]).sum()


def divergence_weight(iteration: int, iterations: int) -> float:
    """Compute the weight of the KL divergence, as in the code of Esser et al. 2018.

    Args:
        iteration: number of iterations so far.
        iterations: number of iterations of the training.

    Returns:
        1e-6 in the first half of the training, then rising linearly to 1 at three quarters of it.

    Examples:
        >>> [round(divergence_weight(iteration, 400), 2) for iteration in (0, 200, 225, 250, 300, 400)]
        [0.0, 0.0, 0.25, 0.5, 1.0, 1.0]
    """
    least = 1e-6
    share = (iteration - iterations / 2) / (iterations / 4)
    return least + (1 - least) * min(max(share, 0.0), 1.0)
