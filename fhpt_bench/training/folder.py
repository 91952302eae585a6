"""The training folder: identity of the training, log, last checkpoint, results."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.data.images import encode_png
from fhpt_bench.errors import UserError
from fhpt_bench.files import sha256_json, write_bytes, write_text
from fhpt_bench.output_folder import FolderLock, check_output
from fhpt_bench.processes import launched
from fhpt_bench.reading import read_json

_IDENTITY, _LOG, _CHECKPOINT, _SPENT = "training.json", "log.csv", "checkpoint.pt", "spent.json"


class TrainingFolder:
    """The folder of one training; the same training resumes from its last checkpoint.

    All processes read; only the main process writes. In the other processes the saving methods do nothing.

    Args:
        path: path of the folder; it is created if it is missing.
        identity: what identifies the training (recipe, seed, data); any JSON object.
        dry: whether nothing may be written.
        inputs: folders that the training reads.

    Raises:
        UserError: if the folder cannot be written, holds anything else, or another command writes into it.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any], dry: bool = False, inputs: Iterable[Path] = ()) -> None:
        self.path = path
        self._id = sha256_json(identity)
        self._writes = launched()[1] == 0 and not dry
        self._lock: FolderLock | None = None
        if launched()[1] > 0:
            return  # the main process may be writing the files now
        check_output(path, _IDENTITY, inputs)
        self._claim(identity)

    def lock(self) -> None:
        """Let no other command write into the folder, until `release`.

        Raises:
            UserError: if another command writes into it, or has begun another training there.
        """
        if self._writes:
            self._lock = FolderLock(self.path)
            self._check()

    def release(self) -> None:
        """Let other commands write into the folder."""
        if self._lock is not None:
            self._lock.release()

    def _claim(self, identity: Mapping[str, Any]) -> None:
        """Write the identity before anything else; of two trainings that begin together, only the first one does."""
        self._check()  # before the lock, whose file must not be left in a folder that is refused
        if not self._writes:
            return
        lock = FolderLock(self.path)
        try:
            self._check()
            write_text(self.path / _IDENTITY, json.dumps({"id": self._id, **identity}, indent=1) + "\n")
        finally:
            lock.release()

    def _check(self) -> None:
        if (self.path / _IDENTITY).is_file() and self._held() != self._id:
            raise UserError(
                f"{self.path} exists and holds something other than this training: choose another folder with --out."
            )

    def _held(self) -> str | None:
        try:
            found: str = read_json(self.path / _IDENTITY)["id"]
        except (UserError, KeyError, TypeError):
            return None
        return found

    def save_log(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Rewrite the log, with one column for each name in any row. A cell is empty if its row has no such value.

        Raises:
            UserError: if the log cannot be written.
        """
        if not self._writes:
            return
        # The longest row gives the order of the columns.
        columns = dict.fromkeys(name for row in sorted(rows, key=len, reverse=True) for name in row)
        text = io.StringIO()
        writer = csv.DictWriter(text, list(columns), restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.path / _LOG, text.getvalue())

    def save_sample(self, number: int, image: NDArray[np.uint8]) -> None:
        """Save a contact sheet of generated images as `samples/NNNNNN.png`.

        Args:
            number: number of the unit.
            image: (H, W, 3) uint8.

        Raises:
            UserError: if the file cannot be written.
        """
        if self._writes:
            write_bytes(self.path / "samples" / f"{number:06d}.png", encode_png(image))

    def save_checkpoint(self, content: Mapping[str, Any]) -> None:
        """Save what is needed to resume: tensors, numbers, and lists and dictionaries of them.

        Raises:
            UserError: if the file cannot be written.
        """
        import torch

        if not self._writes:
            return
        buffer = io.BytesIO()
        torch.save({"id": self._id, **content}, buffer)
        write_bytes(self.path / _CHECKPOINT, buffer.getvalue())

    def checkpoint(self) -> dict[str, Any] | None:
        """Load the last checkpoint; None if there is none.

        Raises:
            UserError: if the checkpoint is damaged or belongs to another training.
        """
        import torch

        file = self.path / _CHECKPOINT
        if not file.is_file():
            return None
        try:
            content: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
            if content.pop("id") == self._id:
                return content
        except Exception as error:  # torch raises errors of many types
            raise UserError(f"The checkpoint {file} is damaged ({error}): remove it to start again.") from error
        raise UserError(f"The checkpoint {file} belongs to another training: remove it to start again.")

    def save_spent(self, spent: Mapping[str, float]) -> None:
        """Save the progress and the time spent so far, over all calls.

        Raises:
            UserError: if the file cannot be written.
        """
        if self._writes:
            write_text(self.path / _SPENT, json.dumps(spent, indent=1) + "\n")

    def spent(self) -> dict[str, float]:
        """Load the saved progress and time; empty if the training loop has not saved any.

        Raises:
            UserError: if the file cannot be read.
        """
        file = self.path / _SPENT
        if not file.is_file():
            return {}
        found = read_json(file)
        if not isinstance(found, dict) or not all(isinstance(value, int | float) for value in found.values()):
            raise UserError(f"The file {file} is damaged: remove it.")
        return found
