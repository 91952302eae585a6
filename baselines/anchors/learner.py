"""The training of the autoencoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from baselines.anchors.hyperparameters import AutoencoderHyperparameters
from baselines.anchors.network import AutoencoderNetwork
from fhpt_bench.data.real_images import to_tensor
from fhpt_bench.training.loop import Learner
from fhpt_bench.training.schedules import fixed_then_linear

_JUDGED = 16  # number of whole images in an evaluation


class AutoencoderLearner(Learner):
    """Trains the autoencoder on random crops with the mean absolute error.

    Args:
        hparams: the hyperparameters.
        images: (N, H, W, 3) uint8.
        device: "cpu" or "cuda".
    """

    def __init__(self, hparams: AutoencoderHyperparameters, images: NDArray[np.uint8], device: str) -> None:
        self._hparams, self._images, self._device = hparams, images, device
        self.network = AutoencoderNetwork(hparams.width, hparams.code).to(device)
        self._optimiser = torch.optim.Adam(self.network.parameters(), hparams.learning_rate)
        self._schedule = fixed_then_linear(self._optimiser, hparams.iterations // 2, hparams.iterations)
        self.images_per_unit = hparams.batch_size

    @property
    def state(self) -> Mapping[str, Any]:
        """The network, its optimiser and its schedule."""
        return {"network": self.network, "optimiser": self._optimiser, "schedule": self._schedule}

    def advance(self, number: int) -> Mapping[str, float | Tensor]:
        """Train on one batch of crops."""
        crops = to_tensor(self._crops()).to(self._device)
        loss = functional.l1_loss(self.network(crops), crops)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        self._schedule.step()
        return {"loss": loss.detach()}

    def judge(self) -> Mapping[str, float]:
        """The mean absolute error on some whole training images, on [-1, 1]; test images are never seen."""
        chosen = np.linspace(0, len(self._images) - 1, min(_JUDGED, len(self._images))).round().astype(int)
        whole = to_tensor(self._images[chosen]).to(self._device)
        with torch.no_grad():
            return {"training_error": float(functional.l1_loss(self.network(whole).clamp(-1, 1), whole))}

    def _crops(self) -> NDArray[np.uint8]:
        """(B, h, w, 3): torch's random numbers, which the loop seeds, choose the images and the places."""
        count, height, width = self._images.shape[:3]
        rows, columns = min(self._hparams.crop, height), min(self._hparams.crop, width)
        limits = torch.tensor([count, height - rows + 1, width - columns + 1])
        draws = (torch.rand(self._hparams.batch_size, 3, dtype=torch.float64) * limits).long().tolist()
        return np.stack([self._images[i, y : y + rows, x : x + columns] for i, y, x in draws])
