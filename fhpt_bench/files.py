"""Files and digests: atomic writes, content hashes, and the cache folder."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fhpt_bench.errors import UserError

_KEY_BYTES = 32
_FULL = (errno.ENOSPC, errno.EDQUOT)


def cache_folder() -> Path:
    """The folder of all caches: `FHPT_CACHE_DIR`, else `fhpt-bench` in the user's cache folder."""
    chosen = os.environ.get("FHPT_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "fhpt-bench"


@contextlib.contextmanager
def explained(path: Path, doing: str = "write") -> Iterator[None]:
    """Turn an `OSError` into a one-sentence message for the user.

    Args:
        path: the file or folder that is accessed.
        doing: the operation, as a verb.

    Raises:
        UserError: in place of any `OSError`.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise UserError(
                f"Cannot {doing} {path}: no space is left on its disk; finished work is kept: free some space and "
                "run the same command again."
            ) from error
        reason = error.strerror or type(error).__name__
        way = (
            "give an existing path"
            if isinstance(error, FileNotFoundError)
            else "choose another path or change its permissions"
        )
        raise UserError(f"Cannot {doing} {path} ({reason.lower()}): {way}.") from error


def is_disk_failure(error: Exception) -> bool:
    """Whether an error comes from a disk that is full, read-only or broken: nothing else can be written either.

    Args:
        error: an `OSError`, or the `UserError` of `explained`.

    Examples:
        >>> is_disk_failure(OSError(errno.ENOSPC, "no space")), is_disk_failure(FileNotFoundError())
        (True, False)
    """
    cause = error if isinstance(error, OSError) else error.__cause__
    return isinstance(cause, OSError) and cause.errno in (*_FULL, errno.EROFS, errno.EIO)


def others_can_write(folder: Path) -> bool:
    """Whether another user may change the files of a folder; False if it does not exist.

    Raises:
        UserError: if the operating system refuses to tell.
    """
    if not folder.exists():
        return False
    with explained(folder, "read"):
        found = folder.stat()
    return bool(found.st_mode & 0o022) or (hasattr(os, "getuid") and found.st_uid != os.getuid())


def write_bytes(path: Path, content: bytes, on_disk: bool = True) -> None:
    """Write a file atomically: a reader sees all of it or none of it, even after a crash.

    Args:
        path: path of the file; its folder is created if needed.
        content: the complete content.
        on_disk: wait until it is on the disk. Without it, a power failure can leave a file that is cut short; a crash
            of the program cannot. It is for files whose readers detect that.

    Raises:
        UserError: if the operating system refuses (full disk, no permission).
    """
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # A unique name for each writer, so that several processes never share a half-written file.
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                if on_disk:
                    os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def is_unfinished(name: str, of: str) -> bool:
    """Whether a file is what a kill left of writing another one with `write_bytes`.

    Args:
        name: the name of the file.
        of: the name of the other one.

    Examples:
        >>> is_unfinished(".run.json.0123abcd.part", "run.json"), is_unfinished("run.json", "run.json")
        (True, False)
    """
    return re.fullmatch(rf"\.{re.escape(of)}\.[0-9a-f]{{8}}\.part", name) is not None


def write_text(path: Path, content: str) -> None:
    """Write a UTF-8 text file atomically; see `write_bytes`."""
    write_bytes(path, content.encode())


def append_line(path: Path, content: bytes) -> None:
    """Append a line to a file, on disk before this returns; a crash can cut short only this line.

    Args:
        path: path of the file; its folder is created if needed.
        content: the line.

    Raises:
        UserError: if the operating system refuses.
    """
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as stream:
            # The newline in front separates this line from one that a kill cut short.
            stream.write(b"\n" + content + b"\n")
            stream.flush()
            os.fsync(stream.fileno())


def local_signature(content: bytes) -> bytes:
    """A signature that only this user's cache folder can give: work that it does not fit was not done here.

    Args:
        content: what is signed.

    Returns:
        64 hexadecimal digits.

    Raises:
        UserError: if the key cannot be read or created.
    """
    return hmac.new(_local_key(cache_folder() / "key"), content, hashlib.sha256).hexdigest().encode()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@functools.cache
def _local_key(path: Path) -> bytes:
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _create_key(path)
        if len(key := path.read_bytes()) == _KEY_BYTES:
            return key
    raise UserError(f"The file {path} is damaged: remove it, and earlier work of runs is computed again.")


def _create_key(path: Path) -> None:
    """Create the key, all of it or nothing, even if this is killed; never over the key of another process."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with open(part, "xb", opener=_private) as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, path)
        except FileExistsError:
            return
        except OSError as error:
            if is_disk_failure(error):
                raise
            part.replace(path)  # a drive without hard links
    finally:
        part.unlink(missing_ok=True)


def file_name(text: str) -> str:
    """Turn any text into a safe file name: not hidden, and without folders.

    Examples:
        >>> file_name("../face-id:canonical:acc@0.6")
        '_face-id_canonical_acc_0.6'
    """
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in text).lstrip(".")


def sha256_bytes(content: bytes) -> str:
    """The sha256 of bytes as 64 hexadecimal digits.

    Examples:
        >>> sha256_bytes(b"")[:16]
        'e3b0c44298fc1c14'
    """
    return hashlib.sha256(content).hexdigest()


def sha256_json(value: Any) -> str:
    """The sha256 of a JSON value in a fixed serialisation (sorted keys, no spaces).

    Examples:
        >>> sha256_json({"b": 1, "a": 2}) == sha256_json({"a": 2, "b": 1})
        True
    """
    return sha256_bytes(
        json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(errors="backslashreplace")
    )
