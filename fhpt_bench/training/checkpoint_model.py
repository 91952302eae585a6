"""A model whose weights are the checkpoint of a recipe."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from fhpt_bench.model import TrainedGenerator
from fhpt_bench.training.checkpoint import Checkpoint, read_checkpoint

if TYPE_CHECKING:
    from torch import Tensor, nn


class CheckpointModel(TrainedGenerator):
    """A model that reads one checkpoint, builds the network that its hyperparameters describe, and fills it.

    A subclass gives the name of the recipe, the dataclass of its hyperparameters, `build` and `generate`.

    Args:
        checkpoint: checkpoint of its recipe; default: the one in the weights store.

    Raises:
        WeightsMissing: if there is no checkpoint.
        UserError: if the file is not a checkpoint of its recipe.
    """

    recipe: ClassVar[str]
    hyperparameters: ClassVar[type[Any]]

    def __init__(self, checkpoint: Path | None = None) -> None:
        found: Checkpoint[Any] = read_checkpoint(self.recipe, self.hyperparameters, checkpoint)
        self.hparams = found.hparams
        self.network: Any = found.make(self.build)
        self.network.eval()
        CheckpointModel.to(self, "cpu")  # in the layout of the CPU
        self.checkpoints: tuple[Checkpoint[Any], ...] = (found,)

    @abc.abstractmethod
    def build(self, hparams: Any) -> nn.Module:
        """Make the untrained network.

        Args:
            hparams: hyperparameters of the checkpoint.
        """

    @property
    def trained(self) -> Mapping[str, str]:
        """Recipe -> digest of the trained tensors."""
        return {checkpoint.name: checkpoint.digest for checkpoint in self.checkpoints}

    def to(self, device: str) -> None:
        from fhpt_bench.networks.convolutions import moved

        moved(self.network, device)

    def outputs(self, *inputs: Tensor, method: Callable[..., Any] | None = None) -> list[Any]:
        """Run the network: on a CPU image by image, on a GPU with the whole batch.

        On a CPU a batch saves no time, and would change the last bits of an image.

        Args:
            inputs: the arguments of the network, each (B, ...).
            method: what is called with them; default: the network.

        Returns:
            The network's outputs, one for each call, in the order of the images.
        """
        size = 1 if inputs[0].device.type == "cpu" else len(inputs[0])
        call = method or self.network
        return [call(*(x[i : i + size] for x in inputs)) for i in range(0, len(inputs[0]), size)]
