"""The commands that write a folder, and what of it must be the same after every fault."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.faults.material import LIMIT, TOY, Material

State = dict[str, str]  # what must be the same: name -> digest or text
_VOLATILE = {"created", "seconds", "stages", "processes", "threads", "run_id", "git_commit"}
_PART = re.compile(r"\..+\.[0-9a-f]{8}\.part")  # what a kill leaves of a file that was being written


def sha256(content: bytes) -> str:
    """A digest."""
    return hashlib.sha256(content).hexdigest()


def files(folder: Path, without: Sequence[str] = ()) -> State:
    """The digest of every file but the lock and unfinished ones.

    Args:
        folder: the folder.
        without: glob patterns of files that may differ.
    """
    return {
        str(file.relative_to(folder)): sha256(file.read_bytes())
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != ".lock" and not _PART.fullmatch(file.name)
        and not any(file.relative_to(folder).match(pattern) for pattern in without)
    }  # fmt: skip


def _stable(value: Any) -> Any:
    """A part of a record without times."""
    if isinstance(value, dict):
        return {key: _stable(part) for key, part in value.items() if key not in _VOLATILE}
    return [_stable(part) for part in value] if isinstance(value, list) else value


def record(folder: Path) -> State:
    """The record without times, the table of pairs, and every image and figure."""
    content = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    return {
        "record": json.dumps(_stable(content), sort_keys=True),
        **files(folder, ("record.json", "files.jsonl", "run.json", "progress/*")),
    }


def training(folder: Path) -> State:
    """The weights, the log, the contact sheets, and everything in the checkpoint but the time."""
    import torch

    checkpoint = torch.load(folder / "checkpoint.pt", weights_only=True)
    checkpoint.pop("seconds")
    return {
        "checkpoint": sha256(repr(_tensors_as_bytes(checkpoint)).encode()),
        **files(folder, ("checkpoint.pt", "spent.json", "tensorboard/*")),
    }


def _tensors_as_bytes(value: Any) -> Any:
    import torch

    if isinstance(value, torch.Tensor):
        return (str(value.dtype), tuple(value.shape), sha256(value.contiguous().numpy().tobytes()))
    if isinstance(value, dict):
        return {key: _tensors_as_bytes(part) for key, part in value.items()}
    return [_tensors_as_bytes(part) for part in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True)
class Writer:
    """A command that writes a folder.

    Args:
        name: as it is shown.
        words: function (material, output folder) -> arguments.
        state: function folder -> what must be the same after every fault.
        is_record: whether `validate` can check the folder.
    """

    name: str
    words: Callable[[Material, Path], list[object]]
    state: Callable[[Path], State]
    is_record: bool = False


def _run(model: str, *more: object) -> Callable[[Material, Path], list[object]]:
    return lambda _, out: ["run", "-m", model, "--limit", LIMIT, "-p", "ssim,psnr", "--batch-size", 2, "-o", out, *more]


def _evaluate(other: bool, *more: object) -> Callable[[Material, Path], list[object]]:
    def words(material: Material, out: Path) -> list[object]:
        images = material.other_images if other else material.images
        return ["evaluate", images, "--limit", LIMIT, "-p", "ssim,psnr", "--batch-size", 2, "-o", out, *more]

    return words


def _train(seed: int) -> Callable[[Material, Path], list[object]]:
    return lambda material, out: ["train", f"{TOY}:Toy", "-b", material.benchmark, "--seed", seed, "-o", out]


def _prepare(fewer: bool) -> Callable[[Material, Path], list[object]]:
    def words(material: Material, out: Path) -> list[object]:
        return ["data", "prepare", "deepfashion", "--out", out, "--root",
                material.fewer_photographs if fewer else material.photographs]  # fmt: skip

    return words


def _new(material: Material, out: Path) -> list[object]:
    data = material.benchmark.parent
    return ["data", "new", out, "--images", data / "test", "--pairs", data / "pairs.csv",
            "--keypoints", data / "keypoints.csv", "--id", "mine"]  # fmt: skip


# Kills and full disks: one line a command. A new command that writes a folder is added here.
WRITERS = (
    Writer("run", _run("warp"), record, True),
    Writer("evaluate", _evaluate(other=True), record, True),
    Writer("train", _train(0), training),
    Writer("data prepare", _prepare(fewer=False), files),
    Writer("data new", _new, files),
)
# Kills only: a run that shares its work between processes.
TWO_PROCESSES = Writer("run, 2 processes", _run("warp", "--processes", 2), record, True)
# Commands on one folder: the same ones, and others of each kind.
RIVALS = (
    *WRITERS,
    Writer("run, another model", _run("copy-source"), record, True),
    Writer("run --overwrite", _run("copy-source", "--overwrite"), record, True),
    Writer("evaluate, other images", _evaluate(other=False), record, True),
    Writer("evaluate --overwrite", _evaluate(False, "--overwrite"), record, True),
    Writer("train, another seed", _train(1), training),
    Writer("data prepare, other images", _prepare(fewer=True), files),
)
