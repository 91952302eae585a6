"""SPT's pose detector, which the pose loss compares with: it is trained first and then fixed."""

from __future__ import annotations

from torch import Tensor, nn

from baselines.patn.blocks import ResidualBlock, convolution, encoder

_STAGES = 2


class PoseDetector(nn.Module):
    """Heat maps of an image: the generator of nine residual blocks of Johnson et al. 2016, as in the authors' code.

    Reflection-padded 7x7 convolution, two strided convolutions, residual blocks with dropout, two transposed
    convolutions, 7x7 convolution, tanh; instance norm and ReLU. A convolution before a norm has no bias.

    Args:
        width: channels at full resolution; 64 in the authors' code.
        blocks: number of residual blocks.
        dropout: dropout probability in them.

    Examples:
        >>> import torch
        >>> PoseDetector(width=2, blocks=1)(torch.zeros(1, 3, 16, 12)).shape
        torch.Size([1, 18, 16, 12])
    """

    def __init__(self, width: int = 64, blocks: int = 9, dropout: float = 0.5) -> None:
        super().__init__()
        layers: list[nn.Module] = [encoder(3, width, _STAGES, nn.ReLU)]
        wide = width * 2**_STAGES
        layers += [ResidualBlock(wide, nn.ReLU, dropout) for _ in range(blocks)]
        for _ in range(_STAGES):
            up = nn.ConvTranspose2d(wide, wide // 2, 3, 2, 1, output_padding=1, bias=False)
            nn.init.normal_(up.weight, std=0.02)
            layers += [up, nn.InstanceNorm2d(wide // 2), nn.ReLU()]
            wide //= 2
        self.layers = nn.Sequential(*layers, convolution(wide, 18, 7, reflect=True), nn.Tanh())

    def forward(self, images: Tensor) -> Tensor:
        """Detect joints.

        Args:
            images: (B, 3, H, W) in [-1, 1], H and W multiples of 4.

        Returns:
            (B, 18, H, W) heat maps as those of `fhpt_bench.data.heat_maps`, in [-1, 1].
        """
        maps: Tensor = self.layers(images)
        return maps
