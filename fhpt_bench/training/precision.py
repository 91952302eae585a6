"""The precision of a training: bfloat16 only where the device computes with it natively."""

from __future__ import annotations

import os
from dataclasses import dataclass

from fhpt_bench.errors import UserError
from fhpt_bench.training.distributed import Precision

# Instruction sets that `ONEDNN_MAX_CPU_ISA` can name and that have bfloat16.
_ONEDNN_BF16 = ("DEFAULT", "ALL", "AVX512_CORE_BF16", "AVX512_CORE_FP16", "AVX10", "AMX")


@dataclass(frozen=True)
class Choice:
    """The precision of a training, and why.

    Args:
        precision: "no" or "bf16".
        reason: a clause for the plan.
    """

    precision: Precision
    reason: str

    def __str__(self) -> str:
        return f"{self.precision} ({self.reason})"


def choose_precision(given: str | None, preset: str | None, device: str) -> Choice:
    """Choose the precision.

    Args:
        given: what the user asks for, or None.
        preset: what the preset asks for, or None.
        device: "cpu" or "cuda".

    Returns:
        What the user asks for; else bf16 if the preset (or, on a GPU, nothing) asks for it and the device has it.

    Raises:
        UserError: if something else than "no" or "bf16" is asked for.
    """
    for asked in (given, preset):
        if asked not in (None, "no", "bf16"):
            raise UserError(f"The mixed precision {asked!r} is not supported: give no or bf16.")
    native = has_native_bf16(device)
    what = "GPU" if device == "cuda" else "CPU"
    if given == "bf16" and not native:
        return Choice("bf16", f"as given, although this {what} has no native bfloat16: this is slow")
    if given is not None:
        return Choice("bf16" if given == "bf16" else "no", "as given")
    if (preset or ("bf16" if device == "cuda" else "no")) == "no":
        return Choice("no", "the preset" if preset else "the default on a CPU")
    return Choice("bf16", f"this {what} has it") if native else Choice("no", f"this {what} has no native bfloat16")


def has_native_bf16(device: str) -> bool:
    """Whether a device multiplies bfloat16 numbers in hardware; an emulation is far slower than float32.

    The limits that `ATEN_CPU_CAPABILITY` and `ONEDNN_MAX_CPU_ISA` (or `DNNL_MAX_CPU_ISA`) set for torch count.

    Args:
        device: "cpu" or "cuda".
    """
    import torch

    if device == "cuda":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    found = torch.cpu.get_capabilities()
    if found.get("architecture") != "x86_64":
        return bool(found.get("bf16"))
    # The second name is the older one, which oneDNN still reads.
    named = (os.environ.get(name) for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"))
    limit = next(filter(None, named), "DEFAULT").upper()
    allowed = any(name in limit for name in _ONEDNN_BF16) and "AVX512" in torch.backends.cpu.get_cpu_capability()
    return allowed and bool(found.get("avx512_bf16") or found.get("amx_bf16"))
