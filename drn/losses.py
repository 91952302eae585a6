"""The style loss of eq. 8. The other losses of eq. 5-7 are those of `fhpt_bench.training.losses`.

L_recon is `reconstruction_loss`. L_per (eq. 6) is `perceptual_loss`: the paper does not define its norm; here it is L1,
as in PATN. L_GAN is the least-squares loss; for the discriminators half the sum of both means.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fhpt_bench.training.losses import gram

TAPS = ("relu1_2", "relu2_2", "relu3_3")  # phi_l of eq. 6 and 8; equal in VGG-16 and VGG-19


def style_loss(features_generated: Sequence[Tensor], features_target: Sequence[Tensor]) -> Tensor:
    """Compute L_sty of eq. 8 with another normalisation: |G - G~| summed over C x C, divided by C, summed over layers.

    Eq. 8 taken literally (squares, divided by CHW a second time) is close to 0. The table gives the norm of the
    gradient of this loss on R_t relative to that of the perceptual loss, over four pairs of `studio` at 256x176
    (VGG-16, float32; with random poses in the first two columns). The columns are different images I_t: the output of
    untrained networks of width 12 and 64, the source image, and the target blurred by a Gaussian of 1 and 3 pixels,
    which resembles a trained coarse image:

        eq. 8, literally              1.4e-4  5.5e-4  5.3e-6  2.1e-6  4.6e-6
        without its second 1/CHW      117     440     3.9     1.6     3.4
        1/C instead of it             0.60    2.2     0.016   0.0065  0.014
        absolute, 1/C (this one)      2.55    4.2     0.95    0.66    0.59

    No constant factor makes the squares comparable both at the start and later, when R_t adds little. Absolute
    differences, as in `perceptual_loss`, stay within a factor of 4.3 in all columns.

    Args:
        features_generated: maps (B, C, H, W) of the generated images.
        features_target: the same of their targets.

    Returns:
        A scalar, float32: the mean over images.

    Examples:
        >>> style_loss([torch.tensor([[[[1.0, 2.0]], [[3.0, 0.0]]]])], [torch.zeros(1, 2, 1, 2)])
        tensor(2.5000)
    """
    pairs = zip(features_generated, features_target, strict=True)
    terms = [(gram(a) - gram(b)).abs().mean() * a.shape[1] for a, b in pairs]
    return torch.stack(terms).sum()
