"""From the shards of a run to its scores and its record, which equal those of one process."""

from __future__ import annotations

import contextlib
import errno
import functools
import shutil
from collections.abc import Sequence
from pathlib import Path

from fhpt_bench.devices import find_device, gpu_name
from fhpt_bench.errors import UserError, name_some, plain
from fhpt_bench.evaluation.differences import measured_by
from fhpt_bench.evaluation.job import Opened, measuring
from fhpt_bench.evaluation.run_folder import SHARDS, RunFolder
from fhpt_bench.evaluation.scoring import write_results
from fhpt_bench.evaluation.shards import (
    SHARD_FILE,
    Part,
    Shard,
    differing,
    key_id,
    make_job,
    read_part,
)
from fhpt_bench.files import explained, write_bytes
from fhpt_bench.output_folder import FolderLock
from fhpt_bench.processes import launched
from fhpt_bench.reading import FILE_BYTES, IMAGE_BYTES, open_file, read_file
from fhpt_bench.records.schema import RECORD_FILE, Record, ShardPart


def merge(folders: Sequence[Path], progress: bool = False, allow_failed: bool = False) -> Record:
    """Compute scores and record from the work of all shards; their images and finished work move to the run's folder.

    Nothing that they have measured is measured again. If this is interrupted, the same call goes on.

    Args:
        folders: the folders that were given to the shards as `--out`; the record is written into the first one.
        progress: show progress bars.
        allow_failed: make the record although protocols failed in a shard; they have the status failed in it.

    Returns:
        The record; its scores equal those of one process with as many threads, to the last digit.

    Raises:
        UserError: if a shard is missing, has not ended, or does not fit to the others, or a protocol failed in it.
    """
    if launched()[0] > 1:
        raise UserError("`merge` runs in one process: start it without torchrun.")
    out = folders[0].resolve()
    parts = find_parts([folder.resolve() for folder in folders])
    first = parts[0]
    failed = {key: f"in shard {part.shard}: {reason}" for part in parts for key, reason in part.failed.items()}
    if failed and not allow_failed:
        again = [part for part in parts if part.failed]
        raise UserError(
            f"{name_some([*map(plain, failed)])} failed in {len(again)} of {first.shard.count} shards "
            f"({name_some([str(part.shard) for part in again])}): redo each with its command, then merge again, or "
            "give --allow-failed for a record without these scores.",
            *(plain(part.command()) for part in again),
        )
    if first.content["device"] == "cuda" and find_device(None) == "cpu":
        raise UserError(
            f"The shards in {first.whole} were measured on a GPU, and torch finds none here: merge them on a machine "
            "with a GPU."
        )
    stores = [part.store for part in parts]
    command, given = first.asked
    changed = {"out": str(out), "overwrite": False, "processes": 1, "progress": progress}
    there = Path(first.content["cwd"])
    # Relative paths of the shards' commands are meant from the folder in which they were started.
    with contextlib.chdir(there if there.is_dir() else Path.cwd()):
        job = make_job(command, given, **changed, device=first.content["device"])
        with measuring(job, functools.partial(_open, parts=parts)) as (measurement, about, _):
            measurement.adopt(stores)
            measurement.accounting.failed |= failed  # they are not measured here
            measurement.gather(progress)
            shards = [
                ShardPart(number=part.shard.number, **{name: part.content["ended"][name] for name in _FACTS})
                for part in parts
            ]
            record = write_results(measurement, about, progress, shards)
            for part in parts:
                RunFolder(part.folder, first.content["run"]).discard()
            for whole in dict.fromkeys(part.whole for part in parts):
                with contextlib.suppress(OSError):  # something else is in it
                    (whole / SHARDS).rmdir()
            for store in stores:
                shutil.rmtree(store, ignore_errors=True)
    return record


_FACTS = ("pairs", "ended", "platform", "threads", "processes")


def find_parts(folders: Sequence[Path]) -> list[Part]:
    """All shards of a run, in their order.

    Args:
        folders: the folders in which to look for them.

    Raises:
        UserError: if there is none, or one is missing, has not ended, occurs twice or does not fit to the others.
    """
    parts: list[Part] = []
    for folder in folders:
        found = sorted((folder / SHARDS).glob(f"*/{SHARD_FILE}"))
        if not found:
            way = (
                "it has its record already"
                if (folder / RECORD_FILE).is_file()
                else "give the folders that were --out of `fhpt-bench run --shard`"
            )
            raise UserError(f"{folder} holds no shards: {way}.")
        parts += [read_part(file.parent) for file in found]
    parts.sort(key=lambda part: (part.shard.count, part.shard.number))
    first, numbers = parts[0], [part.shard.number for part in parts]
    for part in parts[1:]:
        if part.shard.count != first.shard.count:
            raise UserError(
                f"There are shards of {first.shard.count} ({first.folder}) and of {part.shard.count} ({part.folder}): "
                "remove those that do not belong to the run."
            )
        if numbers.count(part.shard.number) > 1:
            twice = [str(one.folder) for one in parts if one.shard == part.shard]
            raise UserError(f"Shard {part.shard} is there twice, in {' and '.join(twice)}: remove one of them.")
        if problem := differing(first, part):
            raise UserError(
                f"Shards {first.shard} and {part.shard} differ in {problem}: remove {part.folder}, and redo it with "
                "the arguments of the others."
            )
    _check_ended(parts, numbers)
    if first.content["key"] != key_id():
        raise UserError(
            "The shards were measured with another cache folder than this one: set FHPT_CACHE_DIR to the one that they "
            "share."
        )
    return parts


def _check_ended(parts: Sequence[Part], numbers: Sequence[int]) -> None:
    first, unfinished = parts[0], [part for part in parts if not part.content["ended"]]
    for part in unfinished:
        try:
            FolderLock(part.folder).release()
        except UserError:
            raise UserError(f"Shard {part.shard} in {part.folder} is still running: merge when it has ended.") from None
    lost = sorted({*range(1, first.shard.count + 1)} - {*numbers} | {part.shard.number for part in unfinished})
    if lost and (first.whole / RECORD_FILE).is_file():
        raise UserError(f"{first.whole} has its record, and a rest of merged shards: remove {first.whole / SHARDS}.")
    if lost:
        shards = [Shard(number, first.shard.count) for number in lost]
        raise UserError(
            f"{first.whole} lacks {len(lost)} of {first.shard.count} shards ({name_some([str(s) for s in shards])}): "
            "redo each with its command, then merge again.",
            *(plain(first.command(shard)) for shard in shards),
        )


def _open(opened: Opened, parts: Sequence[Part]) -> tuple[RunFolder, None]:
    """The run's folder, with all that the shards have finished."""
    for part in parts:
        ours = Part(part.folder, part.shard, {
            **part.content, "run": opened.identity, "device": opened.device,
            "gpu": gpu_name(opened.device),
            "fingerprints": measured_by(opened.plan),
        })  # fmt: skip
        if problem := differing(ours, part):
            raise UserError(
                f"What is installed here and the shards differ in {problem}: merge where they were measured, or redo "
                "them."
            )
    folder = RunFolder(opened.path, opened.identity, False, opened.inputs)
    try:
        for part in parts:
            with contextlib.closing(_Held(part)):
                _take(folder, part)
    except BaseException:
        folder.release()
        raise
    return folder, None


class _Held:
    """The lock of a shard's folder."""

    def __init__(self, part: Part) -> None:
        self._lock = FolderLock(part.folder)

    def close(self) -> None:
        self._lock.release()


def _take(folder: RunFolder, part: Part) -> None:
    """Move the images of a shard into the run's folder, and copy its finished work."""
    images = sorted((part.folder / "images").glob("*.png"))
    folder.add_files([f"images/{file.name}" for file in images])
    for file in images:
        target = folder.images / file.name
        with explained(target):
            target.parent.mkdir(exist_ok=True)
            try:
                file.replace(target)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                write_bytes(target, read_file(file, IMAGE_BYTES))  # from another disk
    lines = []
    for file in sorted((part.folder / "progress").glob("*.jsonl")):
        with open_file(file, FILE_BYTES) as content, explained(file, "read"):
            lines.append(content.read())
    folder.write(f"progress/shard-{part.shard.number}-of-{part.shard.count}.jsonl", b"\n".join(lines))
