"""The hyperparameters of the anchors that learn from training images."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AutoencoderHyperparameters:
    """The autoencoder and its training.

    Args:
        width: channels of the hidden layers.
        code: numbers that are kept of a patch of 8x8 pixels, which has 192.
        batch_size: crops per batch.
        crop: side of a crop in pixels, a multiple of 8.
        iterations: number of iterations; in the second half the learning rate falls linearly to 0.
        learning_rate: initial learning rate of Adam.
    """

    width: int = 128
    code: int = 16
    batch_size: int = 16
    crop: int = 64
    iterations: int = 4_000
    learning_rate: float = 1e-3


@dataclass(frozen=True)
class MeanImageHyperparameters:
    """The mean image.

    Args:
        image_size: its (height, width). The recipe sets it to the benchmark's.
    """

    image_size: tuple[int, int] = (256, 176)
