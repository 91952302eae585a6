"""The device that a run or a training uses, and the memory of this machine."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import sys
from collections.abc import Iterator

from fhpt_bench.errors import UserError
from fhpt_bench.processes import launched

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _LARGEST = -1, -3, 1 << 30  # glibc's malloc.h; bytes


def check_device(device: str | None) -> None:
    """Refuse a device whose name is unknown; torch is not imported.

    Args:
        device: "cpu", "cuda", "cuda:1" for the second GPU, or None.

    Raises:
        UserError: if it is something else.

    Examples:
        >>> check_device("gpu")
        Traceback (most recent call last):
        fhpt_bench.errors.UserError: --device 'gpu' is unknown: give cpu, cuda, or cuda:1 for the second GPU.
    """
    if device is not None and not re.fullmatch(r"cpu|cuda(:\d{1,4})?", device):
        raise UserError(f"--device {device!r} is unknown: give cpu, cuda, or cuda:1 for the second GPU.")


def find_device(device: str | None) -> str:
    """The device that a name means, if it exists.

    Args:
        device: "cpu", "cuda", "cuda:1" for the second GPU; None for "cuda" if torch finds a GPU, else "cpu".

    Returns:
        "cpu", "cuda", or "cuda:" and a number.

    Raises:
        UserError: if the name is unknown or there is no such GPU.
    """
    import torch

    check_device(device)
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device is None:
        return "cuda" if gpus else "cpu"
    kind, _, number = device.partition(":")
    if kind == "cuda" and not gpus:
        raise UserError(f"--device {device}: torch finds no GPU here; give --device cpu.")
    if number and int(number) >= gpus:
        raise UserError(f"--device {device}: torch finds {gpus} GPU{'' if gpus == 1 else 's'} here, from cuda:0.")
    return device


def device_name(device: str) -> str:
    """The name of a device, for records.

    Args:
        device: "cpu"; "cuda" for torch's current GPU; or "cuda:1" for the second one.

    Examples:
        >>> device_name("cpu").endswith(" CPU")
        True
    """
    if device == "cpu":
        return f"{platform.machine()} CPU"
    import torch

    return torch.cuda.get_device_name(device)


def gpu_name(device: str) -> str:
    """The name of the GPU on which a run computes; empty for a CPU.

    Args:
        device: as for `device_name`.
    """
    return "" if device == "cpu" else device_name(device)


@contextlib.contextmanager
def on_device(device: str | None, processes: int | None = 1) -> Iterator[str]:
    """Choose the device of a run or a training; a GPU that is named by its number is torch's current one meanwhile.

    So all code inside needs to know only "cpu" and "cuda".

    Args:
        device: "cpu", "cuda", "cuda:1" for the second GPU; None for "cuda" if torch finds a GPU, else "cpu".
        processes: number of processes that are to share the work, or None; those of a launcher count too.

    Yields:
        "cpu" or "cuda".

    Raises:
        UserError: if there is no such GPU, or there are fewer GPUs than processes.
    """
    import torch

    chosen = find_device(device)
    kind, _, number = chosen.partition(":")
    count, _ = launched()
    if number and max(processes or 1, count) > 1:
        raise UserError(f"--device {chosen} is one GPU, but several processes share the work: give --device cuda.")
    if kind == "cuda":
        last = int(os.environ.get("LOCAL_RANK", "0")) + 1 if count > 1 else processes or 1
        if last > (gpus := torch.cuda.device_count()):
            here = int(os.environ.get("LOCAL_WORLD_SIZE", last))
            raise UserError(
                f"{here} processes need a GPU each, and torch finds {gpus} here: start {gpus}, or give --device cpu."
            )
    if not number:
        yield kind
        return
    with torch.cuda.device(int(number)):
        yield kind


def reuse_memory() -> None:
    """Let the C library keep freed memory: otherwise each map of a network is new memory, which the system clears.

    Only glibc is known to do this, and to have the setting; it stays.
    """
    if platform.libc_ver()[0] == "glibc":
        import ctypes

        library = ctypes.CDLL(None)
        library.mallopt(_TRIM_THRESHOLD, _LARGEST)
        library.mallopt(_MMAP_THRESHOLD, _LARGEST)


def memory_size() -> int:
    """The memory of this machine in bytes; 0 if the operating system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return 0


def peak_memory() -> int:
    """The largest amount of memory that this process has used so far, in bytes."""
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
