"""Any number of processes: what moves tensors, and gradients that are means over all of them."""

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
    """What knows this process's device, its place among the others, and what `autocast` means.

    `accelerate launch` or `torchrun` says how many processes there are; they talk by gloo on CPUs, by NCCL on GPUs.

    Args:
        device: "cpu" or "cuda"; with several processes each takes a GPU of its own.
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
    # Accelerate keeps one state a process, and this process has trained otherwise before.
    AcceleratorState._reset_state(reset_partial_state=launched()[0] < 2)
    return make()


def average_gradients(accelerator: Accelerator, parameters: Iterable[nn.Parameter]) -> None:
    """Replace each gradient by its mean over the processes; nothing in one process.

    For a loss that is a mean over a batch of which each process has an equal part, this is the whole batch's gradient.
    All gradients of one kind go in one message, so that a learner may step any of its modules in any order.

    Args:
        accelerator: of this process.
        parameters: the same ones, in the same order, in every process. One without a gradient here counts as 0 if any
            process has one, and stays without if none has.
    """
    import torch

    if accelerator.num_processes < 2:
        return
    kinds: dict[tuple[torch.device, torch.dtype], list[nn.Parameter]] = {}
    for parameter in parameters:
        kinds.setdefault((parameter.device, parameter.dtype), []).append(parameter)
    for (device, dtype), members in kinds.items():
        lacking = torch.tensor([p.grad is None for p in members])
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in members]
        flat = torch.cat([(~lacking).to(device, dtype), *(g.reshape(-1) for g in gradients)])
        torch.distributed.all_reduce(flat)
        present, *sums = torch.split(flat, [len(members), *(g.numel() for g in gradients)])
        # Looked at only where something is lacking, since it makes a GPU wait.
        anywhere = present.cpu() > 0 if lacking.any() else ~lacking
        for parameter, gradient, total, counts in zip(members, gradients, sums, anywhere.tolist(), strict=True):
            if counts:
                parameter.grad = gradient.copy_(total.view_as(gradient) / accelerator.num_processes)


def same_start(accelerator: Accelerator, modules: Sequence[nn.Module]) -> None:
    """Give every process the main one's parameters and buffers; nothing in one process.

    Args:
        accelerator: of this process.
        modules: the same ones, in the same order, in every process.
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
