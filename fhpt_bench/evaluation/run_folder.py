"""The folder of a run: finished work is kept, even if the run is killed, and only the run's own files are replaced."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fhpt_bench.errors import UserError
from fhpt_bench.evaluation.finished import Batch, Finished, decode, encode
from fhpt_bench.files import (
    append_line,
    explained,
    is_unfinished,
    local_signature,
    sha256_json,
    write_bytes,
    write_text,
)
from fhpt_bench.output_folder import LOCK, FolderLock, check_output
from fhpt_bench.reading import FILE_BYTES, LIST_BYTES, open_file, read_json

RUN_FILE = "run.json"
SHARDS = "shards"  # the folder of the parts that several jobs measure
_FILES = "files.jsonl"  # every file that the run has written, one JSON string per line
_SAVED = "saved"  # in a line of finished work: nanoseconds since 1970


class RunFolder:
    """The folder of one run.

    It must be new, empty, or the folder of an earlier run. Every file is added to `files.jsonl` before it is written,
    and only files of that list are ever removed. Finished batches are signed with a key in this user's cache folder:
    what another machine or another person wrote is computed again, never believed.

    Args:
        path: the folder.
        identity: what identifies the run (model, code, benchmark, data); JSON values.
        overwrite: delete the files of the run that it holds, and start again.
        inputs: folders that the run reads.
        main: whether this process may write the identity; it holds the folder's lock until `release`.

    Raises:
        UserError: if another command writes into it; if it cannot be written, holds other files or another run,
            overlaps with an input, or contains links.
    """

    def __init__(
        self,
        path: Path,
        identity: Mapping[str, Any],
        overwrite: bool = False,
        inputs: Iterable[Path] = (),
        main: bool = True,
    ) -> None:
        self.path = path
        self.run_id = sha256_json(identity)
        self._names: set[Path] = set()  # of the list of files, as far as it has been read
        self._read = 0  # bytes of it
        self._newest = 0  # when the newest finished batch was saved, as far as they have been read
        check_output(path, RUN_FILE, inputs)
        self._check(overwrite)  # before the lock, whose file must not be left in a folder that is refused
        self._lock = FolderLock(path) if main else None
        try:
            held = self._check(overwrite)
            if main:
                self._claim(identity, held is not None and overwrite)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let other commands write into the folder."""
        if self._lock is not None:
            self._lock.release()

    def _check(self, overwrite: bool) -> str | None:
        """The id of the run that the folder holds; refused if it is another one, or one without a list of files."""
        if not (self.path / RUN_FILE).is_file():
            return None
        held = self._held()
        names = [entry.name for entry in self.path.iterdir() if entry.name not in (RUN_FILE, LOCK, SHARDS)]
        others = [name for name in names if not is_unfinished(name, RUN_FILE)]
        if others and not (self.path / _FILES).is_file():
            raise UserError(
                f"{self.path} holds a run of an earlier version, without a list of its files ({_FILES}): "
                "remove the folder yourself, or give --out with another folder."
            )
        if held != self.run_id and not overwrite:
            raise UserError(
                f"{self.path} holds a run of another model, code or data: "
                "give --overwrite to replace it, or --out with another folder."
            )
        return held

    def _claim(self, identity: Mapping[str, Any], clear: bool) -> None:
        """Write the identity before anything else."""
        if clear:
            self._clear()
        write_text(self.path / RUN_FILE, json.dumps({"run_id": self.run_id, **identity}, indent=1) + "\n")
        if not (self.path / _FILES).is_file():
            append_line(self.path / _FILES, b"")  # before other processes look at the folder

    def _held(self) -> str:
        """The id of the run that the folder holds."""
        file = self.path / RUN_FILE
        try:
            held = read_json(file)["run_id"]
        except (UserError, KeyError, TypeError):
            held = None
        if not isinstance(held, str):
            raise UserError(f"The file {file} was not written by a run: give --out a new folder.")
        return held

    def _is_ours(self) -> bool:
        try:
            return self._held() == self.run_id
        except UserError:
            return False

    def _listed(self) -> set[Path]:
        """The files that the run has written; entries that lead out of the folder are ignored.

        Only what was added since the last call is read, so that a run with many files does not become slow.
        """
        file = self.path / _FILES
        if not file.is_file():
            self._names, self._read = set(), 0
            return self._names
        with open_file(file, FILE_BYTES) as content, explained(file, "read"):
            content.seek(self._read)
            added = content.read()
        complete = added.rfind(b"\n") + 1  # another process may be writing the last line
        self._read += complete
        for line in added[:complete].decode(errors="replace").splitlines():
            name = Path(found) if isinstance(found := _parse(line), str) and found else None
            if name is not None and not name.is_absolute() and ".." not in name.parts:
                self._names.add(self.path / name)
        return self._names

    def discard(self) -> None:
        """Remove the files of the run, its lock, and the folder if nothing else is in it."""
        self._clear()
        self._remove(self.path / RUN_FILE)
        self._remove(self.path / LOCK)
        self.release()
        with explained(self.path, "remove"):
            if not any(self.path.iterdir()):
                self.path.rmdir()

    def _clear(self) -> None:
        for file in sorted(self._listed()):
            self._remove(file)
        for folder in ("images", "figures", "progress"):
            with explained(self.path / folder, "remove"):
                if (self.path / folder).is_dir() and not any((self.path / folder).iterdir()):
                    (self.path / folder).rmdir()
        self._remove(self.path / _FILES)
        self._names, self._read = set(), 0

    def _remove(self, file: Path) -> None:
        with explained(file, "remove"):
            if not file.is_dir():
                file.unlink(missing_ok=True)

    def write(self, name: str, content: bytes) -> None:
        """Write a file of the run atomically, and list it.

        Args:
            name: its path below the folder.
            content: the complete content.

        Raises:
            UserError: if the file exists and the run did not write it, or it cannot be written.
        """
        self.add_files([name])
        write_bytes(self.path / name, content)

    def add_files(self, names: Iterable[str]) -> None:
        """List files before they are written.

        Args:
            names: their paths below the folder.

        Raises:
            UserError: if a file exists and the run did not write it, the folder is no longer this run's, or the list
                cannot be written.
        """
        if not self._is_ours():  # writing would make a folder of parts, or damage another run's
            raise UserError(f"{self.path} was moved, removed or replaced while a run wrote into it: start it again.")
        listed = self._listed()
        new = [name for name in names if self.path / name not in listed]
        for name in new:
            if (self.path / name).exists():
                raise UserError(f"{self.path / name} exists, and this run did not write it: move it away.")
        if new:
            append_line(self.path / _FILES, "\n".join(map(json.dumps, new)).encode())

    def remove(self, pattern: str) -> None:
        """Remove files of the run.

        Args:
            pattern: glob pattern below the folder, such as `figures/*.png`; files that the run did not write are kept.

        Raises:
            UserError: if a file cannot be removed.
        """
        for file in sorted(self._listed()):
            if file.relative_to(self.path).match(pattern):
                self._remove(file)

    @property
    def images(self) -> Path:
        """The folder of the generated images, `<pair id>.png`."""
        return self.path / "images"

    def finished(self) -> Finished:
        """The finished batches of all processes and attempts; lines without the right signature are ignored.

        Raises:
            UserError: if a file cannot be read.
        """
        found = Finished()
        for file in sorted((self.path / "progress").glob("*.jsonl")):
            with open_file(file, FILE_BYTES) as lines, explained(file, "read"):
                while line := lines.readline(LIST_BYTES):
                    signature, _, content = line.rstrip(b"\n").partition(b" ")
                    if signature == local_signature(self.run_id.encode() + content):
                        batch = json.loads(content)
                        saved = batch.get(_SAVED, 0)  # earlier versions did not write it
                        self._newest = max(self._newest, saved)
                        found.add(decode(batch), saved)
        return found

    def append(self, rank: int, batch: Batch) -> None:
        """Save a finished batch as one line, on disk before the next batch begins.

        Args:
            rank: the rank of this process; each process writes its own file.
            batch: its results.

        Raises:
            UserError: if it cannot be written.
        """
        name = f"progress/rank-{rank}.jsonl"
        self.add_files([] if (self.path / name).exists() else [name])
        # Later than all lines that this process has read, also if the clock was set back: of two images of a pair, the
        # one of the later line counts, whichever process wrote it into whichever file.
        self._newest = max(self._newest + 1, time.time_ns())
        content = json.dumps({_SAVED: self._newest, **encode(batch)}, allow_nan=False).encode()
        append_line(self.path / name, local_signature(self.run_id.encode() + content) + b" " + content)


def _parse(line: str) -> object:
    """A line of the list; None if a kill cut it short."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
