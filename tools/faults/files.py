"""Failing file operations: a disk that is full or read-only from a chosen operation on, or a kill at that moment."""

from __future__ import annotations

import builtins
import errno
import io
import os
import re
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Kind = Literal["full", "read-only", "kill"]
KINDS: tuple[Kind, ...] = ("full", "read-only", "kill")
_ERRORS = {"full": errno.ENOSPC, "read-only": errno.EROFS}
# Which operations fail: on a full disk also writing into a file that is open, on a read-only one also removing.
_FAILS: dict[Kind, tuple[str, ...]] = {
    "full": ("create", "mkdir", "write", "sync", "rename"),
    "read-only": ("create", "mkdir", "rename", "remove"),
    "kill": ("create", "mkdir", "write", "sync", "rename", "remove"),
}
_EVENTS = {"os.mkdir": "mkdir", "os.rename": "rename", "os.link": "rename", "os.remove": "remove", "os.rmdir": "remove"}
_PART = re.compile(r"\.([^/]+)\.[0-9a-f]{8}\.part$")
_RANDOM = re.compile(r"[^/]*(___|tfevents|fashion)[^/]*|#\d+ \(deleted\)|\d+(?=\.)")


@dataclass(frozen=True)
class Operation:
    """A file operation.

    Args:
        what: create, mkdir, write, sync, rename or remove.
        path: the file or folder.
    """

    what: str
    path: str

    def stage(self, root: Path) -> str:
        """The path, the same for all files of one kind and for the unfinished file that is renamed to it."""
        return _RANDOM.sub("*", _PART.sub(r"\1", os.path.relpath(self.path, root)))


def failing(operations: Sequence[Operation], kind: Kind) -> list[int]:
    """The positions of the operations that fail on such a disk."""
    return [number for number, one in enumerate(operations) if one.what in _FAILS[kind]]


class Disk:
    """Watches the file operations of this process below some folders, and lets them fail from one of them on.

    Args:
        roots: the folders.
        log: a file to which each operation is written, or None.
        first: the position of the first operation that fails, or None.
        kind: why it fails; with "kill" the process is killed just before the operation.
    """

    def __init__(
        self, roots: Sequence[Path], log: Path | None = None, first: int | None = None, kind: Kind = "full"
    ) -> None:
        self.roots = [str(root.resolve()).rstrip(os.sep) + os.sep for root in roots]
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if log is not None else None
        self.first, self.kind, self.count = first, kind, 0

    def install(self) -> None:
        """Begin to watch, until the process ends."""
        io.open = builtins.open = self._open
        os.fsync = self._fsync  # type: ignore[assignment]
        sys.addaudithook(self._audit)

    def below(self, path: object) -> bool:
        """Whether a path is in one of the folders."""
        if not isinstance(path, str | os.PathLike):
            return False
        full = os.path.abspath(os.fspath(path))
        return any(f"{full}{os.sep}".startswith(root) for root in self.roots)

    def meet(self, what: str, path: object) -> None:
        """Count an operation; raise the error of the disk if it has failed by now.

        Raises:
            OSError: if this operation fails.
        """
        if not self.below(path):
            return
        if self.log is not None:
            os.write(self.log, f"{what} {os.path.abspath(os.fspath(path))}\n".encode())  # type: ignore[call-overload]
        number, self.count = self.count, self.count + 1
        if self.first is not None and number >= self.first and what in _FAILS[self.kind]:
            if self.kind == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError(_ERRORS[self.kind], os.strerror(_ERRORS[self.kind]), str(path))

    def _audit(self, event: str, given: tuple[Any, ...]) -> None:
        if event == "open" and (given[2] or 0) & (os.O_WRONLY | os.O_RDWR):
            self.meet("create", given[0])
        elif event in _EVENTS:
            what = _EVENTS[event]
            # A folder that exists is not made, and a file that does not exist is not removed, on a disk that works too.
            if what == "rename" or os.path.lexists(given[0]) == (what == "remove"):
                self.meet(what, given[what == "rename"])  # the new name

    def _open(self, file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
        """Files that are open for binary writing count and fail."""
        if "b" not in mode or not set(mode) & set("wax") or "+" in mode or not self.below(file):
            return _OPEN(file, mode, *more, **named)
        raw = _File(file, mode.replace("b", ""), opener=named.get("opener"))
        raw.disk = self
        return io.BufferedWriter(raw)

    def _fsync(self, descriptor: Any) -> None:
        path = f"/proc/self/fd/{descriptor}"
        self.meet("sync", os.readlink(path) if os.path.islink(path) else None)
        _FSYNC(descriptor)


_OPEN, _FSYNC = io.open, os.fsync


class _File(io.FileIO):
    """A file of which a full disk takes one half of what is written at last."""

    disk: Disk

    def write(self, content: Any) -> int:
        try:
            self.disk.meet("write", self.name)
        except OSError:
            super().write(bytes(content)[: len(content) // 2])
            raise
        return super().write(content) or 0
