"""The hyperparameters of VUNet: the presets `paper` and `small`.

Source: Esser et al., "A Variational U-Net for Conditional Appearance and Shape Generation" (CVPR 2018), and the
authors' settings for DeepFashion without a style loss (`deepfashion.yaml` in their code).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from fhpt_bench.training.hyperparameters import TrainingHyperparameters

COARSEST = 4  # side of the coarsest maps


@dataclass(frozen=True)
class Hyperparameters(TrainingHyperparameters):
    """Hyperparameters of the network and its training.

    An image is reconstructed from itself, so that only the targets of the pairs are used. All iterations are at full
    size, since the latents fix the size of the canvas.

    Args:
        width: channels of the decoder at full resolution.
        levels: levels of the decoder; 7 for a canvas of 256x256.
        dropout: dropout probability in the residual blocks.
        completes_torso: whether missing hips and shoulders are estimated (`baselines.torso.complete_torso`); the
            authors leave images without them out of the training.
        initial_batches: batches of the data-dependent initialisation.
        reconstruction_weight: weight of the reconstruction loss.
        perceptual_network: network of the maps: the paper's VGG-19, or VGG-16, whose weights come from a package.
        feature_scale: what maps of torchvision's VGG are multiplied by in the reconstruction loss. The weights of the
            losses belong to Keras's VGG-19, whose input is in [0, 255]; torchvision divides its input by 255 and by the
            deviation, about 0.226, and the maps grow in proportion to the input.
    """

    width: int = 32
    levels: int = 7
    dropout: float = 0.1
    completes_torso: bool = False
    initial_batches: int = 4
    iterations: int = 100_000
    fixed_iterations: int = 1_000
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.5, 0.9)
    reconstruction_weight: float = 5.0
    perceptual_network: Literal["vgg16", "vgg19"] = "vgg19"
    feature_scale: float = 255 * 0.226


def canvas_side(levels: int) -> int:
    """The side of the canvas in pixels: latents of 4x4, doubled from level to level.

    Args:
        levels: levels of the decoder.

    Examples:
        >>> canvas_side(7)
        256
    """
    return COARSEST << (levels - 1)


PAPER = Hyperparameters()

# The same structure with a third of the channels, 5.5 million parameters, for studio's 3,200 training pairs: as many
# iterations and pairs per batch as DRN's `small`, with natural colours.
SMALL = replace(
    PAPER, width=11, completes_torso=True, iterations=10_000, fixed_iterations=100, perceptual_network="vgg16",
    flip=True, mixed_precision="bf16",
)  # fmt: skip
