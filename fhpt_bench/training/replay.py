"""Training steps replayed as CUDA graphs.

Launching thousands of small kernels takes the CPU more time than the GPU needs to run them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

_WARM_UPS = 3  # runs of a new shape before recording, in which libraries choose and prepare their kernels
FIRST_REPLAY = _WARM_UPS + 2  # number of the first run of a shape that is only replayed


class _Recording(NamedTuple):
    graph: torch.cuda.CUDAGraph
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    gradients: list[Tensor | None]


class Replay:
    """A forward and backward pass that is recorded once for each shape of its inputs and then replayed.

    On a CPU the step is called directly. The optimiser step and the exchange of gradients are not part of it.

    Args:
        step: function tensors -> tensors that clears and fills the parameters' gradients. Its control flow may depend
            only on the shapes of its inputs, and it may not wait for the GPU.
        parameters: the parameters whose gradients it fills.
        device: the device that it runs on.
    """

    def __init__(
        self, step: Callable[..., tuple[Tensor, ...]], parameters: Sequence[nn.Parameter], device: torch.device
    ) -> None:
        import torch

        self._step, self._parameters = step, list(parameters)
        # One for the warm-ups and all recordings. Without it, torch would record on a stream of the whole process, made
        # on the GPU of its first recording.
        on_gpu = device.type == "cuda"
        self._stream = torch.cuda.Stream(device) if on_gpu else None  # type: ignore[no-untyped-call]
        self._runs: Counter[tuple[torch.Size, ...]] = Counter()
        self._recordings: dict[tuple[torch.Size, ...], _Recording] = {}

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Run the step. On a GPU the outputs are valid only until the next call: copy what must be kept."""
        if self._stream is None:
            return self._step(*inputs)
        shapes = tuple(tensor.shape for tensor in inputs)
        self._runs[shapes] += 1
        if self._runs[shapes] <= _WARM_UPS:
            return self._warm_up(inputs, self._stream)
        if shapes not in self._recordings:
            self._recordings[shapes] = self._record(inputs, self._stream)
        recording = self._recordings[shapes]
        for static, given in zip(recording.inputs, inputs, strict=True):
            static.copy_(given)
        recording.graph.replay()
        # Another recording may have replaced the gradients.
        for parameter, gradient in zip(self._parameters, recording.gradients, strict=True):
            parameter.grad = gradient
        return recording.outputs

    def _warm_up(self, inputs: tuple[Tensor, ...], stream: torch.cuda.Stream) -> tuple[Tensor, ...]:
        """Run on a side stream, which recording requires of the runs before it."""
        import torch

        current = torch.cuda.current_stream(stream.device)
        stream.wait_stream(current)
        with torch.cuda.stream(stream):
            outputs = self._step(*inputs)
        current.wait_stream(stream)
        return outputs

    def _record(self, inputs: tuple[Tensor, ...], stream: torch.cuda.Stream) -> _Recording:
        import torch

        static = tuple(tensor.clone() for tensor in inputs)
        graph = torch.cuda.CUDAGraph()
        # Only this thread's calls are checked: others prepare batches meanwhile, and reserve pinned memory for them.
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            outputs = self._step(*static)
        return _Recording(graph, static, outputs, [parameter.grad for parameter in self._parameters])
