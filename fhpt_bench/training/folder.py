"""A training's folder: what it is a training of, its log, its last checkpoint, what came out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.data.images import encode_png
from fhpt_bench.errors import UserError
from fhpt_bench.files import explained, sha256_json, write_bytes, write_text
from fhpt_bench.processes import launched

_IDENTITY, _LOG, _CHECKPOINT, _SPENT = "training.json", "log.csv", "checkpoint.pt", "spent.json"


class TrainingFolder:
    """The folder of one training; the same training goes on where it was stopped.

    Of several processes all read, and the main one writes: in the others what saves does nothing.

    Args:
        path: where; made if need be.
        identity: what makes the training this one (recipe, seed, data); any JSON value.
        dry: whether only to look: nothing is written, ever.

    Raises:
        UserError: where it cannot be written, or holds anything else.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any], dry: bool = False) -> None:
        self.path = path
        self._id = sha256_json(identity)
        self._writes = launched()[1] == 0 and not dry
        if launched()[1] > 0:
            return  # the main process may be half way through
        with explained(path, "read"):
            taken = path.exists() and (not path.is_dir() or any(path.iterdir()))
        if taken and self._held() != self._id:
            raise UserError(
                f"{path} exists and holds something other than this training: choose another folder with --out."
            )
        if self._writes:
            write_text(path / _IDENTITY, json.dumps({"id": self._id, **identity}, indent=1) + "\n")

    def _held(self) -> str | None:
        try:
            found: str = json.loads((self.path / _IDENTITY).read_text(encoding="utf-8"))["id"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found

    def save_log(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Write the log anew: a column for whatever is in any row, blank where a row lacks it.

        Raises:
            UserError: where it cannot be written.
        """
        if not self._writes:
            return
        # The fullest row has the columns in their order.
        columns = dict.fromkeys(name for row in sorted(rows, key=len, reverse=True) for name in row)
        text = io.StringIO()
        writer = csv.DictWriter(text, list(columns), restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.path / _LOG, text.getvalue())

    def save_sample(self, number: int, sheet: NDArray[np.uint8]) -> None:
        """Keep what it paints at this point as `samples/NNNNNN.png`.

        Args:
            number: of the unit.
            sheet: (H, W, 3) uint8.

        Raises:
            UserError: where it cannot be written.
        """
        if self._writes:
            write_bytes(self.path / "samples" / f"{number:06d}.png", encode_png(sheet))

    def save_checkpoint(self, content: Mapping[str, Any]) -> None:
        """Keep what is needed to go on: tensors, numbers, and lists and dictionaries of them.

        Raises:
            UserError: where it cannot be written.
        """
        import torch

        if not self._writes:
            return
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

    def save_spent(self, spent: Mapping[str, float]) -> None:
        """Note how far it is and what it took so far, over all calls.

        Raises:
            UserError: where it cannot be written.
        """
        if self._writes:
            write_text(self.path / _SPENT, json.dumps(spent, indent=1) + "\n")

    def spent(self) -> dict[str, float]:
        """What was noted last; empty where nothing was learnt in the loop.

        Raises:
            UserError: where it cannot be read.
        """
        file = self.path / _SPENT
        if not file.is_file():
            return {}
        with explained(file, "read"):
            try:
                found: dict[str, float] = json.loads(file.read_text(encoding="utf-8"))
            except ValueError as error:
                raise UserError(f"The file {file} is damaged: remove it.") from error
        return found
