"""A training's folder: what it is a training of, its log, its last checkpoint, what came out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fhpt_bench.errors import UserError
from fhpt_bench.files import explained, sha256_json, write_bytes, write_text

_IDENTITY, _LOG, _CHECKPOINT = "training.json", "log.csv", "checkpoint.pt"


class TrainingFolder:
    """The folder of one training; the same training goes on where it was stopped.

    Args:
        path: where; made if need be.
        identity: what makes the training this one (recipe, seed, data); any JSON value.

    Raises:
        UserError: where it cannot be written, or holds anything else.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any]) -> None:
        self.path = path
        self._id = sha256_json(identity)
        file = path / _IDENTITY
        with explained(path, "read"):
            taken = path.exists() and (not path.is_dir() or any(path.iterdir()))
        if taken and self._held() != self._id:
            raise UserError(
                f"{path} exists and holds something other than this training: choose another folder with --out."
            )
        write_text(file, json.dumps({"id": self._id, **identity}, indent=1) + "\n")

    def _held(self) -> str | None:
        try:
            found: str = json.loads((self.path / _IDENTITY).read_text(encoding="utf-8"))["id"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found

    def save_log(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Write the log anew, a row an epoch.

        Raises:
            UserError: where it cannot be written.
        """
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.path / _LOG, text.getvalue())

    def save_checkpoint(self, content: Mapping[str, Any]) -> None:
        """Keep what is needed to go on: tensors, numbers, and lists and dictionaries of them.

        Raises:
            UserError: where it cannot be written.
        """
        import torch

        buffer = io.BytesIO()
        torch.save({"id": self._id, **content}, buffer)
        write_bytes(self.path / _CHECKPOINT, buffer.getvalue())

    def checkpoint(self) -> dict[str, Any] | None:
        """What was kept last, or None where nothing was.

        Raises:
            UserError: where it is damaged or belongs to another training.
        """
        import torch

        file = self.path / _CHECKPOINT
        if not file.is_file():
            return None
        try:
            content: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
            if content.pop("id") == self._id:
                return content
        except Exception as error:  # torch says it in many ways
            raise UserError(f"The checkpoint {file} is damaged ({error}): remove it to start anew.") from error
        raise UserError(f"The checkpoint {file} belongs to another training: remove it to start anew.")

    def finish(self) -> None:
        """Drop the checkpoint, which nobody needs any more.

        Raises:
            UserError: where it cannot be removed.
        """
        with explained(self.path / _CHECKPOINT, "remove"):
            (self.path / _CHECKPOINT).unlink(missing_ok=True)
