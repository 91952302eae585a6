"""What DRN's networks share beyond PATN's parts: activation, way back to an image, first weights of the style path."""

from __future__ import annotations

from functools import partial

from torch import nn

from baselines.patn.blocks import convolution

STAGES = 3  # down-sampling layers ("Implementation Details")
SLOPE = 0.2  # of LeakyReLU below 0 ("Implementation Details")
activation = partial(nn.LeakyReLU, SLOPE, inplace=True)


def to_image(width: int) -> nn.Sequential:
    """A reflection-padded 7x7 convolution to 3 channels, and tanh.

    Args:
        width: channels of its input.
    """
    return nn.Sequential(convolution(width, 3, 7, reflect=True), nn.Tanh())


def initialise_style(module: nn.Module) -> None:
    """Draw all weights so that a signal keeps its size (He et al. 2015, for this LeakyReLU), and set biases to 0.

    The style path has no norm that would restore the size: under N(0, 0.02) a style code starts near 0, nearer with
    each layer and with each channel less, and hardly learns.

    Args:
        module: its convolutions and linear layers are changed in place.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, SLOPE)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
