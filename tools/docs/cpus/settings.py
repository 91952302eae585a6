"""The settings of the runs: which instruction sets a process sees, its threads, and what its libraries say of that."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fhpt_bench.files import cache_folder
from tools.docs.pages import table

SOURCE = Path(__file__).parent / "cpuid.c"
FIRST = "full"


@dataclass(frozen=True)
class Setting:
    """How a run differs from a usual one.

    Args:
        title: its name in tables.
        limit: what `cpuid.c` hides: "avx2", "sse4", or "" for nothing.
        variables: the environment variables by which torch, oneDNN and MKL limit themselves.
        threads: the number of threads of torch, oneDNN, MKL and OpenBLAS.
        complete: whether a CPU with these instruction sets can run all protocols: dlib needs AVX.
    """

    title: str
    limit: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    threads: int = 1
    complete: bool = True


def _variables(torch: str, onednn: str, mkl: str) -> dict[str, str]:
    return {"ATEN_CPU_CAPABILITY": torch, "ONEDNN_MAX_CPU_ISA": onednn, "MKL_ENABLE_INSTRUCTIONS": mkl}


SETTINGS = {
    FIRST: Setting("no limit"),
    "threads": Setting("2 threads", threads=2),
    "avx2": Setting("AVX2", "avx2", _variables("avx2", "AVX2", "AVX2")),
    "sse4": Setting("SSE4", "sse4", _variables("default", "SSE41", "SSE4_2"), complete=False),
}


def environment(setting: Setting, library: Path, cache: Path) -> dict[str, str]:
    """The environment of a process.

    Args:
        setting: one of `SETTINGS`.
        library: from `compile_limit`.
        cache: the cache folder of its runs.

    Returns:
        This process's environment without the variables of other settings, and with those of this one.

    Examples:
        >>> made = environment(SETTINGS["avx2"], Path("cpuid.so"), Path("cache"))
        >>> made["LD_PRELOAD"], made["CPUID_LIMIT"], made["ONEDNN_MAX_CPU_ISA"], made["OMP_NUM_THREADS"]
        ('cpuid.so', 'avx2', 'AVX2', '1')
    """
    ours = {"LD_PRELOAD", "CPUID_LIMIT", *_variables("", "", "")}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    limit = {"LD_PRELOAD": str(library), "CPUID_LIMIT": setting.limit} if setting.limit else {}
    chosen = {"OMP_NUM_THREADS": str(setting.threads), "FHPT_CACHE_DIR": str(cache)}
    return {**kept, **setting.variables, **limit, **chosen}


def compile_limit(work: Path) -> Path:
    """Compile `cpuid.c`.

    Args:
        work: the folder of the library.

    Returns:
        The library.
    """
    library = work.resolve() / "cpuid.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", str(SOURCE), "-o", str(library)], check=True)
    return library


def own_cache(folder: Path) -> Path:
    """A new cache folder, so that no value of another setting is used; only the weights are those of the user's cache.

    Args:
        folder: the folder to create; if it exists, it is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "weights").exists():
        (folder / "weights").symlink_to(cache_folder() / "weights")
    return folder.resolve()


def probe(env: Mapping[str, str]) -> dict[str, str]:
    """What the libraries of a process say of the CPU.

    Args:
        env: the environment of the process.

    Returns:
        Library -> its own words; see `read_probe`.
    """
    found = subprocess.run(
        [sys.executable, "-m", __spec__.name], env=dict(env), capture_output=True, text=True, check=True
    )
    return read_probe(found.stdout)


def read_probe(text: str) -> dict[str, str]:
    """Read what `main` and the libraries print.

    Args:
        text: the output of this module as a program.

    Returns:
        Its words for "torch", "threads", "oneDNN", "convolution" (what oneDNN chose for one), "MKL", "NumPy" (all that
        it found, separated by commas) and "OpenBLAS".

    Raises:
        ValueError: if one of them is missing: then a limit cannot be shown to work.
    """
    patterns = {
        "torch": r"^torch (\S+)$",
        "threads": r"^threads (\d+)$",
        "oneDNN": r"cpu,isa:(.+)$",
        "convolution": r"exec,cpu,convolution,([^,]+),",
        "MKL": r"MKL_VERBOSE oneMKL .*64 architecture (.+?)(?: enabled processors)?, Lnx",
        "NumPy": r"^NumPy (.+)$",
        "OpenBLAS": r"^OpenBLAS (.+)$",
    }
    found = {name: re.search(pattern, text, re.MULTILINE) for name, pattern in patterns.items()}
    if missing := [name for name, match in found.items() if match is None]:
        raise ValueError(f"the probe says nothing of {', '.join(missing)}")
    return {name: match[1] for name, match in found.items() if match}


def probes_table(said: Mapping[str, Mapping[str, str]]) -> str:
    """The Markdown table of what the libraries say in each setting.

    Args:
        said: setting -> what `probe` returns.
    """
    columns = ("threads", "torch", "oneDNN", "convolution", "MKL", "NumPy", "OpenBLAS")
    rows = []
    for name, found in said.items():
        limits = " ".join(f"`{variable}={value}`" for variable, value in SETTINGS[name].variables.items())
        short = {**found, "MKL": found["MKL"].split(" with ")[0], "NumPy": found["NumPy"].split(", ")[-1]}
        rows.append([SETTINGS[name].title, limits, *(short[column] for column in columns)])
    return table(["setting", "variables", *columns], rows)


def main() -> None:
    """Print what the libraries of this process say; oneDNN and MKL print themselves."""
    import numpy as np
    import torch

    # The only public place where NumPy names what it found.
    shown: Any = np.show_config  # NumPy's stubs do not know what it returns
    found = shown(mode="dicts")["SIMD Extensions"]["found"]
    lines = [f"torch {torch.backends.cpu.get_cpu_capability()}", f"threads {torch.get_num_threads()}"]
    lines += [f"NumPy {', '.join(name for name in found if name.startswith(('AVX', 'SSE42', 'FMA')))}"]
    lines += [f"OpenBLAS {_openblas()}"]
    sys.stdout.write("\n".join([*lines, ""]))
    sys.stdout.flush()
    with torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON):  # type: ignore[no-untyped-call]
        torch.nn.functional.conv2d(torch.ones(1, 64, 32, 32), torch.ones(64, 64, 3, 3))
    with torch.backends.mkl.verbose(torch.backends.mkl.VERBOSE_ON):  # type: ignore[no-untyped-call]
        torch.ones(256, 256) @ torch.ones(256, 256)


def _openblas() -> str:
    """The CPU whose kernels NumPy's OpenBLAS uses."""
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        if "openblas" in line:
            library = ctypes.CDLL(line.split()[-1])
            for name in ("openblas_get_corename64_", "openblas_get_corename", "scipy_openblas_get_corename64_"):
                if hasattr(library, name):
                    function = getattr(library, name)
                    function.restype = ctypes.c_char_p
                    return str(function().decode())
    return "not found"


if __name__ == "__main__":
    main()
