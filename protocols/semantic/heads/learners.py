"""Training of the heads: linear discriminants of square roots of pooled features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.training.distributed import make_accelerator
from fhpt_bench.training.loop import Learner

if TYPE_CHECKING:
    from torch import Tensor

_BATCH, _LEARNING_RATE = 128, 1e-3
_WIDTH = 64
_SHRINKAGE = 1.0  # added to the variances, whose average is 1
_SCALE = 16.0  # of the cosines in the softmax

Layer = tuple[NDArray[np.float64], NDArray[np.float64]]  # weight (D, K) and bias (K,)


def discriminants(x: NDArray[np.float64], label: NDArray[np.int64]) -> Layer:
    """Regularised linear discriminants: the directions with the largest variance between classes relative to within.

    Source: Fisher 1936, Rao 1948; shrinkage: Friedman, Regularized Discriminant Analysis, JASA 1989.

    Args:
        x: (N, D).
        label: (N,) class of each row, from 0; every class up to the largest has members.

    Returns:
        Weight (D, K) and bias (K,) for K = min(64, classes - 1) directions; the class means of x @ weight + bias have
        mean 0.

    Examples:
        >>> x = np.array([[0.0, 0.0], [0.0, 9.0], [4.0, 0.0], [4.0, 9.0]])
        >>> weight, bias = discriminants(x, np.array([0, 0, 1, 1]))
        >>> (x @ weight + bias).ravel().round(6).tolist()
        [-1.0, -1.0, 1.0, 1.0]
    """
    centre, spread = x.mean(0), x.std(0)
    spread = np.where(spread > 0, spread, 1.0)
    z = (x - centre) / spread
    means = np.stack([z[label == one].mean(0) for one in range(label.max() + 1)])
    within = z - means[label]
    variance, axes = np.linalg.eigh(within.T @ within / len(z) + _SHRINKAGE * np.eye(z.shape[1]))
    white = axes / np.sqrt(variance)
    apart = means @ white
    middle = apart.mean(0)
    count = min(_WIDTH, len(means) - 1)
    best = np.linalg.svd(apart - middle, full_matrices=False)[2][:count].T
    best *= np.where(best[np.abs(best).argmax(0), np.arange(count)] < 0, -1, 1)  # the sign depends on the library
    # Scaled to unit size, so that one learning rate suits all data.
    size = np.sqrt((((apart - middle) @ best) ** 2).mean())
    weight = white @ best / spread[:, None] / size
    return weight, -(centre @ weight) - middle @ best / size


def balanced_ridge(x: NDArray[np.float64], first: NDArray[np.bool_], strength: float) -> Layer:
    """Ridge regression of +1 and -1 in which both classes have the same weight, independent of their size.

    Source: Hoerl and Kennard, Technometrics 1970, solved in the space of the N images, because D may be larger.

    Args:
        x: (N, D).
        first: (N,) which rows have the target +1.
        strength: strength of the penalty, relative to the number of images.

    Returns:
        Weight (D, 1) and bias (1,).

    Examples:
        >>> weight, bias = balanced_ridge(np.array([[0.0], [2.0], [2.0]]), np.array([False, True, True]), 1e-9)
        >>> (np.array([[0.0], [1.0], [2.0]]) @ weight + bias).ravel().round(6).tolist()
        [-1.0, 0.0, 1.0]
    """
    spread = x.std(0)
    spread = np.where(spread > 0, spread, 1.0)
    share = np.where(first, 0.5 / first.sum(), 0.5 / (~first).sum())
    centre = share @ x
    root = np.sqrt(share * len(x))
    z = root[:, None] * (x - centre) / spread
    kernel = z @ z.T / x.shape[1]
    target = root * np.where(first, 1.0, -1.0)
    dual = np.linalg.solve(kernel + strength * len(x) * np.eye(len(x)), target)
    weight = (z.T @ dual / x.shape[1] / spread)[:, None]
    return weight, -(centre @ weight)


class ItemLearner(Learner):
    """Trains a linear map of the discriminants, so that an image is nearer to its own item than to any other.

    The loss is a softmax over cosines to one trained vector per item (Zhai and Wu, Classification is a Strong
    Baseline for Deep Metric Learning, BMVC 2019).

    Args:
        ways: (W, N, D) square roots of pooled features of N images: the unchanged images and W - 1 augmentations.
        label: (N,) item of each image, from 0.
        epochs: number of epochs; the learning rate falls to 0 over them.
        judge: evaluates weight and bias on the held-out items.
        device: "cpu" or "cuda".
    """

    unit = "epoch"

    def __init__(
        self,
        ways: NDArray[np.float64],
        label: NDArray[np.int64],
        epochs: int,
        judge: Callable[[Layer], Mapping[str, float]],
        device: str,
    ) -> None:
        import torch
        from torch import nn

        self._start, self._judge = discriminants(ways.reshape(-1, ways.shape[2]), np.tile(label, len(ways))), judge
        weight, bias = self._start
        self._accelerator = make_accelerator(device)
        place = self._accelerator.device
        self._ways = torch.tensor(ways @ weight + bias, dtype=torch.float32, device=place)
        self._label = torch.tensor(label, device=place)
        width = weight.shape[1]
        model = nn.ParameterDict({"turn": torch.eye(width), "centres": torch.zeros(int(label.max()) + 1, width)})
        means = [self._ways[0, self._label == item].mean(0) for item in range(len(model["centres"]))]
        model["centres"].data.copy_(torch.stack(means))
        optimiser = torch.optim.Adam(model.parameters(), _LEARNING_RATE)
        steps = epochs * -(-len(label) // _BATCH)
        self._schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        self._model, self._optimiser = self._accelerator.prepare(model, optimiser)

    @property
    def state(self) -> Mapping[str, Any]:
        """The model, its optimiser and its schedule."""
        return {"model": self._model, "optimiser": self._optimiser, "schedule": self._schedule}

    def advance(self, number: int) -> Mapping[str, float | Tensor]:
        """Train one epoch: each image once, in a random augmentation, with one step of Adam per batch."""
        import torch

        ways, images = self._ways.shape[:2]
        drawn = torch.stack([torch.randint(ways, (images,)), torch.randperm(images)], 1)
        losses = [self._step(batch) for batch in torch.split(drawn.to(self._ways.device), _BATCH)]
        return {"loss": sum(losses) / len(losses)}

    def _step(self, batch: Tensor) -> float:
        """One step on the softmax over cosines; the batch is (B, 2) augmentation and image."""
        from torch.nn.functional import cross_entropy, normalize

        way, image = batch.unbind(1)
        embedded = normalize(self._ways[way, image] @ self._model["turn"], dim=1)
        cosines = embedded @ normalize(self._model["centres"], dim=1).T
        loss = cross_entropy(_SCALE * cosines, self._label[image])
        self._optimiser.zero_grad()
        self._accelerator.backward(loss)
        self._optimiser.step()
        self._schedule.step()
        return float(loss.detach())

    def judge(self) -> Mapping[str, float]:
        """The result of `judge` for the current layer."""
        return self._judge(self.layer())

    def layer(self) -> Layer:
        """The discriminants, multiplied with the trained map."""
        turn = self._model["turn"].detach().cpu().numpy().astype(np.float64)
        weight, bias = self._start
        return weight @ turn, bias @ turn
