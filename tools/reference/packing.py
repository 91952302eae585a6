"""Packing the results: one file of weights for each training, and one archive of logs and samples."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

from fhpt_bench.files import write_bytes
from tools.reference.plan import Training

LARGEST = 16 << 20  # bytes of a file
_DATE = (1980, 1, 1, 0, 0, 0)  # the same in every archive, so that equal content gives equal bytes


def archive_name(trainings: Sequence[Training]) -> str:
    """The name of the archive of some trainings; a later call for others does not replace it."""
    return f"logs-and-samples-{'-'.join(one.name for one in trainings)}.zip"


def pack(trainings: Sequence[Training], out: Path) -> tuple[list[Path], list[str]]:
    """Copy the weights, and archive logs and contact sheets, the last sheet of each training first.

    Args:
        trainings: the trainings, finished or not.
        out: folder of the results.

    Returns:
        The files, and a line for each thing that is missing or does not fit into 16 MiB.

    Raises:
        UserError: if a file cannot be written.
    """
    files, notes = [], []
    for one in trainings:
        weights = one.folder / f"{one.name}.safetensors"
        if not weights.is_file():
            notes.append(f"{one.name}: no weights yet")
        elif weights.stat().st_size > LARGEST:
            notes.append(f"{one.name}: its weights are larger than 16 MiB and stay in {weights}")
        else:
            write_bytes(out / weights.name, weights.read_bytes())
            files.append(out / weights.name)
    if trainings:
        content, left_out = _archive(trainings)
        files.append(out / archive_name(trainings))
        write_bytes(files[-1], content)
        notes += [f"{left_out} contact sheets do not fit into 16 MiB"] if left_out else []
    return files, notes


def _archive(trainings: Sequence[Training]) -> tuple[bytes, int]:
    """The archive, and the number of contact sheets that were left out."""
    members: list[tuple[str, Path]] = []
    for one in trainings:
        texts = [one.folder / name for name in ("log.csv", "training.json", "facts.json", "spent.json")]
        texts.append(one.folder.with_suffix(".txt"))
        members += [(f"{one.name}/{file.name}", file) for file in texts if file.is_file()]
    sheets = {one.name: sorted((one.folder / "samples").glob("*.png"), reverse=True) for one in trainings}
    for turn in range(max((len(files) for files in sheets.values()), default=0)):
        members += [(f"{name}/{files[turn].name}", files[turn]) for name, files in sheets.items() if turn < len(files)]
    buffer, left_out = io.BytesIO(), 0
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in members:
            content = file.read_bytes()
            # PNG files do not get smaller; 64 KiB are more than the archive's own tables.
            if buffer.tell() + len(content) > LARGEST - (64 << 10):
                left_out += 1
                continue
            archive.writestr(zipfile.ZipInfo(name, _DATE), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue(), left_out
