"""Distributed training: the accelerator, gradient averaging, equal initial parameters."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from fhpt_bench.processes import launched

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch import Tensor, nn

Precision = Literal["no", "bf16"]


def make_accelerator(device: str, mixed_precision: Precision = "no") -> Accelerator:
    """Make the accelerator, which knows this process's device, its rank and the precision of `autocast`.

    `accelerate launch` or `torchrun` sets the number of processes. They communicate by gloo on CPUs, by NCCL on GPUs.

    Args:
        device: "cpu" or "cuda"; each of several processes uses its own GPU.
        mixed_precision: "no", or "bf16": bfloat16 within `accelerator.autocast()`, float32 elsewhere.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    def make() -> Accelerator:
        return Accelerator(cpu=device == "cpu", mixed_precision=mixed_precision)

    with contextlib.suppress(ValueError):
        accelerator = make()
        if accelerator.device.type == device:
            return accelerator
    # Accelerate keeps one state per process, and this process has trained with other options before.
    AcceleratorState._reset_state(reset_partial_state=launched()[0] < 2)
    return make()


def average_gradients(accelerator: Accelerator, parameters: Iterable[nn.Parameter]) -> None:
    """Replace each gradient by its mean over the processes. With one process it does nothing.

    If the loss is a mean over the batch and each process has an equal part of the batch, the result is the gradient of
    the whole batch. All gradients of the same device and dtype are sent in one message, so that a learner may step its
    modules in any order.

    Args:
        accelerator: the accelerator of this process.
        parameters: the same parameters, in the same order, in every process. A missing gradient counts as 0 if another
            process has one; if no process has one, it stays None.
    """
    import torch

    if accelerator.num_processes < 2:
        return
    groups: dict[tuple[torch.device, torch.dtype], list[nn.Parameter]] = {}
    for parameter in parameters:
        groups.setdefault((parameter.device, parameter.dtype), []).append(parameter)
    for (device, dtype), members in groups.items():
        missing = torch.tensor([p.grad is None for p in members])
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in members]
        flat = torch.cat([(~missing).to(device, dtype), *(g.reshape(-1) for g in gradients)])
        torch.distributed.all_reduce(flat)
        present, *sums = torch.split(flat, [len(members), *(g.numel() for g in gradients)])
        # Read only if a gradient is missing, since reading it makes a GPU wait.
        anywhere = present.cpu() > 0 if missing.any() else ~missing
        for parameter, gradient, total, counts in zip(members, gradients, sums, anywhere.tolist(), strict=True):
            if counts:
                parameter.grad = gradient.copy_(total.view_as(gradient) / accelerator.num_processes)


def same_start(accelerator: Accelerator, modules: Sequence[nn.Module]) -> None:
    """Copy the main process's parameters and buffers to all processes. With one process it does nothing.

    Args:
        accelerator: the accelerator of this process.
        modules: the same modules, in the same order, in every process.
    """
    import torch

    if accelerator.num_processes < 2:
        return
    with torch.no_grad():
        for module in modules:
            for tensor in (*module.parameters(), *module.buffers()):
                whole: Tensor = tensor.detach().contiguous()
                torch.distributed.broadcast(whole, src=0)
                tensor.copy_(whole)
