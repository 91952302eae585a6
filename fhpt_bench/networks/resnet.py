"""ResNet50: a large ImageNet classifier, used for retrieval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from fhpt_bench.feature import FeatureSpec
from fhpt_bench.networks.pooled import PooledFeature, resize_bicubic

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SIDE = 224
# torchvision's `ResNet50_Weights.IMAGENET1K_V1.transforms()`.
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ResNet50Pooled(PooledFeature):
    """The last pooling (2048) of torchvision's ResNet50; values are 0 or more.

    Its authors crop the centre of an image; here the whole image is used, since heads and feet matter.
    """

    spec = FeatureSpec(
        "resnet50-pooled",
        1,
        ("resnet50",),
        "Pillow bicubic with antialias in float32 to 224x224, aspect not kept, ImageNet normalisation of [0, 1]",
    )
    title = "ResNet50"

    @staticmethod
    def network() -> nn.Module:
        """timm's network, whose tensors have torchvision's names."""
        import timm

        return timm.create_model("resnet50", pretrained=False)

    def prepare(self, images: NDArray[np.uint8]) -> Tensor:
        """The whole image, (N, 3, 224, 224)."""
        x = torch.from_numpy(resize_bicubic(images, _SIDE)).permute(0, 3, 1, 2).contiguous().to(self._device)
        mean, deviation = (x.new_tensor(value).view(3, 1, 1) for value in (_MEAN, _DEVIATION))
        return x.div_(255).sub_(mean).div_(deviation)

    def embed(self, x: Tensor) -> Tensor:
        """(N, 2048)."""
        network = self._network
        pooled: Tensor = network.forward_head(network.forward_features(x), pre_logits=True)  # type: ignore[operator]
        return pooled
