"""Shared parts of DRN's networks that PATN does not have: activation, style initialisation."""

from __future__ import annotations

from functools import partial

from torch import nn

STAGES = 3  # down-sampling layers ("Implementation Details")
SLOPE = 0.2  # negative slope of LeakyReLU ("Implementation Details")
activation = partial(nn.LeakyReLU, SLOPE, inplace=True)


def initialise_style(module: nn.Module) -> None:
    """Initialise all weights by He et al. 2015 (for this LeakyReLU), which preserves the variance, and set biases to 0.

    The style path has no norm that would restore the variance. With N(0, 0.02) the style code is near 0 at the start,
    more so with more layers or fewer channels, and the path hardly trains.

    Args:
        module: the module whose convolutions and linear layers are changed in place.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, SLOPE)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
