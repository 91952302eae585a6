"""The hyperparameters of DSC: the presets `paper`, `small` and `cpu`.

Source: Siarohin et al., "Deformable GANs for Pose-based Human Image Generation" (CVPR 2018), and the commands in the
authors' README.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from fhpt_bench.training.hyperparameters import TrainingHyperparameters


@dataclass(frozen=True)
class Hyperparameters(TrainingHyperparameters):
    """Hyperparameters of the networks and their training.

    Args:
        width: channels of the generator at full resolution.
        levels: levels of the generator; each halves the size.
        dropout: dropout probability in the first three blocks of the decoder.
        discriminator_width: output channels of the discriminator's first convolution.
        discriminator_steps: steps of the discriminator per step of the generator, each on a batch of its own.
        completes_torso: whether missing hips and shoulders are estimated (`baselines.torso.complete_torso`); the
            paper leaves such pairs out, which would be 648 of studio's 800 test pairs.
        adversarial_weight: weight of the adversarial loss.
        nearest_neighbour_weight: the weight of the nearest-neighbour loss.
        window: side of the window of the nearest-neighbour loss, in locations.
        perceptual_network: network of the maps: the paper's VGG-19, or VGG-16, whose weights come from a package.
        feature_scale: what maps of torchvision's VGG are multiplied by before the nearest-neighbour loss. The paper's
            weight belongs to Keras's VGG-19, whose input is in [0, 255]; torchvision divides its input by 255 and by
            the deviation, about 0.226, and maps of the first layers grow in proportion to the input.
    """

    width: int = 64
    levels: int = 7
    dropout: float = 0.5
    discriminator_width: int = 64
    batch_size: int = 2
    iterations: int = 90_000
    fixed_iterations: int = 90_000
    discriminator_steps: int = 1
    completes_torso: bool = False
    adversarial_weight: float = 1.0
    nearest_neighbour_weight: float = 0.01
    window: int = 5
    perceptual_network: Literal["vgg16", "vgg19"] = "vgg19"
    feature_scale: float = 255 * 0.226


# 90 epochs, which the authors' code defines as 1,000 batches each.
PAPER = Hyperparameters()

# The same structure with a quarter of the channels, 5.1 million parameters, for studio's 3,200 training pairs: as many
# iterations and pairs per batch as DRN's `small`, with natural colours.
SMALL = replace(
    PAPER, width=16, discriminator_width=16, batch_size=8, iterations=10_000, fixed_iterations=10_000,
    half_size_iterations=4_000, completes_torso=True, perceptual_network="vgg16", flip=True, mixed_precision="bf16",
)  # fmt: skip

# `small` with fewer iterations, for CPUs: as many at each size as `patn`'s preset `cpu`.
CPU = replace(SMALL, iterations=2_000, fixed_iterations=2_000, half_size_iterations=1_200)
