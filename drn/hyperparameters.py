"""The hyperparameters of the Detail Replenishing Network: the presets `paper`, `small` and `cpu`.

Source: Yang et al., "Towards Fine-grained Human Pose Transfer with Detail Replenishing Network", Section V,
"Implementation Details", and Algorithm 1. If the paper does not give a value, the description of the value says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from baselines.patn.hyperparameters import PAPER as PATN_PAPER
from baselines.patn.hyperparameters import Hyperparameters as PATNHyperparameters
from fhpt_bench.training.hyperparameters import TrainingHyperparameters


@dataclass(frozen=True)
class LossWeights:
    """The weights of eq. 5 and 7.

    Args:
        gan: lambda_GAN.
        perceptual: lambda_per.
        reconstruction: lambda_recon.
        style: lambda_sty.
    """

    gan: float = 1.0
    perceptual: float = 5.0
    reconstruction: float = 10.0
    style: float = 5.0


@dataclass(frozen=True)
class Hyperparameters(TrainingHyperparameters):
    """Hyperparameters of a network and its training.

    Args:
        width: output channels of the first convolution in the transfer branch and the detail branch.
        transfer_blocks: number of pose-attention transfer blocks in G_P.
        detail_blocks: number of residual blocks with AdaIN in G_T.
        style: length of the style code z_s.
        hidden: width of the perceptrons between z_s and each AdaIN layer.
        discriminator_width: output channels of the first convolution in D_A and D_S.
        discriminator_dropout: dropout probability in their residual blocks, as in PATN.
        discriminator_steps: K, discriminator steps per iteration (of Algorithm 1), each on a new batch.
        weight_decay: the "weight regularization" of the paper.
        loss: weights of the losses.
        perceptual_network: network of the perceptual and the style loss: the paper's VGG-19, a download of 575 MB, or
            VGG-16, whose weights come from a package. Both use the same layers (relu1_2, 2_2, 3_3).
        continues: whether the training begins with the trained weights of `drn`, with new discriminators.
    """

    width: int = 64
    transfer_blocks: int = 9
    detail_blocks: int = 6
    style: int = 128
    hidden: int = 256
    discriminator_width: int = 64
    discriminator_dropout: float = 0.5
    batch_size: int = 5
    iterations: int = 200_000
    fixed_iterations: int = 50_000
    discriminator_steps: int = 3
    learning_rate: float = 1e-4
    weight_decay: float = 1e-5
    loss: LossWeights = field(default_factory=LossWeights)
    perceptual_network: Literal["vgg16", "vgg19"] = "vgg19"
    continues: bool = False
    flip: bool = True
    mixed_precision: Literal["no", "bf16"] = "bf16"


@dataclass(frozen=True)
class PBFixedHyperparameters(Hyperparameters):
    """Hyperparameters of "PB Fixed" (Table II), whose transfer branch is a trained PATN.

    Args:
        patn: hyperparameters of that PATN; the recipe sets those of its checkpoint.
    """

    patn: PATNHyperparameters = PATN_PAPER


# 40 epochs ("batches" in the paper) of DeepFashion's 101,966 pairs in 200,000 iterations are about 20 pairs per
# iteration: batches of 5, since each of the K = 3 discriminator steps draws a new batch. 10 of the 40 epochs are
# 50,000 iterations.
PAPER = Hyperparameters()

# The same structure with fewer channels, for studio's 3,200 training pairs: K = 1, VGG-16, a first phase at half
# resolution. Colours are natural, as for the baselines: random hues (`recolour`), with which the first phase of the
# weights that ship was trained, make coarse images grey.
SMALL = Hyperparameters(
    width=12, hidden=64, discriminator_width=16, discriminator_dropout=0.0, batch_size=8, iterations=10_000,
    fixed_iterations=5_000, discriminator_steps=1, learning_rate=3e-4, perceptual_network="vgg16",
    half_size_iterations=4_000,
)  # fmt: skip

# Another phase of the weights that ship, with natural colours: about 35 minutes on two CPU cores with AMX. Iterations
# at half the height and width spoil the images of full size: held-out error 0.11 to 0.22.
CPU = replace(
    SMALL, continues=True, iterations=480, fixed_iterations=120, half_size_iterations=0,
)  # fmt: skip

# The paper trains for 200 epochs at a fixed rate. The number of iterations depends on the number of pairs with two
# frontal faces, which the paper does not give. Here it is the same as for the other networks.
FACE_PAPER = replace(PAPER, fixed_iterations=PAPER.iterations)
FACE_SMALL = replace(SMALL, batch_size=16, iterations=2_500, fixed_iterations=2_500, half_size_iterations=0)
