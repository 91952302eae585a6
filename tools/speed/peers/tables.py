"""The separate tools, and the table that compares them with `evaluate`."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.speed.peers.material import GENERATED, MIRRORED, TARGETS
from tools.speed.peers.process import Cost

Costs = Mapping[str, Sequence[Cost]]
COLD, WARM, SECOND = "evaluate, cold", "evaluate, warm", "evaluate, a second model"
# Their images; in this order, each with the cache that those before it left.
OURS = {COLD: GENERATED, WARM: GENERATED, SECOND: MIRRORED}


@dataclass(frozen=True)
class Tool:
    """A separate tool.

    Args:
        title: its name in the table.
        scores: the scores of studio's list to which its values correspond.
        same: whether they are scores that `--protocols all` measures on studio; the others are in one sum only.
        command: module and arguments in place of a recipe; {0} is the generated images, {1} the targets, {2} the number
            of pairs, at most 1000.
        refuses: part of the message with which it refuses its value when all its work is done: the time counts.
    """

    title: str
    scores: str
    same: bool = True
    command: tuple[str, ...] = ()
    refuses: str = ""


TOOLS = {
    "pytorch-fid": Tool(
        "pytorch-fid, its command (random Inception)", "`fid`, which studio's list does not have", False,
        ("pytorch_fid", "{0}", "{1}", "--device", "cpu"), "Imaginary component",
    ),
    "torch-fidelity": Tool(
        "torch-fidelity, its command with `--isc --kid` (random Inception)",
        "`is`, `kid`, which studio's list does not have", False,
        ("torch_fidelity.fidelity", "--cpu", "--isc", "--kid", "--kid-subset-size", "{2}", "--input1", "{0}",
         "--input2", "{1}", "--no-cache", "--silent"),
    ),
    "clean-fid": Tool(
        "clean-fid, `compute_fid` (random Inception)", "`fid:clean`, which studio's list does not have", False
    ),
    "scikit-image": Tool("scikit-image, SSIM and PSNR pair by pair", "`ssim`, `psnr`"),
    "lpips-alex": Tool("lpips, its loop over pairs, AlexNet", "`lpips:alex-0.1`"),
    "lpips-vgg": Tool("lpips, its loop over pairs, VGG16", "`lpips:vgg-0.1`"),
    "efficientnet-fd": Tool("pytorch-fid's steps on EfficientNet-lite0", "`fd-effnet-lite0`"),
    "efficientnet-kd-is": Tool(
        "a pass of EfficientNet-lite0, then clean-fid's kernel distance and torch-fidelity's Inception Score",
        "`kd-effnet-lite0`, `is-effnet-lite0`",
    ),
    "face-recognition": Tool("the steps of face_recognition, on dlib, on both images of a pair", "`face-id`"),
    "mediapipe": Tool("MediaPipe Holistic on the generated images", "`kec`, `pckh`"),
    "retrieval-vgg16": Tool(
        "a retrieval pass of VGG16", "`retrieval:unique-vgg16`, `paper-vgg16`, `hit-vgg16`, `map-vgg16`"
    ),
    "retrieval-efficientnet": Tool(
        "a retrieval pass of EfficientNet-lite0", "`retrieval:unique-efficientnet-lite0`"
    ),
    "classifier": Tool("a classifier pass of VGG16", "`gender-bias`"),
}  # fmt: skip
HEADER = ("", "scores", "seconds", "lowest to highest", "CPU seconds", "peak MiB", "forwards", "of cold evaluate", "n")


def words(name: str, folder: Path, pairs: int) -> list[str]:
    """The command of a tool.

    Args:
        name: of `TOOLS`.
        folder: the folder of `material.py`.
        pairs: the number of pairs.

    Examples:
        >>> words("pytorch-fid", Path("x"), 8)[2:5]
        ['pytorch_fid', 'x/generated', 'x/targets']
    """
    given = (folder / GENERATED, folder / TARGETS, min(pairs, 1000))
    own = [word.format(*given) for word in TOOLS[name].command]
    return [sys.executable, "-m", *(own or ("tools.speed.peers.recipes", name, str(folder)))]


def good(costs: Costs, name: str) -> list[Cost]:
    """The costs of the rounds in which a tool did not fail."""
    return [cost for cost in costs.get(name, ()) if not cost.reason]


def middle(costs: Sequence[Cost], what: str) -> float:
    """The median of "seconds", "cpu" or "peak"."""
    return float(statistics.median(getattr(cost, what) for cost in costs))


def rows(costs: Costs) -> list[list[str]]:
    """The rows of the table: each tool, the two sums, and `evaluate`.

    Args:
        costs: tool, or one of `OURS` -> the cost of each round.
    """
    found = [_row(costs, name, TOOLS[name].title, TOOLS[name].scores) for name in TOOLS]
    found += [_sum_row(costs, same) for same in (True, False)]
    return [*found, *(_row(costs, name, f"**{name}**", "all of studio's list") for name in OURS)]


def _row(costs: Costs, name: str, title: str, scores: str) -> list[str]:
    kept = good(costs, name)
    if not kept:
        failed = costs.get(name, ())
        return [title, scores, f"failed: {failed[-1].reason}" if failed else "not measured", *[""] * 5, "0"]
    seconds = [cost.seconds for cost in kept]
    forwards = sum(kept[-1].forwards.values())
    return [
        title, scores, f"{middle(kept, 'seconds'):.1f}", f"{min(seconds):.1f} to {max(seconds):.1f}",
        f"{middle(kept, 'cpu'):.1f}", f"{middle(kept, 'peak'):.0f}", str(forwards),
        _ratio(middle(kept, "seconds"), costs), str(len(kept)),
    ]  # fmt: skip


def _ratio(seconds: float, costs: Costs) -> str:
    cold = good(costs, COLD)
    return f"{seconds / middle(cold, 'seconds'):.2f}" if cold else ""


def _members(same: bool) -> list[str]:
    return [name for name, tool in TOOLS.items() if tool.same or not same]


def _sum_row(costs: Costs, same: bool) -> list[str]:
    title = "**sum of the tools for the same scores**" if same else "**sum of all separate tools**"
    total = total_of(costs, same)
    if total is None:
        without = ", ".join(name for name in _members(same) if not good(costs, name))
        return [title, "", f"no sum without {without}", *[""] * 5, "0"]
    least = min(len(good(costs, name)) for name in _members(same))
    count = sum(total.forwards.values())
    cells = [f"{total.seconds:.1f}", "", f"{total.cpu:.1f}", f"{total.peak:.0f}", str(count)]
    return [title, "", *cells, _ratio(total.seconds, costs), str(least)]


def total_of(costs: Costs, same: bool) -> Cost | None:
    """The sum of the medians of the tools, and the largest of their peaks; None if one of them failed.

    Args:
        costs: tool -> the cost of each round.
        same: only the tools for the scores that studio's list has.
    """
    kept = [good(costs, name) for name in _members(same)]
    if not all(kept):
        return None
    forwards = {name: sum(each[-1].forwards.values()) for name, each in zip(_members(same), kept, strict=True)}
    return Cost(
        sum(middle(each, "seconds") for each in kept),
        sum(middle(each, "cpu") for each in kept),
        max(middle(each, "peak") for each in kept),
        forwards,
    )


def ratio_lines(costs: Costs) -> list[str]:
    """What the tools cost, as multiples of `evaluate`.

    Args:
        costs: tool, or one of `OURS` -> the cost of each round.
    """
    lines = []
    for same, which in ((True, "the tools for the same scores"), (False, "all separate tools")):
        total = total_of(costs, same)
        for ours in OURS:
            kept = good(costs, ours)
            if total and kept:
                seconds, cpu = total.seconds / middle(kept, "seconds"), total.cpu / middle(kept, "cpu")
                lines.append(f"- {which} / {ours}: {seconds:.2f} in seconds, {cpu:.2f} in CPU seconds.")
    return lines


@dataclass(frozen=True)
class Forward:
    """The CPU seconds of one image in a network, at its best setting.

    Args:
        alone: the smallest, in a process alone.
        busy: the median, with a process of one thread on each core at once.
    """

    alone: float
    busy: float


def floor_rows(forwards: Mapping[str, int], best: Mapping[str, Cost | Forward]) -> list[list[str]]:
    """The rows of the floor: the forwards of the cold pass, times the best forward of each network.

    Args:
        forwards: network -> images.
        best: network -> its best forward, or the cost of the process that failed.
    """
    found = []
    for name, count in forwards.items():
        each = best.get(name)
        if isinstance(each, Forward):
            cells = [cell for one in (each.alone, each.busy) for cell in (f"{one * 1e3:.2f}", f"{count * one:.2f}")]
        else:
            cells = [f"failed: {each.reason}" if each else "not measured", "", "", ""]
        found.append([f"`{name}`", str(count), *cells])
    return found


def floor_lines(costs: Costs, best: Mapping[str, Cost | Forward], cores: int) -> list[str]:
    """The cold pass as a multiple of its floor; if a network was not measured, only that.

    Args:
        costs: as for `rows`.
        best: as for `floor_rows`.
        cores: the number of cores.
    """
    kept = good(costs, COLD)
    if not kept:
        return ["- There is no floor: `evaluate` failed."]
    forwards = kept[-1].forwards
    known = {name: each for name in forwards if isinstance(each := best.get(name), Forward)}
    if len(known) < len(forwards):
        return ["- There is no floor: a network was not measured."]
    lines = []
    for what, cpu in (
        ("alone", sum(forwards[name] * each.alone for name, each in known.items())),
        ("on all cores at once", sum(forwards[name] * each.busy for name, each in known.items())),
    ):
        lines.append(
            f"- The floor, measured {what}, is {cpu:.1f} CPU seconds, or {cpu / cores:.1f} seconds on {cores} cores. "
            f"{COLD} / floor: {middle(kept, 'seconds') / (cpu / cores):.2f} in seconds, "
            f"{middle(kept, 'cpu') / cpu:.2f} in CPU seconds."
        )
    return lines
