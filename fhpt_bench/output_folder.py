"""Output folders: a command writes only where it cannot damage files that it did not write."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from pathlib import Path

from fhpt_bench.errors import UserError, plain
from fhpt_bench.files import explained, is_unfinished

LOCK = ".lock"
# Of the commands that own their folder.
MARKERS = ("run.json", "training.json", "prepared.json", "page.json", "audit.json")


class FolderLock:
    """A folder in which only one command writes, as long as this object is not released.

    The operating system holds the lock (flock of the file `.lock`), so that it ends with the process, however that
    ends. It holds between machines only on network drives that pass such locks on (NFS 4, SMB on Linux); where a drive
    refuses them, nothing is locked.

    Args:
        folder: the folder; it is created if needed.

    Raises:
        UserError: if another command holds the lock, or the file cannot be created.
    """

    def __init__(self, folder: Path) -> None:
        self._file: io.FileIO | None = None
        try:
            import fcntl
        except ImportError:  # not on Windows
            return
        with explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._file = io.FileIO(os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644), "r+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise UserError(
                f"Another command is writing into {folder}: wait until it ends, or give --out with another folder."
            ) from error
        except OSError:  # a network drive without locks
            self.release()

    def release(self) -> None:
        """End the lock."""
        if self._file is not None:
            self._file.close()
            self._file = None


def check_output(path: str | Path, marker: str, inputs: Iterable[Path] = ()) -> None:
    """Refuse an output folder in which writing could damage the user's files.

    Args:
        path: the folder; it may be missing.
        marker: the file by which the command recognises a folder of its own.
        inputs: folders that the command reads.

    Raises:
        UserError: if the path is empty, the root or the home folder, or is not a folder; if it overlaps with an input;
            if it holds files without the marker; or if it contains a link.
    """
    if not str(path):
        raise UserError("The output folder is empty: give --out a new folder.")
    folder = Path(path).expanduser()
    with explained(folder, "read"):
        here = folder.resolve()
        if here in (Path(here.anchor), Path.home().resolve()):
            raise UserError(f"The output folder {plain(str(path))} is the root or the home folder: give a new folder.")
        if folder.exists() and not folder.is_dir():
            raise UserError(f"The output {plain(str(path))} is a file: give a new folder.")
        for given in inputs:
            check_apart(folder, given)
        if not folder.is_dir():
            return
        # The marker is written first: a kill at that moment leaves the lock and an unfinished marker.
        others = [e.name for e in folder.iterdir() if e.name != LOCK and not is_unfinished(e.name, marker)]
        if others and not (folder / marker).is_file():
            raise UserError(
                f"The folder {plain(str(path))} holds files that this command did not write: give --out a new folder."
            )
        if link := find_link(folder):
            raise UserError(f"The output folder contains a link, {plain(str(link))}: remove it, or give a new folder.")


def check_apart(output: Path, given: Path) -> None:
    """Refuse an output folder that is, contains, or lies in a folder that is read.

    Raises:
        UserError: if they overlap.
    """
    out, read = output.resolve(), given.resolve()
    if out == read or out in read.parents or read in out.parents:
        raise UserError(
            f"The output folder {plain(str(output))} and the input {plain(str(given))} overlap: give --out another."
        )


def find_link(folder: Path) -> Path | None:
    """The first symbolic link in a folder or its subfolders, or None.

    Args:
        folder: the folder; it may be a link itself.
    """
    for here, folders, names in os.walk(folder):
        for name in sorted([*folders, *names]):
            if os.path.islink(os.path.join(here, name)):
                return Path(here) / name
    return None


def check_not_taken(folder: Path) -> None:
    """Refuse a folder in which another command of ours works: what is added there would be part of its result.

    Args:
        folder: the folder; it may be missing.

    Raises:
        UserError: if it holds a marker of another command.
    """
    with explained(folder, "read"):
        taken = [name for name in MARKERS if (folder / name).exists()]
    if taken:
        raise UserError(f"The folder {plain(str(folder))} holds {taken[0]} of another command: give a new folder.")


def check_new(path: Path, content: bytes) -> None:
    """Refuse to replace a file that has another content: it is the user's, or of another command.

    Args:
        path: a file that is to be written.
        content: what is to be written.

    Raises:
        UserError: if it is a link, a folder, or a file with another content.
    """
    with explained(path, "read"):
        same = path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content
        if path.is_symlink() or (path.exists() and not same):
            raise UserError(f"{plain(str(path))} exists with another content: remove it, or choose another path.")
