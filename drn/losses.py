"""The losses of eq. 5-8, term by term, and the network of the perceptual and style losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from fhpt_bench import weights as store
from fhpt_bench.networks.vgg import VGG16Maps

# VGG-16 and VGG-19 are equal up to the third convolution of their third block, so both use the same layers.
NETWORKS = ("vgg16", "vgg19")
TAPS = (3, 8, 15)  # relu1_2, relu2_2, relu3_3 in torchvision's numbering
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


class PerceptualNetwork(nn.Module):
    """The maps relu1_2, relu2_2 and relu3_3 of a frozen VGG: phi_l of eq. 6 and 8.

    Gradients flow to the images.

    Args:
        network: "vgg19" as in the paper, or "vgg16".
        weights: torchvision's names -> tensors; only those up to relu3_3 are used. Default: the pinned weights.

    Raises:
        ValueError: if the network is another one.
        WeightsMissing: if no source has the weights.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, network: str = "vgg16", weights: Mapping[str, Tensor] | None = None) -> None:
        super().__init__()
        if network not in NETWORKS:
            raise ValueError(f"the perceptual network is one of {', '.join(NETWORKS)}, not {network}")
        # Made on the meta device and filled by assignment, so that the caller's random state does not change.
        with torch.device("meta"):
            self.features = VGG16Maps.layers()[: TAPS[-1] + 1]
        given = store.load(network) if weights is None else weights
        self.load_state_dict({name: given[name] for name in self.state_dict()}, assign=True)
        # Channels last: no layer reorders the memory, so the forward pass in bfloat16 on a CPU is five times as fast.
        self.requires_grad_(False).eval().to(memory_format=torch.channels_last)
        mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_DEVIATION))
        # (x + 1) / 2 to [0, 1], then ImageNet's normalisation, in one multiplication and one addition.
        self.register_buffer("scale", 0.5 / deviation, persistent=False)
        self.register_buffer("shift", (0.5 - mean) / deviation, persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Compute phi_l of each image.

        Args:
            images: (B, 3, H, W) in [-1, 1], H and W at least 4.

        Returns:
            (B, 64, H, W), (B, 128, H / 2, W / 2) and (B, 256, H / 4, W / 4).
        """
        x = torch.addcmul(self.shift, images, self.scale).contiguous(memory_format=torch.channels_last)
        maps = []
        for position, layer in enumerate(self.features):
            x = layer(x)
            if position in TAPS:
                maps.append(x)
        return tuple(maps)


def reconstruction_loss(generated: Tensor, target: Tensor) -> Tensor:
    """Compute L_recon of eq. 5: the mean absolute difference.

    Args:
        generated: (B, 3, H, W).
        target: like generated.

    Returns:
        A scalar, float32.

    Examples:
        >>> reconstruction_loss(torch.tensor([1.0, -1.0]), torch.tensor([0.5, -1.0]))
        tensor(0.2500)
    """
    return (generated - target).abs().mean(dtype=torch.float32)


def perceptual_loss(features_generated: Sequence[Tensor], features_target: Sequence[Tensor]) -> Tensor:
    """Compute L_per of eq. 6: 1 / CHW times the norm of the difference of maps, summed over layers, mean over images.

    The paper does not define the norm; here it is L1, as in PATN.

    Args:
        features_generated: maps (B, C, H, W) of the generated images.
        features_target: the same of their targets.

    Returns:
        A scalar, float32.

    Examples:
        >>> perceptual_loss([torch.ones(1, 2, 2, 2)] * 2, [torch.zeros(1, 2, 2, 2)] * 2)
        tensor(2.)
    """
    # Channels last, as VGG's maps are in memory: the gradient of the mean then has the same layout, which is faster.
    pairs = zip(features_generated, features_target, strict=True)
    return torch.stack([reconstruction_loss(a.movedim(1, -1), b.movedim(1, -1)) for a, b in pairs]).sum()


def gram(features: Tensor) -> Tensor:
    """Compute G of eq. 8: products of channels, summed over locations and divided by CHW.

    Args:
        features: (B, C, H, W).

    Returns:
        (B, C, C), float32 even under autocast, since the loss is a difference of two Gram matrices.

    Examples:
        >>> gram(torch.tensor([[[[1.0, 2.0]], [[3.0, 0.0]]]]))
        tensor([[[1.2500, 0.7500],
                 [0.7500, 2.2500]]])
    """
    with torch.autocast(features.device.type, enabled=False):
        # Locations first, the memory layout of maps with channels last: neither the maps nor their gradient are copied.
        flat = features.flatten(2).transpose(1, 2).float()
        return flat.transpose(1, 2) @ flat / features[0].numel()


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


def lsgan_generator(fake_scores: Tensor) -> Tensor:
    """Compute L_GAN for the generator, least squares [Mao et al. 2017]: the mean of (D(fake) - 1)^2.

    Args:
        fake_scores: scores of a discriminator for generated images, any shape.

    Returns:
        A scalar.

    Examples:
        >>> lsgan_generator(torch.tensor([1.0, 0.0]))
        tensor(0.5000)
    """
    return (fake_scores.float() - 1).square().mean()


def lsgan_discriminator(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """Compute L_GAN for a discriminator, least squares: half the sum of the means of (D(real) - 1)^2 and D(fake)^2.

    Args:
        real_scores: its scores for real images, any shape.
        fake_scores: its scores for generated images, any shape.

    Returns:
        A scalar.

    Examples:
        >>> lsgan_discriminator(torch.tensor([1.0, 0.0]), torch.tensor([0.0]))
        tensor(0.2500)
    """
    return ((real_scores.float() - 1).square().mean() + fake_scores.float().square().mean()) / 2
