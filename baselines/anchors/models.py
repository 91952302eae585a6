"""The anchors as models: what a score is if only one thing is wrong with the images.

`jpeg-75`, `blur-2` and `autoencoder` see the target image, so they are oracles like `real`. `mean-image` does not.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

from baselines.anchors.hyperparameters import AutoencoderHyperparameters, MeanImageHyperparameters
from fhpt_bench.model import ModelCard, Oracle, PairBatch
from fhpt_bench.training.checkpoint_model import CheckpointModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from baselines.anchors.network import AutoencoderNetwork, MeanImageNetwork


class DegradedTarget(Oracle):
    """The target image after a change of its pixels; subclasses define `change`."""

    @staticmethod
    @abc.abstractmethod
    def change(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Change an image, (H, W, 3) uint8 RGB; the result has the same shape."""

    def reveal(self, batch: PairBatch, target: Tensor) -> Tensor:
        """Change the target images.

        Args:
            batch: B pairs.
            target: (B, 3, H, W) in [-1, 1].

        Returns:
            The same shape.
        """
        import numpy as np

        from fhpt_bench.data.real_images import quantise, to_tensor

        return to_tensor(np.stack([self.change(image) for image in quantise(target)])).to(target.device)


class Blur2(DegradedTarget):
    """The target image after a Gaussian blur with a sigma of 2 pixels."""

    card = ModelCard("blur-2", "the target image, blurred with a sigma of 2 pixels (oracle)", conditioning=())

    @staticmethod
    def change(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Blur an image."""
        from fhpt_bench.data.degradation import blurred

        return blurred(image, 2.0)


class JPEG75(DegradedTarget):
    """The target image after JPEG compression with quality 75 and 4:2:0 chroma subsampling, Pillow's defaults."""

    card = ModelCard("jpeg-75", "the target image as a JPEG of quality 75, 4:2:0 (oracle)", conditioning=())

    @staticmethod
    def change(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Compress an image."""
        from fhpt_bench.data.degradation import jpeg_compressed

        return jpeg_compressed(image, 75)


class Autoencoder(Oracle, CheckpointModel):
    """The target image after a round trip through a small autoencoder.

    Args:
        checkpoint: checkpoint of its recipe; default: the one that ships, trained on studio's training images.

    Raises:
        UserError: if the file is not a checkpoint of its recipe.
    """

    recipe = "autoencoder"
    hyperparameters = AutoencoderHyperparameters
    card = ModelCard(
        "autoencoder",
        "the target image through an autoencoder, 16 numbers for 8x8 pixels (oracle)",
        trainable=True,
        conditioning=(),
    )

    def build(self, hparams: AutoencoderHyperparameters) -> AutoencoderNetwork:
        """Make the untrained network."""
        from baselines.anchors.network import AutoencoderNetwork

        return AutoencoderNetwork(hparams.width, hparams.code)

    def reveal(self, batch: PairBatch, target: Tensor) -> Tensor:
        """Encode and decode the target images.

        Args:
            batch: B pairs.
            target: (B, 3, H, W) in [-1, 1].

        Returns:
            The same shape, clipped.
        """
        import torch

        return torch.cat(self.outputs(target)).clamp(-1, 1)


class MeanImage(CheckpointModel):
    """The mean of a benchmark's training images, the same for every pair.

    Args:
        checkpoint: checkpoint of its recipe; default: the one that ships, the mean of studio's training images.

    Raises:
        UserError: if the file is not a checkpoint of its recipe.
    """

    recipe = "mean-image"
    hyperparameters = MeanImageHyperparameters
    hparams: MeanImageHyperparameters
    card = ModelCard(
        "mean-image",
        "the mean of the training images, for every pair",
        trainable=True,
        conditioning=(),
        size_rule="that of its training images",
    )

    def build(self, hparams: MeanImageHyperparameters) -> MeanImageNetwork:
        """Make the network without its mean."""
        from baselines.anchors.network import MeanImageNetwork

        return MeanImageNetwork(hparams.image_size)

    def refuses(self, size: tuple[int, int]) -> str | None:
        """A reason for any size but that of the training images."""
        height, width = self.hparams.image_size
        if size == (height, width):
            return None
        return (
            f"The mean image of {self.checkpoints[0].path} is {width} wide and {height} high, and these images are "
            f"{size[1]} wide and {size[0]} high: compute another with `fhpt-bench train mean-image` on this benchmark, "
            "and give it with --checkpoint."
        )

    def generate(self, batch: PairBatch) -> Tensor:
        """Return the mean image for each of B pairs, (B, 3, H, W) in [-1, 1]."""
        mean: Tensor = self.network.mean
        return mean.expand(len(batch.source), -1, -1, -1)
