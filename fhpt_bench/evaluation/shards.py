"""Parts of a run that several jobs measure, each in a folder of its own: `--shard 3/16`, as in a job array.

Batches are numbered over all pairs, and shard i of n measures the batches i - 1, i - 1 + n, ... The number of a batch
seeds the model's random numbers, so that they do not depend on the shards.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import platform
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fhpt_bench.devices import gpu_name
from fhpt_bench.errors import UserError
from fhpt_bench.evaluation.batches import target_batches
from fhpt_bench.evaluation.differences import first_difference, measured_by, of_runs
from fhpt_bench.evaluation.exchange import from_all
from fhpt_bench.evaluation.job import Job, Opened, folder_job, measuring, model_job
from fhpt_bench.evaluation.measurement import Measurement, Share
from fhpt_bench.evaluation.options import RunOptions
from fhpt_bench.evaluation.provenance import git_commit
from fhpt_bench.evaluation.run_folder import RUN_FILE, SHARDS, RunFolder
from fhpt_bench.files import cache_folder, local_signature, sha256_json, write_text
from fhpt_bench.processes import by_launcher, set_finished
from fhpt_bench.reading import SHARDS as MOST
from fhpt_bench.reading import read_json
from fhpt_bench.records.schema import RECORD_FILE
from fhpt_bench.version import VERSION

SHARD_FILE = "shard.json"
# Arguments that may differ between the shards of one run.
_FREE = {"out", "overwrite", "processes", "device", "progress"}
_DEFAULTS = {"protocols": "all", "benchmark": "studio", "batch_size": 16, "layout": "auto"}


@dataclass(frozen=True)
class Shard:
    """One of several jobs that share a run.

    Args:
        number: from 1.
        count: how many there are.

    Examples:
        >>> Shard.parse("3/16")
        Shard(number=3, count=16)
        >>> Shard.parse("5/4")
        Traceback (most recent call last):
        fhpt_bench.errors.UserError: --shard 5/4 is not one of 4 shards: give 1/4 to 4/4.
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard that `--shard` names.

        Args:
            text: the number from 1, a slash, and how many there are.

        Raises:
            UserError: if it is something else.
        """
        found = re.fullmatch(r"(\d{1,5})/(\d{1,5})", text, re.ASCII)
        if not found:
            raise UserError(f"--shard {text!r} is not two numbers such as 3/16: the third of 16 shards.")
        shard = cls(int(found[1]), int(found[2]))
        if not 1 <= shard.count <= MOST:
            raise UserError(f"--shard {text}: give 1 to {MOST:,} shards.")
        if not 1 <= shard.number <= shard.count:
            raise UserError(f"--shard {text} is not one of {shard.count} shards: give 1/{shard.count} to "
                            f"{shard.count}/{shard.count}.")  # fmt: skip
        return shard

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def folder(self) -> Path:
        """Its folder, below the run's."""
        return Path(SHARDS) / f"{self.number}-of-{self.count}"

    @property
    def part(self) -> slice:
        """Its batches."""
        return slice(self.number - 1, None, self.count)


@dataclass(frozen=True)
class Part:
    """A shard as its folder describes it.

    Args:
        folder: the shard's folder.
        shard: which one it is.
        content: what its `shard.json` says.
    """

    folder: Path
    shard: Shard
    content: Mapping[str, Any]

    @property
    def whole(self) -> Path:
        """The run's folder."""
        return self.folder.parent.parent

    @property
    def store(self) -> Path:
        """The folder in the cache that takes its vectors: of this shard in this folder only."""
        return cache_folder() / SHARDS / str(self.content["store"])

    @property
    def asked(self) -> tuple[str, dict[str, Any]]:
        """The command and its arguments."""
        return self.content["command"], dict(self.content["arguments"])

    @property
    def failed(self) -> dict[str, str]:
        """Protocol key -> why it failed in this shard."""
        return dict(self.content["ended"].get("failed", {}))

    def command(self, shard: Shard | None = None) -> str:
        """The command that measures this shard.

        Args:
            shard: another one of the same run.
        """
        command, given = self.asked
        words = ["fhpt-bench", command, *([given.pop("images")] if command == "evaluate" else [])]
        for name, value in given.items():
            if isinstance(value, bool):  # before others: 1 == True
                words += [f"--{name.replace('_', '-')}"] if value and name != "overwrite" else []
            elif value not in (None, _DEFAULTS.get(name)):
                words += [f"--{name.replace('_', '-')}", str(value)]
        here = "" if self.content["cwd"] == os.getcwd() else f"cd {shlex.quote(self.content['cwd'])} && "
        return here + shlex.join([*words, "--shard", str(shard or self.shard)])


def read_part(folder: Path) -> Part:
    """Read what a shard's folder says of it.

    Args:
        folder: `shards/3-of-16` of a run's folder.

    Raises:
        UserError: if its `shard.json` cannot be read or was not written by this version.
    """
    file = folder / SHARD_FILE
    content = read_json(file)
    wanted = {"shard": str, "command": str, "arguments": dict, "version": str, "cwd": str, "key": str, "device": str,
              "gpu": str, "store": str, "run": dict, "fingerprints": dict, "ended": dict}  # fmt: skip
    if (
        not isinstance(content, dict)
        or any(not isinstance(content.get(name), kind) for name, kind in wanted.items())
        or not re.fullmatch(r"[0-9a-f]{32}", content["store"])  # `merge` removes this folder
    ):
        raise UserError(f"The file {file} was not written by this version: remove the folder, and redo the shard.")
    return Part(folder, Shard.parse(content["shard"]), content)


def differing(a: Part, b: Part) -> str | None:
    """What must be equal in two shards of one run and is not, in words; None if they fit together."""
    names = sorted(({*a.content["arguments"]} | {*b.content["arguments"]}) - _FREE)
    return first_difference([
        ("version", _version(a), _version(b)),
        ("command", a.content["command"], b.content["command"]),
        *((f"--{n.replace('_', '-')}", *(part.content["arguments"].get(n) for part in (a, b))) for n in names),
        *of_runs(a.content["run"], b.content["run"], a.content["fingerprints"], b.content["fingerprints"]),
        *((f"the {what}", a.content[what.lower()], b.content[what.lower()]) for what in ("device", "GPU")),
        ("the cache folder's key", a.content["key"], b.content["key"]),
    ])  # fmt: skip


def _version(part: Part) -> str:
    return f"{part.content['version']} {part.content.get('commit') or ''}".strip()


def make_job(command: str, arguments: Mapping[str, Any], **changed: Any) -> Job:
    """The job that a command and its arguments mean.

    Args:
        command: "run" or "evaluate".
        arguments: name -> value.
        changed: arguments to replace.

    Raises:
        UserError: if an argument cannot be used.
    """
    given = {**arguments, **changed}
    own = {field.name for field in dataclasses.fields(RunOptions)}
    options = RunOptions(**{name: value for name, value in given.items() if name in own})
    if command == "run":
        return model_job(options, given["model"], given.get("checkpoint"))
    names = ("images", "name", "layout", "resize", "allow_missing")
    return folder_job(options, *(given[name] for name in names))


def measure_shard(text: str, command: str, arguments: Mapping[str, Any], progress: bool = False) -> Part:
    """Measure one shard of a run; there is no record before `merge`.

    Args:
        text: as in `Shard.parse`.
        command: "run" or "evaluate".
        arguments: of the command.
        progress: show progress bars.

    Returns:
        The shard, also if some of its protocols have failed.

    Raises:
        UserError: if an input cannot be used.
    """
    shard = Shard.parse(text)
    if by_launcher():
        raise UserError("--shard is given under torchrun: start one process, or leave --shard out.")
    if arguments.get("limit") is not None:
        raise UserError("--shard is given with --limit, which needs no shards: leave one of them out.")
    asked = {name: str(value) if isinstance(value, Path) else value for name, value in arguments.items()}
    job = make_job(command, asked, progress=progress)
    batches = target_batches(job.benchmark.pairs, job.options.batch_size)
    if shard.count > len(batches):
        raise UserError(
            f"--shard {shard}: the {len(job.benchmark.pairs):,} pairs are {len(batches):,} batches of "
            f"{job.options.batch_size}: give at most as many shards, or a smaller --batch-size."
        )

    def opening(opened: Opened) -> tuple[RunFolder, Share]:
        return _open(opened, shard, command, asked)

    with measuring(job, opening) as (measurement, _, processes):
        measurement.gather(progress and processes.main)
        processes.wait()
        part = read_part(measurement.folder.path)
        failed = {key: reason for one in from_all(measurement.accounting.failed) for key, reason in one.items()}
        if processes.main:
            ended = _ended(measurement, sum(map(len, batches[shard.part])), failed)
            part = Part(part.folder, shard, {**part.content, "ended": ended})
            measurement.folder.write(SHARD_FILE, _encoded(part.content))
        processes.wait()
        set_finished()
    return part


def _open(opened: Opened, shard: Shard, command: str, asked: dict[str, Any]) -> tuple[RunFolder, Share]:
    """The shard's folder, if it fits to what the run's folder holds."""
    whole, options = opened.path, opened.job.options
    path = whole / shard.folder
    run_id = sha256_json(opened.identity)
    if not opened.main:
        return RunFolder(path, opened.identity, main=False), Share(shard.part, read_part(path).store)
    measured = measured_by(opened.plan)
    # Each shard has a store of its own, which `merge` removes, and which stays that of a folder that is moved. The last
    # digits of vectors depend on the batch size.
    store = sha256_json([run_id, measured, options.batch_size, str(path.resolve())])[:32]
    part = Part(path, shard, {
        "shard": str(shard), "command": command, "arguments": asked, "version": VERSION, "commit": git_commit(),
        "cwd": os.getcwd(), "key": key_id(), "device": opened.device, "gpu": gpu_name(opened.device), "store": store,
        "run": opened.identity, "fingerprints": measured, "ended": {},
    })  # fmt: skip
    if (whole / RECORD_FILE).exists():
        raise UserError(f"{whole} has its record already: give --out with another folder.")
    # Its own earlier attempt, and then any other shard: `merge` compares all of them.
    others = [file.parent for file in sorted((whole / SHARDS).glob(f"*/{SHARD_FILE}"))]
    for other in ([path] if path in others and not options.overwrite else []) + [o for o in others if o != path][:1]:
        earlier = read_part(other)
        problem = differing(part, earlier)
        if problem is None and earlier.shard.count != shard.count:
            problem = f"their number ({shard.count} and {earlier.shard.count})"
        if problem:
            raise UserError(
                f"Shard {shard} and shard {earlier.shard} in {other} differ in {problem}: give the same, or --out with "
                "another folder."
            )
        if other == path:
            part = Part(path, shard, {**part.content, "store": earlier.content["store"]})
    if not others and (whole / RUN_FILE).exists() and read_json(whole / RUN_FILE).get("run_id") != run_id:
        raise UserError(f"{whole} holds a run of another model, code or data: give --out with another folder.")
    if not (whole / RUN_FILE).exists():
        write_text(whole / RUN_FILE, json.dumps({"run_id": run_id, **opened.identity}, indent=1) + "\n")
    folder = RunFolder(path, opened.identity, options.overwrite, opened.inputs)
    try:
        folder.write(SHARD_FILE, _encoded(part.content))
    except BaseException:
        folder.release()
        raise
    return folder, Share(shard.part, part.store)


def _encoded(content: Mapping[str, Any]) -> bytes:
    return f"{json.dumps(content, indent=1)}\n".encode()


def key_id() -> str:
    """Which key of a cache folder signs the work: work with another key cannot be merged."""
    return local_signature(b"which key").decode()[:16]


def _ended(measurement: Measurement, pairs: int, failed: Mapping[str, str]) -> dict[str, Any]:
    import torch

    return {
        "pairs": pairs, "ended": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "platform": platform.platform(), "threads": torch.get_num_threads(), "processes": measurement.processes.count,
        "failed": failed,
    }  # fmt: skip
