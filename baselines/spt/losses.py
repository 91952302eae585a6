"""The losses of SPT's painter H_A; that of H_S is `baselines.spt.parsing.parsing_loss`.

The adversarial losses are the least squares of `fhpt_bench.training.losses`.

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
