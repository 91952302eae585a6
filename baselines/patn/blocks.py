"""The building blocks of PATN, shared by all networks that use them.

Source: Zhu et al., "Progressive Pose Attention Transfer for Person Image Generation" (CVPR 2019). Instance norm has
neither scale nor bias, as in PATN. A convolution before a norm has no bias, since the norm would remove it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

INITIAL_DEVIATION = 0.02  # standard deviation of initial weights, as in pix2pix and PATN

Layer = TypeVar("Layer", nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
Activation = Callable[[], nn.Module]


def initialise(layer: Layer) -> Layer:
    """Initialise a layer's weights from N(0, 0.02) and its biases with 0, as in pix2pix and PATN.

    Args:
        layer: changed in place.

    Returns:
        The same layer.

    Examples:
        >>> layer = initialise(nn.Conv2d(64, 64, 3))
        >>> 0.019 < layer.weight.std().item() < 0.021, layer.bias.abs().sum().item()
        (True, 0.0)
    """
    nn.init.normal_(layer.weight, std=INITIAL_DEVIATION)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def instance_norm(x: Tensor, scale: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """Normalise each channel of each image to mean 0 and variance 1 [Ulyanov et al. 2016], then scale and shift it.

    Args:
        x: (B, C, H, W).
        scale: (B * C,), the scale of each channel of each image; None for 1.
        bias: (B * C,), like scale; None for 0.
        eps: added to the variance.

    Returns:
        (B, C, H, W).

    Examples:
        >>> instance_norm(torch.tensor([[[[1.0, 3.0]]]]), torch.tensor([2.0]), torch.tensor([5.0]))
        tensor([[[[3.0000, 7.0000]]]])
    """
    # One image with B * C channels, so that scale and bias are applied in the same pass.
    flat = x.contiguous().view(1, -1, *x.shape[2:])
    channels, pixels = flat.shape[1], flat[0, 0].numel()
    if flat.is_cpu:  # up to seven times as fast there as batch norm, which is inaccurate with channels last
        # Not `functional.group_norm`, which autocast would compute in float32.
        result = torch.native_group_norm(flat, scale, bias, 1, channels, pixels, channels, eps)[0]
    else:
        result = functional.batch_norm(flat, None, None, scale, bias, training=True, eps=eps)
    return result.view_as(x)


class InstanceNorm(nn.Module):
    """Instance norm without scale and bias, see `instance_norm`."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same."""
        return instance_norm(x)


def convolution(
    inputs: int, outputs: int, kernel: int, stride: int = 1, *, bias: bool = True, reflect: bool = False
) -> nn.Conv2d:
    """Make a convolution that keeps the size (at stride 1), initialised with `initialise`.

    Args:
        inputs: number of input channels.
        outputs: number of output channels.
        kernel: side of the kernel, an odd number.
        stride: 1, or 2 to halve the size.
        bias: whether it has a bias; False if a norm follows.
        reflect: whether the padding is by reflection instead of zeros.
    """
    padding = kernel // 2
    if reflect:
        return initialise(nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=bias, padding_mode="reflect"))
    return initialise(nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=bias))


def encoder(
    channels: int, width: int, stages: int, activation: Activation, *, normalised: bool = True
) -> nn.Sequential:
    """Make a reflection-padded 7x7 convolution to `width` channels, then strided ones that double the channels.

    Args:
        channels: number of input channels.
        width: channels at full resolution.
        stages: number of strided 3x3 convolutions, each of which halves the size.
        activation: activation after each convolution (and its norm).
        normalised: whether an instance norm follows each convolution.

    Returns:
        (B, channels, H, W) -> (B, width * 2**stages, H / 2**stages, W / 2**stages).

    Examples:
        >>> encoder(3, 4, 3, nn.ReLU)(torch.zeros(1, 3, 32, 24)).shape
        torch.Size([1, 32, 4, 3])
    """
    layers: list[nn.Module] = []
    for stage in range(stages + 1):
        wide = width * 2**stage
        if stage == 0:
            layers.append(convolution(channels, wide, 7, bias=not normalised, reflect=True))
        else:
            layers.append(convolution(wide // 2, wide, 3, 2, bias=not normalised))
        layers += [InstanceNorm(), activation()] if normalised else [activation()]
    return nn.Sequential(*layers)


def to_image(width: int) -> nn.Sequential:
    """Make the output layers: a reflection-padded 7x7 convolution to 3 channels, and tanh.

    Args:
        width: number of input channels.
    """
    return nn.Sequential(convolution(width, 3, 7, reflect=True), nn.Tanh())


def convolution_pair(
    inputs: int, outputs: int, activation: Activation, dropout: float, *, last_norm: bool = True
) -> nn.Sequential:
    """Make the path of a residual block: pad, 3x3 convolution, norm, activation, dropout, pad, 3x3 convolution, norm.

    Args:
        inputs: number of input and output channels of the first convolution.
        outputs: number of output channels of the second convolution.
        activation: activation between the two convolutions.
        dropout: dropout probability; 0 for none.
        last_norm: whether a norm follows the second convolution.
    """
    layers = [convolution(inputs, inputs, 3, bias=False, reflect=True), InstanceNorm(), activation()]
    if dropout:
        layers.append(nn.Dropout(dropout))
    layers.append(convolution(inputs, outputs, 3, bias=not last_norm, reflect=True))
    if last_norm:
        layers.append(InstanceNorm())
    return nn.Sequential(*layers)


class ResidualBlock(nn.Module):
    """x + f(x), with f from `convolution_pair`; a part of PATN's discriminators.

    Args:
        channels: number of channels of x.
        activation: activation in f.
        dropout: dropout probability in f; 0 for none.
    """

    def __init__(self, channels: int, activation: Activation, dropout: float = 0.0) -> None:
        super().__init__()
        self.path = convolution_pair(channels, channels, activation, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) -> the same."""
        result: Tensor = x + self.path(x)
        return result


class PoseAttentionBlock(nn.Module):
    """PATN's pose-attentional transfer block (Zhu et al. 2019): the pose gives the attention for the image.

    With f1 = pad, 3x3, norm, activation, dropout, pad, 3x3, norm, and f2 the same without the last norm:
    a = sigmoid(f2(pose)); out = image + a * f1(image). The next pose code is f2(pose), before the sigmoid, concatenated
    with out.

    Args:
        channels: number of channels of the image code.
        first: whether this is the first block, whose pose code has `channels` channels instead of the 2 * `channels`
            that a block returns.
        activation: activation in both paths.
        dropout: dropout probability in both paths; 0 for none.

    Examples:
        >>> block = PoseAttentionBlock(4, first=True, activation=nn.ReLU)
        >>> [code.shape[1] for code in block(torch.zeros(1, 4, 6, 5), torch.zeros(1, 4, 6, 5))]
        [4, 8]
    """

    def __init__(self, channels: int, *, first: bool, activation: Activation, dropout: float = 0.0) -> None:
        super().__init__()
        self.image_path = convolution_pair(channels, channels, activation, dropout)
        self.pose_path = convolution_pair(
            channels if first else 2 * channels, channels, activation, dropout, last_norm=False
        )

    def forward(self, image: Tensor, pose: Tensor) -> tuple[Tensor, Tensor]:
        """Update the image code towards the target pose.

        Args:
            image: (B, channels, H, W).
            pose: (B, channels or 2 * channels, H, W).

        Returns:
            The next image code (B, channels, H, W) and pose code (B, 2 * channels, H, W).
        """
        code = self.pose_path(pose)
        moved = torch.addcmul(image, torch.sigmoid(code), self.image_path(image))
        return moved, torch.cat([code, moved], 1)
