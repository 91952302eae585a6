"""The hyperparameters of SPT: the presets `paper` and `small` (for studio's images of 256x176).

Source: Song et al., "Unsupervised Person Image Generation with Semantic Parsing Transformation" (CVPR 2019), and the
authors' demonstration of H_A.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class LossWeights:
    """The weights of H_A's losses, as in the authors' code.

    Args:
        adversarial: of the discriminator of images.
        face: of the discriminator of faces.
        pose: of the pose loss.
        content: of the content loss.
        style: of the semantic-aware style loss.
    """

    adversarial: float = 1.0
    face: float = 1.0
    pose: float = 700.0
    content: float = 0.03
    style: float = 1.0


@dataclass(frozen=True)
class Hyperparameters:
    """Hyperparameters of the networks and their training.

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
        batch_size: pairs per batch.
        semantic_iterations: updates of H_S alone.
        coarse_iterations: updates of H_A at `fade_in` 0.
        fade_iterations: updates after those in which `fade_in` rises to 1.
        iterations: updates of H_A in all.
        learning_rate: learning rate of all networks.
        betas: betas of Adam.
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
    semantic_iterations: int = 50_000
    coarse_iterations: int = 50_000
    fade_iterations: int = 25_000
    iterations: int = 150_000
    learning_rate: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    loss: LossWeights = field(default_factory=LossWeights)


# The authors' code gives the structure of H_A and the weights of its losses. Learning rate and betas are the defaults
# of the pix2pix code that it extends. Batch size and numbers of iterations are ours.
PAPER = Hyperparameters()

# The same structure with fewer channels: 3.9 million parameters in H_A, 2.2 million in H_S.
SMALL = Hyperparameters(
    width=16, semantic_width=12, discriminator_width=16, face_side=64, detector_width=12, detector_blocks=4,
    completes_torso=True, batch_size=8, semantic_iterations=3_000, coarse_iterations=3_000, fade_iterations=1_000,
    iterations=10_000,
)  # fmt: skip


def fade_in(iteration: int, hparams: Hyperparameters) -> float:
    """Compute the share of the fine image in H_A's training from coarse to fine.

    Args:
        iteration: number of updates so far.
        hparams: gives the lengths of the phases.

    Returns:
        0 in the coarse phase, then rising linearly to 1.

    Examples:
        >>> [fade_in(iteration, PAPER) for iteration in (0, 50_000, 62_500, 75_000, 150_000)]
        [0.0, 0.0, 0.5, 1.0, 1.0]
    """
    share = (iteration - hparams.coarse_iterations) / hparams.fade_iterations
    return min(max(share, 0.0), 1.0)
