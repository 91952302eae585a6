"""The hyperparameters of SPT: the presets `paper` and `small`.

Source: Song et al., "Unsupervised Person Image Generation with Semantic Parsing Transformation" (CVPR 2019), and the
authors' demonstration of H_A.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from fhpt_bench.training.hyperparameters import TrainingHyperparameters


@dataclass(frozen=True)
class LossWeights:
    """The weights of H_A's losses; the defaults are those of the authors' code.

    Args:
        reconstruction: of L1 to the target. With 0 the target image is not used, as in the paper, whose training has no
            pairs: content and style compare a transfer, or the way back, with the source.
        adversarial: of the discriminator of images.
        face: of the discriminator of faces.
        pose: of the pose loss.
        content: of the content loss.
        style: of the semantic-aware style loss.
    """

    reconstruction: float = 0.0
    adversarial: float = 1.0
    face: float = 1.0
    pose: float = 700.0
    content: float = 0.03
    style: float = 1.0


@dataclass(frozen=True)
class Hyperparameters(TrainingHyperparameters):
    """Hyperparameters of the networks and their training: `iterations` of all stages, all at full size.

    Args:
        width: channels of H_A at half resolution.
        levels: levels of H_A's inner generator.
        semantic_width: channels of H_S at full resolution.
        semantic_levels: levels of H_S.
        dropout: dropout probability in the first three blocks of both decoders.
        discriminator_width: output channels of the first convolution of both discriminators.
        face_side: side of the faces that the face discriminator sees, in pixels.
        detector_width: channels of the pose detector at full resolution.
        detector_blocks: residual blocks of the pose detector.
        completes_torso: whether missing hips and shoulders are estimated (`baselines.torso.complete_torso`), as
            for DSC.
        detector_iterations: iterations of the first stage, which trains the pose detector.
        semantic_iterations: iterations of the second stage, which trains H_S; the others train H_A.
        coarse_iterations: first iterations of H_A, at `fade_in` 0.
        fade_iterations: iterations after those, in which `fade_in` rises to 1.
        loss: weights of H_A's losses.
    """

    width: int = 64
    levels: int = 6
    semantic_width: int = 64
    semantic_levels: int = 6
    dropout: float = 0.5
    discriminator_width: int = 64
    face_side: int = 256
    detector_width: int = 64
    detector_blocks: int = 9
    completes_torso: bool = False
    batch_size: int = 4
    iterations: int = 220_000
    fixed_iterations: int = 220_000
    detector_iterations: int = 20_000
    semantic_iterations: int = 50_000
    coarse_iterations: int = 50_000
    fade_iterations: int = 25_000
    loss: LossWeights = field(default_factory=LossWeights)


# The authors' code gives the structure of H_A and the weights of its losses. Learning rate and betas are the defaults
# of the pix2pix code that it extends. Batch size and numbers of iterations are ours.
PAPER = Hyperparameters()

# The same structure with fewer channels, 3.9 million parameters in H_A and 2.2 million in H_S, for studio's 3,200
# training pairs: as many iterations in all and pairs per batch as DRN's `small`, with natural colours. It uses the
# targets, as all other baselines do; without them so few iterations would not do.
SMALL = replace(
    PAPER, width=16, semantic_width=12, discriminator_width=16, face_side=64, detector_width=12, detector_blocks=4,
    completes_torso=True, batch_size=8, iterations=10_000, fixed_iterations=10_000, detector_iterations=1_000,
    semantic_iterations=3_000, coarse_iterations=2_000, fade_iterations=1_000,
    loss=LossWeights(reconstruction=10.0, adversarial=0.1, face=0.1), flip=True, mixed_precision="bf16",
)  # fmt: skip


def fade_in(iteration: int, hparams: Hyperparameters) -> float:
    """Compute the share of the fine image in H_A's training from coarse to fine.

    Args:
        iteration: number of H_A's iterations so far.
        hparams: gives the lengths of the phases.

    Returns:
        0 in the coarse phase, then rising linearly to 1.

    Examples:
        >>> [fade_in(iteration, PAPER) for iteration in (0, 50_000, 62_500, 75_000, 150_000)]
        [0.0, 0.0, 0.5, 1.0, 1.0]
    """
    share = (iteration - hparams.coarse_iterations) / hparams.fade_iterations
    return min(max(share, 0.0), 1.0)
