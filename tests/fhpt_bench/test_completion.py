"""Completion in a shell, and the choice of a device."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from fhpt_bench import registry
from fhpt_bench.cli import cli
from fhpt_bench.devices import on_device
from fhpt_bench.errors import UserError


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_says_how_to_install_it_and_changes_no_file(
    shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    named = CliRunner().invoke(cli, ["--install-completion", shell], catch_exceptions=False)
    own = CliRunner().invoke(cli, ["--install-completion"], catch_exceptions=False)
    assert named.exit_code == 0
    assert named.output == own.output
    assert "_FHPT_BENCH_COMPLETE" in named.output
    assert f"#   fhpt-bench --install-completion {shell} > ~/" in named.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("evalu", ["evaluate"]),
        ("run --check", ["--checkpoint"]),
        ("run -p ssim,lp", ["ssim,lpips"]),
        ("run -m war", ["warp"]),
        ("run --device c", ["cpu", "cuda"]),
    ],
)
def test_bash_completes(words: str, expected: list[str], tmp_path: Path) -> None:
    program = tmp_path / "fhpt-bench"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fhpt_bench "$@"\n')
    program.chmod(0o755)
    script = tmp_path / "completion.bash"
    script.write_text(CliRunner().invoke(cli, ["--install-completion", "bash"]).output)
    typed = f"fhpt-bench {words}".split()
    call = (
        f'. "{script}"; COMP_WORDS=({" ".join(typed)}); COMP_CWORD={len(typed) - 1}; '
        '_fhpt_bench_completion fhpt-bench; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", call], capture_output=True, text=True, check=True, env={**os.environ, "PATH": path}
    )
    assert done.stdout.splitlines() == expected, done.stderr


def test_completion_runs_no_code_of_other_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    known = registry.entry_points
    foreign = registry.Entry("acme", "acme_that_must_not_be_imported:command", "acme-hpt 1.0")
    monkeypatch.setattr("fhpt_bench.cli.entry_points", lambda group: (*known(group), foreign))
    monkeypatch.setattr(cli, "get_command", lambda *_: pytest.fail("a command was imported"))
    with cli.make_context("fhpt-bench", [], resilient_parsing=True) as context:
        assert "acme" in [item.value for item in cli.shell_complete(context, "a")]


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Pretends that there are two GPUs; the numbers of those that became current are collected."""
    used: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "device", lambda number: nullcontext(used.append(number)))
    return used


def test_a_gpu_by_number_is_current_inside(two_gpus: list[int]) -> None:
    for device, kind, used in (("cuda:1", "cuda", [1]), ("cuda", "cuda", []), (None, "cuda", []), ("cpu", "cpu", [])):
        two_gpus.clear()
        with on_device(device) as chosen:
            assert (chosen, two_gpus) == (kind, used)


def test_a_gpu_that_is_missing_or_shared_is_refused(two_gpus: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="--device cuda:2: torch finds 2 GPUs here, from cuda:0"), on_device("cuda:2"):
        pass
    with pytest.raises(UserError, match="several processes share the work: give --device cuda"), on_device("cuda:1", 2):
        pass
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="several processes share the work"), on_device("cuda:1"):
        pass
    monkeypatch.delenv("WORLD_SIZE")
    for processes in (None, 1, 2):
        with on_device(None, processes) as chosen:
            assert chosen == "cuda"
    with (
        pytest.raises(UserError, match="3 processes need a GPU each, and torch finds 2 here: start 2"),
        on_device(None, 3),
    ):
        pass
    monkeypatch.setenv("WORLD_SIZE", "8")  # four processes on each of two machines
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_RANK", "1")
    with on_device("cuda") as chosen:
        assert chosen == "cuda"
    monkeypatch.setenv("LOCAL_RANK", "2")
    with (
        pytest.raises(UserError, match="4 processes need a GPU each, and torch finds 2 here: start 2"),
        on_device("cuda"),
    ):
        pass
    with on_device("cpu") as chosen:
        assert chosen == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for device in ("cuda", "cuda:0"):
        with pytest.raises(UserError, match="finds no GPU here; give --device cpu"), on_device(device):
            pass


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_the_last_gpu_is_used() -> None:
    last = torch.cuda.device_count() - 1
    with on_device(f"cuda:{last}") as device:
        assert torch.zeros(1, device=device).device.index == last
