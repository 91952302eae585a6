"""The hyperparameters of PG2: the presets `paper` and `small`.

Source: Ma et al., "Pose Guided Person Image Generation" (NIPS 2017), and its released code for DeepFashion.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from fhpt_bench.training.hyperparameters import TrainingHyperparameters


@dataclass(frozen=True)
class LossWeights:
    """The weights of the second stage's losses.

    Args:
        gan: weight of the adversarial loss.
        reconstruction: weight of the masked L1.
    """

    gan: float = 1.0
    reconstruction: float = 50.0


@dataclass(frozen=True)
class Hyperparameters(TrainingHyperparameters):
    """Hyperparameters of the networks and their training: `iterations` of both stages, all at full size.

    Args:
        width: channels of the first block; block i has i times as many.
        blocks: N, number of blocks of G1's encoder and decoder; G2 has N - 2.
        bottleneck: output channels of G1's fully connected layer.
        discriminator_width: output channels of the discriminator's first convolution.
        image_size: (H, W) of the images, which the fully connected layers fix. The recipe sets it to the benchmark's.
        joint_radius: radius of a joint's disc in the pose maps, in pixels.
        limb_radius: radius of a limb in the mask of the loss, in pixels.
        closing: side of the square of the mask's morphological closing, in pixels, an odd number.
        coarse_iterations: iterations of the first stage, which trains G1; the second trains G2 and the discriminator.
        loss: weights of the second stage's losses.
    """

    width: int = 128
    blocks: int = 6
    bottleneck: int = 64
    discriminator_width: int = 64
    image_size: tuple[int, int] = (256, 176)
    joint_radius: float = 4.0
    limb_radius: float = 4.0
    closing: int = 5
    iterations: int = 50_000
    fixed_iterations: int = 50_000
    coarse_iterations: int = 30_000
    learning_rate: float = 2e-5
    loss: LossWeights = field(default_factory=LossWeights)
    flip: bool = True


# DeepFashion: 30,000 iterations of G1, then 20,000 of G2, batches of 8.
PAPER = Hyperparameters()

# The same structure with fewer channels, for studio's 3,200 training pairs: as many iterations and pairs per batch as
# DRN's `small`. A fifth of the iterations needs larger steps.
SMALL = replace(
    PAPER, width=16, discriminator_width=16, iterations=10_000, fixed_iterations=10_000, coarse_iterations=6_000,
    learning_rate=2e-4, mixed_precision="bf16",
)  # fmt: skip
