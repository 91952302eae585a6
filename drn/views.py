"""Inputs of the networks from training pairs: augmentation, heat maps, face crops."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from drn.face import FaceModule, crop_faces, draw_sketch, face_boxes, landmarks_in_crop
from drn.hyperparameters import Hyperparameters
from drn.network import DetailReplenishingNetwork
from fhpt_bench.data.heat_maps import flip_landmarks, flip_pose, heat_maps

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
    """

    source: Tensor
    target: Tensor
    source_pose: Tensor
    target_pose: Tensor
    source_face: Tensor
    target_face: Tensor


def people_of(batch: TrainingBatch, device: torch.device) -> People:
    """Copy a batch to a device, without augmentation."""
    images = [image.to(device, non_blocking=True).float() / 127.5 - 1 for image in (batch.source, batch.target)]
    points = [
        part.to(device, non_blocking=True)
        for part in (batch.source_pose, batch.target_pose, batch.source_face, batch.target_face)
    ]
    return People(*images, *points)


def changed(people: People, chance: Tensor, hparams: Hyperparameters) -> People:
    """Augment pairs: mirror and recolour, source and target together.

    Args:
        people: B pairs.
        chance: (B, CHANCES) uniform random numbers in [0, 1), on the CPU.
        hparams: give which changes are made.
    """
    if hparams.flip:
        people = _mirrored(people, (chance[:, 0] < 0.5).to(people.source.device, non_blocking=True))
    if hparams.recolour:
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


class View(NamedTuple):
    """Inputs and target of one network.

    Args:
        target: (B, 3, h, w) in [-1, 1].
        inputs: the arguments of the network. The first is the appearance, the condition of D_A (B, 3, h, w); the last
            is the shape, the condition of D_S (B, C, h, w).
    """

    target: Tensor
    inputs: tuple[Tensor, ...]

    @property
    def appearance(self) -> Tensor:
        """I_s, or the face of the source."""
        return self.inputs[0]

    @property
    def shape(self) -> Tensor:
        """P_t as heat maps, or the sketch H_F."""
        return self.inputs[-1]


class TrainableGenerator(abc.ABC):
    """A generator that Algorithm 1 can train."""

    network: nn.Module
    shape_channels: int

    @abc.abstractmethod
    def view(self, people: People, half: bool) -> View:
        """Make the inputs and the target of B pairs.

        Args:
            people: B pairs.
            half: whether to use half the height and width.
        """

    @abc.abstractmethod
    def generate(self, view: View) -> Tensor:
        """Generate images (B, 3, h, w), not clipped."""


class WholeImageGenerator(TrainableGenerator):
    """The generator of the whole image: G_P, with or without G_T."""

    shape_channels = 18
    network: DetailReplenishingNetwork

    def __init__(self, network: DetailReplenishingNetwork) -> None:
        self.network = network

    def view(self, people: People, half: bool) -> View:
        source, target, scale = people.source, people.target, 1.0
        if half:
            source, target, scale = functional.avg_pool2d(source, 2), functional.avg_pool2d(target, 2), 0.5
        size = (source.shape[2], source.shape[3])
        maps = [heat_maps(pose * scale, size, 6.0 * scale) for pose in (people.source_pose, people.target_pose)]
        return View(target, (source, *maps))

    def coarse(self, view: View) -> Tensor:
        """Generate the coarse image I_c only, (B, 3, h, w)."""
        coarse: Tensor = self.network.transfer(*view.inputs)[0]
        return coarse

    def generate(self, view: View) -> Tensor:
        image: Tensor = self.network(*view.inputs).image
        return image


class FaceGenerator(TrainableGenerator):
    """The generator of the face crop, from the sketch H_F and the face of the source (Section IV-B)."""

    shape_channels = 1
    network: FaceModule

    def __init__(self, network: FaceModule) -> None:
        self.network = network

    def view(self, people: People, half: bool) -> View:
        boxes = [face_boxes(face)[0] for face in (people.source_face, people.target_face)]
        source, target = (crop_faces(im, box) for im, box in zip((people.source, people.target), boxes, strict=True))
        sketch = draw_sketch(landmarks_in_crop(people.target_face, boxes[1]))
        return View(target, (source, sketch))

    def generate(self, view: View) -> Tensor:
        image: Tensor = self.network(*view.inputs)
        return image
