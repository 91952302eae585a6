"""SPT's parsing maps of nine classes, and H_S, which predicts the target's parsing map."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from baselines.dsc.network import DeformableUNet

# The classes of the benchmarks' parsing maps, in the order of their labels.
CLASSES = ("background", "hair", "upper", "lower", "shoes", "face", "arms", "legs", "neck")
FACE = CLASSES.index("face")


def one_hot(labels: Tensor) -> Tensor:
    """Turn a parsing map into one map per class.

    Args:
        labels: (B, H, W) integers, 0 to 8.

    Returns:
        (B, 9, H, W) float32 of 0 and 1.

    Examples:
        >>> one_hot(torch.tensor([[[5, 0]]]))[0, [0, 5], 0]
        tensor([[0., 1.],
                [1., 0.]])
    """
    # A comparison, since `torch.nn.functional.one_hot` would wait for the GPU.
    classes = torch.arange(len(CLASSES), device=labels.device)
    return (labels[:, None] == classes[:, None, None]).float()


class SemanticGenerator(nn.Module):
    """H_S: the source's parsing map is moved to the target pose (Song et al. 2019).

    The authors released no H_S. This one has the encoders, the deformable skips and the decoder of their H_A.

    Args:
        width: channels at full resolution.
        levels: number of levels; each halves the size.
        dropout: dropout probability in the first three blocks of the decoder.

    Examples:
        >>> inputs = [torch.zeros(1, channels, 16, 11) for channels in (9, 18, 18)]
        >>> network = SemanticGenerator(width=2, levels=4)
        >>> network(*inputs, torch.zeros(1, 10, 2, 3), torch.zeros(1, 10, 16, 11)).shape
        torch.Size([1, 9, 16, 11])
    """

    def __init__(self, width: int = 64, levels: int = 6, dropout: float = 0.5) -> None:
        super().__init__()
        self.layers = DeformableUNet(len(CLASSES) + 18, 18, len(CLASSES), width, levels, dropout)

    def forward(
        self, source_parsing: Tensor, source_maps: Tensor, target_maps: Tensor, transforms: Tensor, masks: Tensor
    ) -> Tensor:
        """Predict the target's parsing map.

        Args:
            source_parsing: (B, 9, H, W) of `one_hot`.
            source_maps: (B, 18, H, W) of `baselines.dsc.parts.PoseInputs`, and so are the others.
            target_maps: (B, 18, H, W).
            transforms: (B, 10, 2, 3).
            masks: (B, 10, H, W).

        Returns:
            (B, 9, H, W) logits: their softmax over classes is the probability of each class.
        """
        logits: Tensor = self.layers(torch.cat([source_parsing, source_maps], 1), target_maps, transforms, masks)
        return logits


def parsing_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Compute the loss of H_S: the cross-entropy of the target's parsing map, mean over pixels.

    Args:
        logits: (B, 9, H, W) of `SemanticGenerator`.
        labels: (B, H, W) long, 0 to 8.

    Returns:
        A scalar, float32, in nats.

    Examples:
        >>> parsing_loss(torch.zeros(1, 9, 2, 2), torch.zeros(1, 2, 2, dtype=torch.long))  # log(9)
        tensor(2.1972)
    """
    return functional.cross_entropy(logits.float(), labels)
