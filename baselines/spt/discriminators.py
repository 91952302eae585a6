"""SPT's discriminators: of the image with its parsing map, and of the face."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from baselines.dsc.parts import HEAD_HALF_SIDE
from baselines.patn.blocks import initialise
from baselines.torso import face_centre, torso_scale

_SLOPE = 0.2  # negative slope of LeakyReLU


class PatchDiscriminator(nn.Module):
    """The discriminator of pix2pix with patches of 70x70 pixels (Isola et al. 2017), which the authors use for both.

    4x4 convolutions, the first three with stride 2; instance norm (without scale and bias) after the second to the
    fourth, which therefore have no bias; LeakyReLU.

    Args:
        channels: 3 + 9 for an image with its parsing map, 3 for a face.
        width: output channels of the first convolution; 64 in the paper.

    Examples:
        >>> PatchDiscriminator(12, width=2)(torch.zeros(1, 12, 256, 176)).shape
        torch.Size([1, 1, 30, 20])
    """

    def __init__(self, channels: int, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [initialise(nn.Conv2d(channels, width, 4, 2, 1)), nn.LeakyReLU(_SLOPE)]
        for inputs, outputs, stride in ((1, 2, 2), (2, 4, 2), (4, 8, 1)):
            convolution = nn.Conv2d(inputs * width, outputs * width, 4, stride, 1, bias=False)
            layers += [initialise(convolution), nn.InstanceNorm2d(outputs * width), nn.LeakyReLU(_SLOPE)]
        self.layers = nn.Sequential(*layers, initialise(nn.Conv2d(8 * width, 1, 4, 1, 1)))

    def forward(self, x: Tensor) -> Tensor:
        """Score how real each patch is: 1 is real, 0 is fake (LSGAN).

        Args:
            x: (B, channels, H, W): an image in [-1, 1], with its parsing map if the discriminator has one.

        Returns:
            (B, 1, h, w).
        """
        scores: Tensor = self.layers(x)
        return scores


def face_squares(pose: Tensor) -> Tensor:
    """Find the square around nose, eyes and ears for the face discriminator, as in the authors' code.

    Half of its side is 0.4 times the torso scale, as in DSC's mask of the head.

    Args:
        pose: (B, 18, 2) pixels (x, y), NaN if missing.

    Returns:
        (B, 3): x and y of the centre, and half of the side, in pixels; NaN if nose, eyes and ears are missing, or a hip
        or a shoulder.
    """
    squares = torch.cat([face_centre(pose.float()), HEAD_HALF_SIDE * torso_scale(pose.float())[:, None]], 1)
    return torch.where(squares.isfinite().all(1, keepdim=True), squares, torch.nan)


def face_crops(images: Tensor, squares: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Cut out squares.

    Args:
        images: (B, 3, H, W) in [-1, 1].
        squares: (B, 3) of `face_squares`.
        side: of the crops, in pixels.

    Returns:
        (B, 3, side, side), and (B,) bool, whether there is a face: False if the square is NaN; then the crop is 0.
        Outside the image a crop is 0.

    Examples:
        >>> crops, shown = face_crops(torch.ones(1, 3, 8, 6), torch.full((1, 3), torch.nan), 4)
        >>> crops.abs().max().item(), shown
        (0.0, tensor([False]))
    """
    height, width = images.shape[2:]
    centre, half = squares[:, :2], squares[:, 2]
    shown = half.isfinite()
    steps = (torch.arange(side, device=images.device) + 0.5) * (2 / side) - 1
    across, down = steps.expand(side, side), steps[:, None].expand(side, side)
    x, y = (centre[:, n, None, None] + half[:, None, None] * offset for n, offset in enumerate((across, down)))
    # Every pixel of a face that is not there is taken from outside the image.
    grid = (torch.stack([x / width, y / height], -1) * 2 - 1).nan_to_num(nan=-3.0)
    return functional.grid_sample(images.float(), grid, align_corners=False).to(images.dtype), shown
