"""The losses of SPT's painter H_A; that of H_S is `baselines.spt.parsing.parsing_loss`.

Source: Song et al., "Unsupervised Person Image Generation with Semantic Parsing Transformation" (CVPR 2019), and the
authors' code.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor

from baselines.spt.parsing import CLASSES, FACE

_STYLED = [number for number in range(len(CLASSES)) if number != FACE]


def class_grams(features: Tensor, parsing: Tensor) -> Tensor:
    """Compute a Gram matrix for each class of a parsing map, without the face.

    Args:
        features: (B, C, h, w).
        parsing: (B, 9, H, W) of `baselines.spt.parsing.one_hot`, or probabilities; reduced to the size of the features
            by taking means.

    Returns:
        (B, 8, C, C) float32: products of channels of the features times the class's map, mean over locations.
    """
    flat = features.flatten(2).float()
    masks = _reduced(parsing, features).flatten(2)
    with torch.autocast(features.device.type, enabled=False):
        parts = [flat * masks[:, number, None] for number in _STYLED]
        return torch.stack([part @ part.mT for part in parts], 1) / flat.shape[2]


def semantic_style_loss(features: Tensor, parsing: Tensor, other_features: Tensor, other_parsing: Tensor) -> Tensor:
    """Compute the semantic-aware style loss of two images of a person (Song et al. 2019).

    A class counts as much as both images show it: the largest value of its reduced map in one image times that in the
    other. The face is left out: it has its own discriminator.

    Args:
        features: (B, C, h, w) maps of one image; relu2_1 of VGG-16 in the authors' code.
        parsing: (B, 9, H, W) of that image.
        other_features: maps of the other image.
        other_parsing: parsing map of the other image.

    Returns:
        A scalar, float32: the squared difference of Gram matrices, mean over images, classes and pairs of channels.
    """
    shown, other_shown = (
        _reduced(maps, size).amax((2, 3)) for maps, size in ((parsing, features), (other_parsing, other_features))
    )
    weight = torch.stack([shown[:, number] * other_shown[:, number] for number in _STYLED], 1)[..., None, None]
    return (weight * (class_grams(features, parsing) - class_grams(other_features, other_parsing))).square().mean()


def _reduced(parsing: Tensor, features: Tensor) -> Tensor:
    """A parsing map at the size of features."""
    return functional.adaptive_avg_pool2d(parsing.float(), (features.shape[2], features.shape[3]))


def content_loss(features: Tensor, target_features: Tensor) -> Tensor:
    """Compute the content loss: the mean squared difference of maps (Song et al. 2019).

    Args:
        features: (B, C, H, W) maps of the generated images.
        target_features: the same of what they should show: in the paper the source, after a transfer to the target pose
            and back.

    Returns:
        A scalar, float32.
    """
    return functional.mse_loss(features.float(), target_features.float())


def pose_loss(detected: Tensor, maps: Tensor) -> Tensor:
    """Compute the pose loss: the mean squared difference of heat maps (Song et al. 2019).

    Args:
        detected: (B, 18, H, W) of `baselines.spt.pose_detector.PoseDetector` on the generated images.
        maps: (B, 18, H, W) of their poses.

    Returns:
        A scalar, float32.
    """
    return functional.mse_loss(detected.float(), maps.float())


def adversarial_generator(fake_scores: Tensor, counted: Tensor | None = None) -> Tensor:
    """Compute the generator's loss against a discriminator, least squares: the mean of (D(fake) - 1)^2.

    Args:
        fake_scores: (B, 1, h, w) scores of generated images.
        counted: (B,) bool, which images count; None for all.

    Returns:
        A scalar, float32; 0 if no image counts.

    Examples:
        >>> scores = torch.tensor([0.0, 3.0]).view(2, 1, 1, 1)
        >>> adversarial_generator(scores), adversarial_generator(scores, torch.tensor([True, False]))
        (tensor(2.5000), tensor(1.))
    """
    return _squares(fake_scores, 1.0, counted)


def adversarial_discriminator(
    real_scores: Tensor, fake_scores: Tensor, real_counted: Tensor | None = None, fake_counted: Tensor | None = None
) -> Tensor:
    """Compute a discriminator's loss, least squares: half the sum of the means of (D(real) - 1)^2 and D(fake)^2.

    Args:
        real_scores: (B, 1, h, w) scores of real images.
        fake_scores: the same of generated images.
        real_counted: (B,) bool, which real images count; None for all.
        fake_counted: the same of generated images.

    Returns:
        A scalar, float32.

    Examples:
        >>> adversarial_discriminator(torch.zeros(1, 1, 1, 1), torch.full((1, 1, 1, 1), 2.0))
        tensor(2.5000)
    """
    return (_squares(real_scores, 1.0, real_counted) + _squares(fake_scores, 0.0, fake_counted)) / 2


def _squares(scores: Tensor, value: float, counted: Tensor | None) -> Tensor:
    """The mean squared distance to a value over the images that count."""
    squares = (scores.float() - value).square().flatten(1).mean(1)
    if counted is None:
        return squares.mean()
    return (squares * counted).sum() / counted.sum().clamp(min=1)
