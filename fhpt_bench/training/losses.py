"""Losses that trained generators share: L1, perceptual, Gram matrices, and three adversarial losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from fhpt_bench import weights as store
from fhpt_bench.networks.vgg import VGG_BLOCKS, vgg_layers

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


def tap_position(network: str, tap: str) -> int:
    """Compute the position of an activation in torchvision's numbering of a VGG's layers.

    Args:
        network: "vgg16" or "vgg19".
        tap: "reluB_I": the activation after convolution I of block B, both from 1.

    Raises:
        ValueError: if the network or the activation does not exist.

    Examples:
        >>> tap_position("vgg16", "relu3_3"), tap_position("vgg19", "relu5_2")
        (15, 31)
    """
    if network not in VGG_BLOCKS:
        raise ValueError(f"the perceptual network is one of {', '.join(VGG_BLOCKS)}, not {network}")
    counts = VGG_BLOCKS[network]
    names = [f"relu{b}_{i}" for b, count in enumerate(counts, 1) for i in range(1, count + 1)]
    if tap not in names:
        raise ValueError(f"{network} has no activation {tap}")
    block = int(tap[4])
    return 2 * names.index(tap) + 1 + (block - 1)  # a convolution and its activation each, one pooling a block


class PerceptualNetwork(nn.Module):
    """Some activations of a frozen VGG, for perceptual and style losses. Gradients flow to the images.

    Args:
        network: "vgg16", whose weights come from a package, or "vgg19", which is a download.
        weights: torchvision's names -> tensors; only those up to the last activation are used. Default: the pinned
            weights.
        taps: names of the activations, as for `tap_position`, in the order of the layers. Up to relu3_3 both networks
            have the same layers.

    Raises:
        ValueError: if the network or an activation does not exist.
        WeightsMissing: if no source has the weights.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        network: str = "vgg16",
        weights: Mapping[str, Tensor] | None = None,
        taps: Sequence[str] = ("relu1_2", "relu2_2", "relu3_3"),
    ) -> None:
        super().__init__()
        self._taps = [tap_position(network, tap) for tap in taps]
        # Made on the meta device and filled by assignment, so that the caller's random state does not change.
        with torch.device("meta"):
            self.features = vgg_layers(network)[: self._taps[-1] + 1]
        given = store.load(network) if weights is None else weights
        self.load_state_dict({name: given[name] for name in self.state_dict()}, assign=True)
        # Channels last: no layer reorders the memory, so the forward pass in bfloat16 on a CPU is five times as fast.
        self.requires_grad_(False).eval().to(memory_format=torch.channels_last)
        mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_DEVIATION))
        # (x + 1) / 2 to [0, 1], then ImageNet's normalisation, in one multiplication and one addition.
        self.register_buffer("scale", 0.5 / deviation, persistent=False)
        self.register_buffer("shift", (0.5 - mean) / deviation, persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Compute the activations of each image.

        Args:
            images: (B, 3, H, W) in [-1, 1], H and W at least 2 to the number of poolings before the last activation.

        Returns:
            One (B, C, h, w) for each activation: (B, 64, H, W) for relu1_2, (B, 128, H / 2, W / 2) for relu2_2.
        """
        x = torch.addcmul(self.shift, images, self.scale).contiguous(memory_format=torch.channels_last)
        maps = []
        for position, layer in enumerate(self.features):
            x = layer(x)
            if position in self._taps:
                maps.append(x)
        return tuple(maps)


def reconstruction_loss(generated: Tensor, target: Tensor) -> Tensor:
    """Compute the mean absolute difference.

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
    """Compute the mean absolute difference of each activation, summed over the activations.

    Args:
        features_generated: maps (B, C, H, W) of the generated images, from `PerceptualNetwork`.
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
    """Compute Gram matrices: products of channels, summed over locations and divided by CHW.

    Args:
        features: (B, C, H, W).

    Returns:
        (B, C, C), float32 even under autocast, since a style loss is a difference of two Gram matrices.

    Examples:
        >>> gram(torch.tensor([[[[1.0, 2.0]], [[3.0, 0.0]]]]))
        tensor([[[1.2500, 0.7500],
                 [0.7500, 2.2500]]])
    """
    with torch.autocast(features.device.type, enabled=False):
        # Locations first, the memory layout of maps with channels last: neither the maps nor their gradient are copied.
        flat = features.flatten(2).transpose(1, 2).float()
        return flat.transpose(1, 2) @ flat / features[0].numel()


def lsgan_generator(fake_scores: Tensor, counted: Tensor | None = None) -> Tensor:
    """Compute the least-squares loss of a generator [Mao et al. 2017]: the mean of (D(fake) - 1)^2.

    Args:
        fake_scores: (B, ...) scores of a discriminator for generated images.
        counted: (B,) bool, which images count; None for all.

    Returns:
        A scalar; 0 if no image counts.

    Examples:
        >>> scores = torch.tensor([1.0, 0.0])
        >>> lsgan_generator(scores), lsgan_generator(scores, torch.tensor([False, True]))
        (tensor(0.5000), tensor(1.))
    """
    return _mean_square(fake_scores.float() - 1, counted)


def lsgan_discriminator(
    real_scores: Tensor, fake_scores: Tensor, real_counted: Tensor | None = None, fake_counted: Tensor | None = None
) -> Tensor:
    """Compute the least-squares loss of a discriminator: half the sum of the means of (D(real) - 1)^2 and D(fake)^2.

    Args:
        real_scores: (B, ...) its scores for real images.
        fake_scores: the same for generated images.
        real_counted: (B,) bool, which real images count; None for all.
        fake_counted: the same for generated images.

    Returns:
        A scalar.

    Examples:
        >>> lsgan_discriminator(torch.tensor([1.0, 0.0]), torch.tensor([0.0]))
        tensor(0.2500)
    """
    return (_mean_square(real_scores.float() - 1, real_counted) + _mean_square(fake_scores.float(), fake_counted)) / 2


def _mean_square(scores: Tensor, counted: Tensor | None) -> Tensor:
    """The mean square over the images that count."""
    squares = scores.square()
    if counted is None:
        return squares.mean()
    return (squares.flatten(1).mean(1) if squares.ndim > 1 else squares).mul(counted).sum() / counted.sum().clamp(min=1)


def cross_entropy_generator(fake_logits: Tensor) -> Tensor:
    """Compute the non-saturating loss of a generator [Goodfellow et al. 2014]: the mean of -log D(fake).

    Args:
        fake_logits: outputs of a discriminator for generated images before the sigmoid, any shape.

    Returns:
        A scalar.

    Examples:
        >>> round(cross_entropy_generator(torch.zeros(3)).item(), 4)  # log 2
        0.6931
    """
    return functional.softplus(-fake_logits.float()).mean()


def cross_entropy_discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Compute the loss of a discriminator: half the sum of the means of -log D(real) and -log(1 - D(fake)).

    Args:
        real_logits: its outputs for real images before the sigmoid, any shape.
        fake_logits: its outputs for generated images before the sigmoid, any shape.

    Returns:
        A scalar.

    Examples:
        >>> round(cross_entropy_discriminator(torch.zeros(3), torch.zeros(2)).item(), 4)
        0.6931
    """
    return (functional.softplus(-real_logits.float()).mean() + functional.softplus(fake_logits.float()).mean()) / 2
