"""The log of a training for TensorBoard."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fhpt_bench.errors import UserError
from fhpt_bench.files import explained

_FORMAT = "brain.Event:2"
_NUMBER = itertools.count()  # several trainings of one process may begin in the same second


class Board:
    """Writes an event file at once: torch's `SummaryWriter` uses a thread, in which a full disk is a traceback.

    Args:
        folder: the folder of the event files; it is created if needed.
        begins: number of the first unit; earlier entries from this unit on are hidden.

    Raises:
        UserError: if the file cannot be written.
    """

    def __init__(self, folder: Path, begins: int) -> None:
        from tensorboard.compat.proto.event_pb2 import SessionLog
        from tensorboard.summary.writer.record_writer import RecordWriter

        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_NUMBER)}"
        self._path = folder / name
        with explained(self._path):
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb")
        self._writer = RecordWriter(self._file)
        try:
            self._write(file_version=_FORMAT)
            self._write(step=begins, session_log=SessionLog(status=SessionLog.START))
        except UserError:
            with contextlib.suppress(UserError):  # what could not be written cannot be written now either
                self.close()
            raise

    def add(self, values: Mapping[str, float], number: int) -> None:
        """Add the values of a unit, name -> value.

        Raises:
            UserError: if they cannot be written.
        """
        from tensorboard.compat.proto.summary_pb2 import Summary

        entries = [Summary.Value(tag=name.replace(" ", "_"), simple_value=value) for name, value in values.items()]
        if entries:
            self._write(step=number, summary=Summary(value=entries))

    def close(self) -> None:
        """Close the file.

        Raises:
            UserError: if the last entries cannot be written.
        """
        with explained(self._path):
            self._file.close()

    def _write(self, **fields: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        with explained(self._path):
            self._writer.write(Event(wall_time=time.time(), **fields).SerializeToString())
            self._file.flush()
