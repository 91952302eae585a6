"""Inputs of trained generators from training pairs: augmentation, half the size, heat maps."""

from __future__ import annotations

import abc
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from fhpt_bench.data.heat_maps import SIGMA, flip_landmarks, flip_pose, heat_maps

if TYPE_CHECKING:
    from fhpt_bench.training.pairs import TrainingBatch

CHANCES = 5  # number of uniform random numbers for the augmentation of one pair


@dataclass(frozen=True)
class People:
    """B training pairs on a device.

    Args:
        source: (B, 3, H, W) in [-1, 1].
        target: like source.
        source_pose: (B, 18, 2) pixels, NaN if missing.
        target_pose: like source_pose.
        source_face: (B, 68, 2) pixels, NaN if not visible.
        target_face: like source_face.
        source_parsing: (B, H, W) uint8, 9 classes; None if the training does not use parsing maps.
        target_parsing: like source_parsing.
    """

    source: Tensor
    target: Tensor
    source_pose: Tensor
    target_pose: Tensor
    source_face: Tensor
    target_face: Tensor
    source_parsing: Tensor | None = None
    target_parsing: Tensor | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images."""
        return self.source.shape[2], self.source.shape[3]

    def parts(self, size: int) -> Iterator[People]:
        """Split the pairs into parts.

        Args:
            size: largest number of pairs in a part.
        """
        tensors = {field.name: getattr(self, field.name) for field in fields(self)}
        for start in range(0, len(self.source), size):
            part = slice(start, start + size)
            cut: dict[str, Any] = {name: whole if whole is None else whole[part] for name, whole in tensors.items()}
            yield People(**cut)


def people_of(batch: TrainingBatch, device: torch.device) -> People:
    """Copy a batch to a device, without augmentation.

    Args:
        batch: B pairs, images as uint8.
        device: the device.
    """
    images = [image.to(device, non_blocking=True).float() / 127.5 - 1 for image in (batch.source, batch.target)]
    points = [
        part.to(device, non_blocking=True)
        for part in (batch.source_pose, batch.target_pose, batch.source_face, batch.target_face)
    ]
    maps = [
        part if part is None else part.to(device, non_blocking=True)
        for part in (batch.source_parsing, batch.target_parsing)
    ]
    return People(*images, *points, *maps)


def augmented(people: People, chance: Tensor, flip: bool, recolours: bool) -> People:
    """Augment pairs, source and target together.

    Args:
        people: B pairs.
        chance: (B, CHANCES) uniform random numbers in [0, 1), on the CPU.
        flip: whether to mirror half of the pairs.
        recolours: whether to change the colours of the pairs, see `recolour`.
    """
    if flip:
        people = _mirrored(people, (chance[:, 0] < 0.5).to(people.source.device, non_blocking=True))
    if recolours:
        source, target = (recolour(image, chance[:, 1:]) for image in (people.source, people.target))
        people = replace(people, source=source, target=target)
    return people


def _mirrored(people: People, chosen: Tensor) -> People:
    """Mirror the chosen pairs; joints and landmarks are renamed accordingly."""
    width = people.source.shape[3]

    def choose(new: Tensor, old: Tensor) -> Tensor:
        return torch.where(chosen.reshape(-1, *[1] * (old.dim() - 1)), new, old)

    return People(
        choose(people.source.flip(3), people.source),
        choose(people.target.flip(3), people.target),
        choose(flip_pose(people.source_pose, width), people.source_pose),
        choose(flip_pose(people.target_pose, width), people.target_pose),
        choose(flip_landmarks(people.source_face, width), people.source_face),
        choose(flip_landmarks(people.target_face, width), people.target_face),
        *(
            part if part is None else choose(part.flip(2), part)
            for part in (people.source_parsing, people.target_parsing)
        ),
    )


# Luma and the two chroma axes (NTSC's YIQ): the rows of a matrix on RGB.
_YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))


def recolour(images: Tensor, chance: Tensor) -> Tensor:
    """Rotate hues: about half of the images by any angle, the others by a small one; vary saturation and brightness.

    Greys, such as the studio's background, stay grey, so that the same people wear other colours.

    Args:
        images: (B, 3, H, W) in [-1, 1].
        chance: (B, 4) uniform random numbers in [0, 1), on the CPU.

    Returns:
        The same shape, clipped to [-1, 1].

    Examples:
        >>> grey = torch.zeros(1, 3, 2, 2)
        >>> bool(recolour(grey, torch.rand(1, 4)).std(1).max() < 1e-2)
        True
    """
    angle = (chance[:, 1] * 2 - 1) * torch.where(chance[:, 0] < 0.5, math.pi, 0.15)
    saturation, brightness = 0.7 + 0.6 * chance[:, 2], 0.9 + 0.15 * chance[:, 3]
    yiq = torch.tensor(_YIQ)
    rotation = torch.zeros(len(images), 3, 3)
    rotation[:, 0, 0] = 1
    rotation[:, 1, 1] = rotation[:, 2, 2] = saturation * angle.cos()
    rotation[:, 1, 2], rotation[:, 2, 1] = -saturation * angle.sin(), saturation * angle.sin()
    matrix = (yiq.inverse() @ rotation @ yiq * brightness[:, None, None]).to(images.device, non_blocking=True)
    light = ((images + 1) / 2).flatten(2)
    return ((matrix @ light).clamp(0, 1) * 2 - 1).reshape(images.shape)


def half_size(people: People) -> People:
    """Halve height and width: means of 2x2 pixels, every second label of a parsing map; points move along.

    Args:
        people: B pairs, height and width even.
    """
    images = [functional.avg_pool2d(image, 2) for image in (people.source, people.target)]
    points = (people.source_pose, people.target_pose, people.source_face, people.target_face)
    maps = [part if part is None else part[:, ::2, ::2] for part in (people.source_parsing, people.target_parsing)]
    return People(*images, *(part * 0.5 for part in points), *maps)


class View(NamedTuple):
    """Inputs and target of one network.

    Args:
        target: (B, 3, h, w) in [-1, 1].
        inputs: the arguments of the network. The first is the appearance, the condition of a discriminator of
            appearance (B, 3, h, w); the last is the shape, the condition of a discriminator of shape (B, C, h, w).
    """

    target: Tensor
    inputs: tuple[Tensor, ...]

    @property
    def appearance(self) -> Tensor:
        """The source image, or a part of it."""
        return self.inputs[0]

    @property
    def shape(self) -> Tensor:
        """The target pose as maps, or another drawing of the target's shape."""
        return self.inputs[-1]


class TrainableGenerator(abc.ABC):
    """A network together with how its inputs are made from training pairs.

    Args:
        network: the network.
    """

    shape_channels: int = 18  # channels of a view's shape

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    @abc.abstractmethod
    def view(self, people: People, half: bool) -> View:
        """Make the inputs and the target of B pairs.

        Args:
            people: B pairs.
            half: whether to use half the height and width.
        """

    def generate(self, view: View) -> Tensor:
        """Generate images.

        Args:
            view: inputs of B pairs.

        Returns:
            (B, 3, h, w), not clipped.
        """
        image: Tensor = self.network(*view.inputs)
        return image


class WholeImageGenerator(TrainableGenerator):
    """A network that is given the source image and maps of both poses.

    Args:
        network: the network: (source (B, 3, h, w), source maps (B, 18, h, w), target maps) -> image (B, 3, h, w).
        kind: kind of the maps, as for `heat_maps`.
    """

    def __init__(self, network: nn.Module, kind: Literal["gaussian", "delta"] = "gaussian") -> None:
        super().__init__(network)
        self._kind = kind

    def view(self, people: People, half: bool) -> View:
        """Make images and heat maps; the Gaussians shrink with the image."""
        scale = 0.5 if half else 1.0
        people = half_size(people) if half else people
        poses = (people.source_pose, people.target_pose)
        maps = [heat_maps(pose, people.size, SIGMA * scale, self._kind) for pose in poses]
        return View(people.target, (people.source, *maps))
