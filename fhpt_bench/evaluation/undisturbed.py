"""Evaluation in the middle of a training: what the training had set is the same afterwards."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import nn


@contextlib.contextmanager
def undisturbed(model: object, modules: Sequence[nn.Module], device: str) -> Iterator[None]:
    """Without gradients, with modules in evaluation mode; then everything is as before.

    Restored are the mode of each module and of each of its parts, and the random states of torch, NumPy and Python. An
    autocast that is active stays active, but what it keeps of the weights is dropped: without gradients these copies
    would be wrong for the training that follows.

    Args:
        model: the model; modules that it is or has as attributes are found.
        modules: further modules.
        device: "cpu", "cuda" or "cuda:N".
    """
    import torch
    from torch import nn

    owner = getattr(model, "__self__", model)  # the object of a bound method
    held = [owner, *vars(owner).values()] if hasattr(owner, "__dict__") else []
    found = [*(one for one in held if isinstance(one, nn.Module)), *modules]
    modes = [(part, part.training) for module in found for part in module.modules()]
    kind, _, number = device.partition(":")
    gpus = [int(number) if number else torch.cuda.current_device()] if kind == "cuda" else []
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(gpus), torch.no_grad(), _same_autocast(kind):
            for module in found:
                module.eval()
            yield
    finally:
        for part, training in modes:
            part.training = training
        random.setstate(python)
        np.random.set_state(numpy)


@contextlib.contextmanager
def _same_autocast(kind: str) -> Iterator[None]:
    """The caller's autocast without its cache of converted weights."""
    import torch

    if not torch.is_autocast_enabled(kind):
        yield
        return
    with torch.autocast(kind, torch.get_autocast_dtype(kind), cache_enabled=False):
        yield
