"""The networks of the semantic protocols, one row each: which of their features a trained head uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Backbone:
    """A network with frozen convolutions, trained on ImageNet.

    Args:
        feature: id of the feature with its pooled values.
        weights: name of its pinned weights.
        seen: the values of the feature that a head uses; they are not negative.
        plain: the values that are compared without a head.
        title: the network and the values of `seen`, in words.
        plain_title: the network and the values of `plain`, in words.
        retrieval_head: name of the head that distinguishes items, and of the recipe that trains it.
    """

    feature: str
    weights: str
    seen: slice
    plain: slice
    title: str
    plain_title: str
    retrieval_head: str


BACKBONES: Mapping[str, Backbone] = {
    "vgg16": Backbone(
        "vgg16-pooled",
        "vgg16",
        slice(0, 1472),
        slice(960, 1472),
        "VGG16 (relu1_2, 2_2, 3_3, 4_3 and 5_3, means over pixels)",
        "VGG16 as trained on ImageNet (relu5_3, mean over pixels)",
        "retrieval-vgg16",
    ),
    "efficientnet-lite0": Backbone(
        "efficientnet-lite0",
        "efficientnet-lite0",
        slice(0, 1280),
        slice(0, 1280),
        "EfficientNet-lite0 (last pooling)",
        "EfficientNet-lite0 as trained on ImageNet (last pooling)",
        "retrieval-efficientnet",
    ),
    "resnet50": Backbone(
        "resnet50-pooled",
        "resnet50",
        slice(0, 2048),
        slice(0, 2048),
        "ResNet50 (last pooling)",
        "ResNet50 as trained on ImageNet (last pooling)",
        "retrieval-resnet50",
    ),
}
GENDER_HEAD, GENDER_BACKBONE = "gender-vgg16", BACKBONES["vgg16"]
