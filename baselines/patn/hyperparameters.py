"""The hyperparameters of PATN: the presets `paper`, `small` and `cpu`.

Source: Zhu et al., "Progressive Pose Attention Transfer for Person Image Generation" (CVPR 2019), and the training
command and defaults of its released code.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from fhpt_bench.training.hyperparameters import TrainingHyperparameters


@dataclass(frozen=True)
class LossWeights:
    """The weights of the losses.

    Args:
        gan: weight of the adversarial loss, the mean of both discriminators'.
        reconstruction: weight of L1.
        perceptual: weight of the perceptual loss.
    """

    gan: float = 5.0
    reconstruction: float = 1.0
    perceptual: float = 1.0


@dataclass(frozen=True)
class Hyperparameters(TrainingHyperparameters):
    """Hyperparameters of a network and its training.

    Args:
        width: output channels of the first convolution of both encoders.
        blocks: number of pose-attention transfer blocks.
        dropout: dropout probability in these blocks.
        pose_maps: kind of the pose maps: "delta" has 1 in a joint's pixel, "gaussian" a Gaussian around it.
        discriminator_width: output channels of the first convolution in D_PB and D_PP.
        discriminator_dropout: dropout probability in their residual blocks.
        loss: weights of the losses.
        perceptual_network: network of the perceptual loss (relu1_2): "vgg19" is a download of 575 MB, the weights of
            "vgg16" come from a package. Both have the same layers up to there, with different weights.
    """

    width: int = 64
    blocks: int = 9
    dropout: float = 0.5
    pose_maps: Literal["delta", "gaussian"] = "delta"
    discriminator_width: int = 64
    discriminator_dropout: float = 0.5
    batch_size: int = 7
    iterations: int = 400_000
    fixed_iterations: int = 285_714
    loss: LossWeights = field(default_factory=LossWeights)
    perceptual_network: Literal["vgg16", "vgg19"] = "vgg19"


# The released code trains for 500 + 200 epochs of 4,000 pairs each, in batches of 7.
PAPER = Hyperparameters()

# The same structure with fewer channels, for studio's 3,200 training pairs: as many iterations and pairs per batch as
# DRN's `small`, with natural colours. Dropout takes too much from 64 channels; Gaussian maps train faster than single
# pixels.
SMALL = replace(
    PAPER, width=16, dropout=0.0, pose_maps="gaussian", discriminator_width=16, discriminator_dropout=0.0,
    batch_size=8, iterations=10_000, fixed_iterations=5_000, half_size_iterations=4_000, learning_rate=3e-4,
    perceptual_network="vgg16", flip=True, mixed_precision="bf16",
)  # fmt: skip

# `small` with fewer iterations: 45 minutes are expected on two CPU cores with AMX. A network that has seen images of
# half the height and width only makes poor images at full size: discs of joints have as many pixels at both sizes.
CPU = replace(SMALL, iterations=2_000, fixed_iterations=1_200, half_size_iterations=1_200)
