"""Steps that a GPU replays: thousands of small kernels cost the CPU more time to launch than the GPU to run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

_WARM_UPS = 3  # runs of a new shape before it is recorded: libraries choose and prepare their kernels


class _Recording(NamedTuple):
    graph: torch.cuda.CUDAGraph
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    gradients: list[Tensor | None]


class Replay:
    """A forward and backward pass that is recorded once for each shape of its inputs, and then replayed.

    On a CPU it is just called. The optimiser's step and the exchange of gradients stay outside.

    Args:
        step: tensors -> tensors; it clears and fills the parameters' gradients. All that decides what it does must be
            in the shapes of its inputs, and nothing in it may wait for the GPU.
        parameters: whose gradients it fills.
        device: on which it runs.
    """

    def __init__(
        self, step: Callable[..., tuple[Tensor, ...]], parameters: Sequence[nn.Parameter], device: torch.device
    ) -> None:
        self._step, self._parameters, self._records = step, list(parameters), device.type == "cuda"
        self._runs: Counter[tuple[torch.Size, ...]] = Counter()
        self._recordings: dict[tuple[torch.Size, ...], _Recording] = {}

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """What the step gives; on a GPU valid until the next call, so copy what is to be kept."""
        if not self._records:
            return self._step(*inputs)
        shapes = tuple(tensor.shape for tensor in inputs)
        self._runs[shapes] += 1
        if self._runs[shapes] <= _WARM_UPS:
            return self._pool(inputs)
        if shapes not in self._recordings:
            self._recordings[shapes] = self._record(inputs)
        recording = self._recordings[shapes]
        for kept, given in zip(recording.inputs, inputs, strict=True):
            kept.copy_(given)
        recording.graph.replay()
        # Another recording may have been the last to fill them.
        for parameter, gradient in zip(self._parameters, recording.gradients, strict=True):
            parameter.grad = gradient
        return recording.outputs

    def _pool(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """On a stream of its own, as recording demands of the runs before it."""
        import torch

        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            outputs = self._step(*inputs)
        torch.cuda.current_stream().wait_stream(stream)
        return outputs

    def _record(self, inputs: tuple[Tensor, ...]) -> _Recording:
        import torch

        kept = tuple(tensor.clone() for tensor in inputs)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outputs = self._step(*kept)
        return _Recording(graph, kept, outputs, [parameter.grad for parameter in self._parameters])
