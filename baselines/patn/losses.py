"""PATN's adversarial losses over both discriminators, with cross entropy as in the paper."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fhpt_bench.training.losses import cross_entropy_discriminator, cross_entropy_generator


def adversarial_loss(fake_logits: Sequence[Tensor]) -> Tensor:
    """Compute L_GAN for the generator: the mean over the discriminators of -log D(fake).

    Args:
        fake_logits: the outputs of each discriminator for generated images.

    Returns:
        A scalar.

    Examples:
        >>> round(adversarial_loss([torch.zeros(1), torch.full((2,), 100.0)]).item(), 4)  # half of log 2
        0.3466
    """
    return torch.stack([cross_entropy_generator(logits) for logits in fake_logits]).mean()


def discriminator_loss(real_logits: Sequence[Tensor], fake_logits: Sequence[Tensor]) -> Tensor:
    """Compute the sum of the losses of the discriminators; each gets the gradient of its own loss only.

    Args:
        real_logits: the outputs of each discriminator for real images.
        fake_logits: the same for generated images, in the same order.

    Returns:
        A scalar.

    Examples:
        >>> zero, large = torch.zeros(1), torch.full((1,), 100.0)
        >>> round(discriminator_loss([zero, large], [zero, -large]).item(), 4)  # log 2, and 0
        0.6931
    """
    pairs = zip(real_logits, fake_logits, strict=True)
    return torch.stack([cross_entropy_discriminator(real, fake) for real, fake in pairs]).sum()
