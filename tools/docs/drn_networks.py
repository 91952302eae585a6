"""`python -m tools.docs.drn_networks`: size and speed of DRN's networks, for docs/drn-architecture.md."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from drn.discriminators import Discriminator
from drn.face import SIZE as FACE
from drn.face import FaceModule
from drn.losses import style_loss
from drn.replenish import DetailReplenishment
from drn.transfer import JOINTS, TransferBranch
from fhpt_bench.networks.vgg import VGG16Maps
from fhpt_bench.training.losses import PerceptualNetwork, perceptual_loss
from tools.docs.pages import fill, table

PAGE = Path(__file__).parents[2] / "docs" / "drn-architecture.md"
SIZE = (256, 176)
WIDTHS = (64, 16, 12)
RUNS = 5


def _mean(outputs: tuple[Tensor, ...]) -> Tensor:
    return torch.stack([output.float().mean() for output in outputs]).sum()


def _perceptual_and_style(outputs: tuple[Tensor, ...]) -> Tensor:
    targets = [torch.zeros_like(output) for output in outputs]
    return perceptual_loss(outputs, targets) + style_loss(outputs, targets)


@dataclass(frozen=True)
class Part:
    """A network of DRN.

    Args:
        title: name in the tables.
        make: function width -> network.
        inputs: function width -> shapes (channels, height, width) of the inputs.
        needs_input_gradient: whether the gradient of the first input is computed, as for the loss of a generator.
        loss: function of the outputs; its gradient is timed.
    """

    title: str
    make: Callable[[int], nn.Module]
    inputs: Callable[[int], list[tuple[int, ...]]]
    needs_input_gradient: bool = False
    loss: Callable[[tuple[Tensor, ...]], Tensor] = _mean

    def given(self, width: int, batch: int) -> list[Tensor]:
        """Make random inputs."""
        return [torch.rand(batch, *shape) for shape in self.inputs(width)]


def _replenishment(width: int) -> nn.Module:
    return DetailReplenishment(8 * width, width)


def _perceptual(width: int) -> nn.Module:
    return PerceptualNetwork(weights=nn.ModuleDict({"features": VGG16Maps.layers()}).state_dict())


PARTS = (
    Part("transfer branch G_P", TransferBranch, lambda _: [(3, *SIZE), (JOINTS, *SIZE), (JOINTS, *SIZE)]),
    Part(
        "detail replenishment G_T",
        _replenishment,
        lambda width: [(3, *SIZE), (8 * width, *(side // 8 for side in SIZE))],
    ),
    Part("face module, 64x64", FaceModule, lambda _: [(3, FACE, FACE), (1, FACE, FACE)]),
    Part("D_A", lambda width: Discriminator(3, width), lambda _: [(3, *SIZE), (3, *SIZE)], True),
    Part("D_S", lambda width: Discriminator(JOINTS, width), lambda _: [(3, *SIZE), (JOINTS, *SIZE)], True),
    Part("VGG-16 to relu3_3", _perceptual, lambda _: [(3, *SIZE)], True, _perceptual_and_style),
)


def sizes() -> str:
    """Make the table of parameters and GFLOPs of one image forward; a multiplication and an addition count as two."""
    rows = []
    with torch.device("meta"):
        for part in PARTS:
            row = [part.title]
            for width in WIDTHS:
                network = part.make(width)
                with FlopCounterMode(display=False) as counter:
                    network(*part.given(width, 1))
                row.append(f"{sum(p.numel() for p in network.parameters()):,}")
                row.append(f"{counter.get_total_flops() / 1e9:.1f}")
            rows.append(row)
    columns = [f"{what}, {width}" for width in WIDTHS for what in ("parameters", "GFLOPs")]
    return table(["network", *columns], rows)


def seconds(widths: tuple[int, ...], threads: tuple[int, ...], batch: int) -> str:
    """Make the table of seconds per image on this machine (forward / forward and backward): the minimum over runs."""
    kinds = ("float32", "bfloat16")
    columns = [f"{count} thread{'s' * (count > 1)}, {kind}" for count in threads for kind in kinds]
    return table(["network", "width", *columns], _rows(widths, threads, batch))


def _rows(widths: tuple[int, ...], threads: tuple[int, ...], batch: int) -> Iterator[list[str]]:
    for part in PARTS:
        for width in widths:
            network, given = part.make(width), part.given(width, batch)
            given[0].requires_grad_(part.needs_input_gradient)
            row = [part.title, "any" if part.make is _perceptual else str(width)]
            for count in threads:
                torch.set_num_threads(count)
                row += [" / ".join(f"{t:.3f}" for t in _time(part, network, given, fast)) for fast in (False, True)]
            yield row
            if part.make is _perceptual:
                break


def _time(part: Part, network: nn.Module, given: list[Tensor], fast: bool) -> tuple[float, float]:
    times = []
    for _ in range(1 + RUNS):  # the first one warms up
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=fast):
            outputs = network(*given)
        middle = time.perf_counter()
        part.loss(outputs if isinstance(outputs, tuple) else (outputs,)).backward()
        times.append((middle - start, time.perf_counter() - start))
    forward, both = (min(column) / len(given[0]) for column in zip(*times[1:], strict=True))
    return forward, both


@click.command()
@click.option("--seconds", "timed", is_flag=True, help="Measure the times as well; no other program should run.")
@click.option("--width", "widths", type=int, multiple=True, default=(16, 12))
@click.option("--threads", type=int, multiple=True, default=(1, 2))
@click.option("--batch", type=int, default=2)
def main(timed: bool, widths: tuple[int, ...], threads: tuple[int, ...], batch: int) -> None:
    """Fill the tables of docs/drn-architecture.md."""
    blocks = {"sizes": sizes()} | ({"seconds": seconds(widths, threads, batch)} if timed else {})
    PAGE.write_text(fill(PAGE.read_text(encoding="utf-8"), blocks), encoding="utf-8")
    click.echo("\n\n".join(blocks.values()))


if __name__ == "__main__":
    main()
