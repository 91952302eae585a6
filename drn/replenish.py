"""The detail replenishment module G_T: adds details from the source's style code to the guidance map (Fig. 4)."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from baselines.patn.blocks import convolution, encoder, instance_norm, to_image
from drn.layers import STAGES, activation, initialise_style

STYLE_BLOCKS = 2
UP_KERNEL = 5


class StyleBlock(nn.Module):
    """A residual block without norm: x + conv(LeakyReLU(conv(x))). A norm would remove the style.

    Args:
        channels: number of channels of x.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.path = nn.Sequential(
            convolution(channels, channels, 3, reflect=True),
            activation(),
            convolution(channels, channels, 3, reflect=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) -> the same."""
        result: Tensor = x + self.path(x)
        return result


class StyleEncoder(nn.Module):
    """The encoder of an image to its style code z_s, averaged over all locations (Section IV-A). It has no norms.

    Args:
        width: channels at full resolution.
        style: length of the code; 128 in the paper, 64 in its ablation `Texture64dim`.
    """

    def __init__(self, width: int, style: int = 128) -> None:
        super().__init__()
        wide = width * 2**STAGES
        self.layers = nn.Sequential(
            encoder(3, width, STAGES, activation, normalised=False),
            *(StyleBlock(wide) for _ in range(STYLE_BLOCKS)),
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(wide, style, 1),
            nn.Flatten(),
        )
        initialise_style(self)

    def forward(self, image: Tensor) -> Tensor:
        """Compute z_s of each image.

        Args:
            image: (B, 3, H, W) in [-1, 1].

        Returns:
            (B, style).
        """
        code: Tensor = self.layers(image)
        return code


class AdaIN(nn.Module):
    """Adaptive instance normalisation, eq. 4, with a 3-layer MLP that computes scale and bias from z_s.

    The last layer of the MLP is initialised with 0 and the scale is 1 plus its output: at the start the scale is 1 and
    the bias is 0 for every style.

    Args:
        channels: number of channels of the features.
        style: length of z_s.
        hidden: width of the MLP; 256 for the preset `paper`.

    Examples:
        >>> features = torch.arange(8.0).reshape(1, 1, 4, 2)
        >>> normalised = AdaIN(1, 4, 8)(features, torch.ones(1, 4))
        >>> round(normalised.mean().item(), 4), round(normalised.var(correction=0).item(), 4)
        (0.0, 1.0)
    """

    def __init__(self, channels: int, style: int, hidden: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(style, hidden), activation(), nn.Linear(hidden, hidden), activation(),
            last := nn.Linear(hidden, 2 * channels),
        )  # fmt: skip
        initialise_style(self)
        nn.init.zeros_(last.weight)

    def forward(self, features: Tensor, z: Tensor) -> Tensor:
        """Normalise the features, eq. 4.

        Args:
            features: F_t^i, (B, channels, H, W).
            z: z_s, (B, style).

        Returns:
            (B, channels, H, W). Its mean and standard deviation per image and channel are the bias and scale of z.
        """
        modulation = self.mlp(z).to(torch.promote_types(features.dtype, torch.float32))
        scale, bias = (part.flatten() for part in modulation.chunk(2, 1))
        return instance_norm(features, 1 + scale, bias)


class AdaINBlock(nn.Module):
    """x + AdaIN(conv(LeakyReLU(AdaIN(conv(x))))): a residual block [He et al. 2016] with style-dependent norms.

    Args:
        channels: number of channels of x.
        style: length of z_s.
        hidden: width of the MLPs.
    """

    def __init__(self, channels: int, style: int, hidden: int) -> None:
        super().__init__()
        self.first = convolution(channels, channels, 3, bias=False, reflect=True)
        self.first_norm = AdaIN(channels, style, hidden)
        self.activation = activation()
        self.second = convolution(channels, channels, 3, bias=False, reflect=True)
        self.second_norm = AdaIN(channels, style, hidden)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """(B, channels, H, W) and (B, style) -> (B, channels, H, W)."""
        hidden = self.activation(self.first_norm(self.first(x), z))
        result: Tensor = x + self.second_norm(self.second(hidden), z)
        return result


class Upsampling(nn.Module):
    """Nearest x2, 5x5 convolution to half the channels, AdaIN, LeakyReLU.

    Args:
        inputs: number of input channels.
        outputs: number of output channels.
        style: length of z_s.
        hidden: width of the MLP.
    """

    def __init__(self, inputs: int, outputs: int, style: int, hidden: int) -> None:
        super().__init__()
        self.convolution = convolution(inputs, outputs, UP_KERNEL, bias=False)
        self.norm = AdaIN(outputs, style, hidden)
        self.activation = activation()

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """(B, inputs, H, W) and (B, style) -> (B, outputs, 2 * H, 2 * W)."""
        # A pixel of the enlarged x is read several times by each kernel. Adding up the weights that meet there gives
        # one 3x3 kernel for each of the four positions in a pixel of x, and 36 multiplications instead of 100.
        larger = functional.pixel_shuffle(functional.conv2d(x, small_kernels(self.convolution.weight), padding=1), 2)
        result: Tensor = self.activation(self.norm(larger, z))
        return result


def small_kernels(kernel: Tensor) -> Tensor:
    """Compute the 3x3 kernels that act on an image as a 5x5 kernel does on the image enlarged twice (nearest).

    Args:
        kernel: (outputs, inputs, 5, 5).

    Returns:
        (4 * outputs, inputs, 3, 3). Kernel 4 * k + 2 * i + j gives the pixels of channel k in the rows 2 * y + i and
        columns 2 * x + j, the order of `pixel_shuffle`.

    Examples:
        >>> small_kernels(torch.ones(1, 1, 5, 5))[0, 0]
        tensor([[4., 4., 2.],
                [4., 4., 2.],
                [2., 2., 1.]])
    """
    for axis in (2, -1):  # (outputs, inputs, 5, 5) -> (2, 3, outputs, inputs, 5) -> (2, 3, 2, 3, outputs, inputs)
        a, b, c, d, e = kernel.unbind(axis)
        kernel = torch.stack([torch.stack([a + b, c + d, e]), torch.stack([a, b + c, d + e])])
    return kernel.permute(4, 2, 0, 5, 3, 1).flatten(0, 2)


class DetailReplenishment(nn.Module):
    """G_T of eq. 3 with its style encoder. It gives the residual map R_t, which adds details to the coarse image.

    It has residual blocks with AdaIN at the resolution of the guidance map, three up-sampling stages, a 7x7 convolution
    and tanh.

    Args:
        guidance_channels: channels of the guidance map F_t.
        width: channels at full resolution; 64 in the paper.
        style: length of z_s; 128 in the paper.
        hidden: width of the MLP of each AdaIN layer; default: 256.
        blocks: number of residual blocks; 6 in the paper.
        stages: number of up-sampling stages, from the size of F_t to that of the image; 3 in the paper.

    Examples:
        >>> module = DetailReplenishment(16, width=2, style=4, hidden=8, blocks=1)
        >>> module(torch.zeros(1, 3, 32, 24), torch.rand(1, 16, 4, 3)).shape
        torch.Size([1, 3, 32, 24])
    """

    def __init__(
        self,
        guidance_channels: int,
        width: int = 64,
        style: int = 128,
        hidden: int = 256,
        blocks: int = 6,
        stages: int = STAGES,
    ) -> None:
        super().__init__()
        self.style_encoder = StyleEncoder(width, style)
        self.blocks = nn.ModuleList(AdaINBlock(guidance_channels, style, hidden) for _ in range(blocks))
        wides = [guidance_channels, *(width * 2**stage for stage in reversed(range(stages)))]
        self.upsampling = nn.ModuleList(
            Upsampling(inputs, outputs, style, hidden) for inputs, outputs in pairwise(wides)
        )
        self.to_image = to_image(width)

    def encode(self, source: Tensor) -> Tensor:
        """Compute the style code z_s.

        Args:
            source: I_s, (B, 3, H, W) in [-1, 1].

        Returns:
            (B, style).
        """
        code: Tensor = self.style_encoder(source)
        return code

    def render(self, guidance: Tensor, z: Tensor) -> Tensor:
        """Compute G_T(z_s, F_t), eq. 3.

        Args:
            guidance: F_t, (B, guidance_channels, h, w).
            z: z_s, (B, style).

        Returns:
            R_t, (B, 3, 2**stages * h, 2**stages * w) in [-1, 1].
        """
        x = guidance
        for block in self.blocks:
            x = block(x, z)
        for stage in self.upsampling:
            x = stage(x, z)
        result: Tensor = self.to_image(x)
        return result

    def forward(self, source: Tensor, guidance: Tensor) -> Tensor:
        """Compute the residual map of a source image, eq. 3.

        Args:
            source: I_s, (B, 3, H, W) in [-1, 1].
            guidance: F_t, (B, guidance_channels, h, w).

        Returns:
            R_t, (B, 3, 2**stages * h, 2**stages * w) in [-1, 1].
        """
        return self.render(guidance, self.encode(source))
