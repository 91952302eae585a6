"""Replayed training steps: a pretended GPU counts, a real one pins memory meanwhile."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fhpt_bench.training.replay import FIRST_REPLAY, Replay


def test_the_first_replay_runs_no_code_and_recording_checks_its_own_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[str] = []
    replayed: list[int] = []
    calls: list[Tensor] = []
    recorded_on: list[Any] = []

    @contextlib.contextmanager
    def graph(made: Any, stream: Any = None, capture_error_mode: str = "global") -> Iterator[None]:
        modes.append(capture_error_mode)
        recorded_on.append(stream.device if stream else None)
        yield

    def stream(device: Any = None) -> Any:
        return SimpleNamespace(wait_stream=lambda other: None, device=device)

    for name, fake in {
        "Stream": stream, "current_stream": stream, "stream": lambda _: contextlib.nullcontext(),
        "graph": graph, "CUDAGraph": lambda: SimpleNamespace(replay=lambda: replayed.append(len(calls))),
    }.items():  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, fake)

    def step(x: Tensor) -> tuple[Tensor, ...]:
        calls.append(x)
        return (x + 1,)

    device = torch.device("cuda", 1)
    replay = Replay(step, [], device)
    for number in range(1, FIRST_REPLAY + 2):
        replay(torch.ones(2))
        assert len(calls) == min(number, FIRST_REPLAY - 1)
    # The recording itself is replayed as well, since recording computes nothing.
    assert replayed == [FIRST_REPLAY - 1] * 3
    assert modes == ["thread_local"], "in the global mode, memory that another thread pins ends the recording"
    assert recorded_on == [device], "another training in this process may have recorded on another GPU"


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU")
def test_another_thread_may_pin_memory_while_a_step_is_recorded() -> None:
    layer = nn.Linear(64, 64, device="cuda")
    stop, failed = threading.Event(), []

    def pin() -> None:
        size = 1 << 16
        while not stop.is_set():
            size += 1 << 16  # a new size: the memory comes from the driver
            try:
                torch.empty(size, dtype=torch.uint8).pin_memory()
            except RuntimeError as error:
                failed.append(str(error))
                return

    def step(x: Tensor) -> tuple[Tensor, ...]:
        layer.zero_grad(set_to_none=True)
        for _ in range(200):
            x = layer(x)
        loss = x.square().mean()
        loss.backward()
        return (loss.detach(),)

    thread = threading.Thread(target=pin)
    thread.start()
    try:
        replay = Replay(step, list(layer.parameters()), torch.device("cuda"))
        x = torch.randn(8, 64, device="cuda")
        losses = [float(replay(x)[0]) for _ in range(FIRST_REPLAY + 1)]
    finally:
        stop.set()
        thread.join()
    assert failed == []
    assert losses == pytest.approx([losses[0]] * len(losses), rel=1e-5)
