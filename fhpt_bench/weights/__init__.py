"""The weights store: pinned weights, their sources, and the digests that enter fingerprints."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fhpt_bench.errors import UserError, did_you_mean
from fhpt_bench.files import cache_folder, explained, write_bytes
from fhpt_bench.registry import Registry
from fhpt_bench.weights.own import read_header, read_own
from fhpt_bench.weights.readers import Arrays
from fhpt_bench.weights.sources import Source, Unusable
from fhpt_bench.weights.table import TABLE, WeightSpec

if TYPE_CHECKING:
    from torch import Tensor

FOLDER_VARIABLE = "FHPT_WEIGHTS_DIR"
_checked: dict[tuple[str, Path, int, int], str] = {}  # name, file, its time and size -> digest


class WeightsMissing(UserError):
    """The weights are available from no source. The message gives the fix in its first line, then the attempts."""


@dataclass(frozen=True)
class Weights:
    """Weights that were found and checked.

    Args:
        name: name of the spec.
        arrays: tensor name -> array; empty for a file that its library opens by path.
        digest: digest of the tensors, independent of the file format; digest of the file if there are no arrays.
        path: the file on this machine that holds the weights.
        origin: description of the source.
        rejected: the places that were tried before, each with the reason why it was not used.
        override: whether they are a file of the user's in place of a pinned network.
    """

    name: str
    arrays: Arrays
    digest: str
    path: Path
    origin: str
    rejected: tuple[str, ...] = ()
    override: bool = False


@dataclass(frozen=True)
class Check:
    """The result of `verify` for one file.

    Args:
        name: name of the weights.
        state: "ok", "changed" or "missing".
        path: the file, or None if there is none.
        reason: the error, or the digest if the file is correct.
    """

    name: str
    state: str
    path: Path | None
    reason: str


added: Registry[WeightSpec] = Registry("weights", "fhpt_bench.weights", "fhpt_bench.weights.table:WeightSpec")


def specs() -> Mapping[str, WeightSpec]:
    """The weights of fhpt-bench by name; those of other packages are in `names`, and `find_spec` loads one of them."""
    registered = {found.entry.name: found.plugin for found in added.listed() if found.plugin is not None}
    return {spec.name: spec for spec in TABLE} | registered


def names() -> list[str]:
    """The names of all weights; those of other packages are not imported."""
    return list(dict.fromkeys([*(spec.name for spec in TABLE), *added.entries()]))


def available(name: str) -> bool:
    """Whether the weights seem to be on this machine; checks only names and sizes, which is fast.

    Raises:
        UserError: if the name is unknown.
    """
    return any(source is None or path.stat().st_size == source.size for path, source in _files_here(find_spec(name)))


def digest(name: str) -> str | None:
    """The digest of the weights that `load` would use on this machine, or None if they are missing.

    Raises:
        UserError: if the name is unknown.
    """
    for path, source in _files_here(find_spec(name)):
        with contextlib.suppress(Unusable):
            return _read(path, source, name)[1]
    return None


def pinned(name: str) -> set[str]:
    """The recorded digests of the weights; empty if none is recorded, or a user trains them.

    Raises:
        UserError: if the name is unknown.
    """
    return {source.pinned for source in find_spec(name).sources if source.pinned}


def overridden(digests: Mapping[str, str]) -> list[str]:
    """The names whose weights are not the pinned ones, as far as their digests are recorded in fhpt-bench.

    Args:
        digests: name -> digest of the weights that were used; unknown names are left out.
    """
    known = specs()
    return [name for name, used in digests.items() if name in known and pinned(name) and used not in pinned(name)]


def obtain(name: str, download: bool = True) -> Weights:
    """Load and check weights from the first place that has them; downloads are kept in the cache.

    The places are, in this order: `FHPT_WEIGHTS_DIR`, the cache, installed packages, then the sources of the spec.

    Args:
        name: name of the weights.
        download: whether to download weights that are not on this machine.

    Raises:
        WeightsMissing: if no place has them.
        UserError: if the name is unknown or the cache cannot be written.
    """
    spec, rejected = find_spec(name), []
    for path, source in _files_here(spec):
        try:
            arrays, found = _read(path, source, name)
        except Unusable as error:
            rejected.append(f"{path}: {error}")
            if path == _cached(name):
                with contextlib.suppress(OSError):  # in a read-only cache it stays, and is skipped
                    path.replace(path.with_suffix(".damaged"))
            continue
        origin = source.origin if source else read_header(path, name)["origin"]
        override = source is None and path != _cached(name) and bool(spec.sources) and found not in pinned(name)
        return Weights(name, arrays, found, path, origin, tuple(rejected), override)
    for source in spec.sources if download else ():
        try:
            _bring(source, name)
            arrays, found = _read(_cached(name), None, name)
        except Unusable as error:
            rejected.append(
                f"{source.file} ({source.size:,} bytes, sha256 {source.sha256}) from {source.origin}: {error}"
            )
            continue
        return Weights(name, arrays, found, _cached(name), source.origin, tuple(rejected))
    raise WeightsMissing(*_missing(spec, rejected, download))


def fetch(name: str) -> str:
    """Make sure that the weights are available and undamaged; returns their digest. See `obtain`.

    A file that this process has checked is read again only if its size or time has changed.
    """
    first = next(_files_here(find_spec(name)), (None, None))[0]
    if first is not None and (checked := _checked.get((name, first, *_state(first)))):
        return checked
    found = obtain(name)
    if found.path == first:
        _checked[name, first, *_state(first)] = found.digest
    return found.digest


def _state(path: Path) -> tuple[int, int]:
    """What changes when a file is written: its time and its size."""
    facts = path.stat()
    return facts.st_mtime_ns, facts.st_size


def read_file(name: str, path: Path) -> Weights:
    """Load and check weights from a file given by the user.

    Args:
        name: name of the weights that the file should hold.
        path: a file that fhpt-bench wrote.

    Raises:
        UserError: if there is no such file, or it is damaged or holds something else.
    """
    if not path.is_file():
        raise UserError(f"There is no checkpoint {path}: give another file, or leave it out.")
    try:
        header = read_header(path, name)
        arrays, found = read_own(path, name)
    except Unusable as error:
        raise UserError(f"The checkpoint {path} cannot be used ({error}): give a checkpoint of {name}.") from error
    return Weights(name, arrays, found, path, header["origin"])


def path(name: str) -> Path:
    """The file that holds the weights on this machine, downloaded if needed. See `obtain`."""
    return obtain(name).path


def load(name: str, fetch: bool = True) -> dict[str, Tensor]:
    """The weights as tensors on the CPU, with torchvision's names.

    Args:
        name: name of the weights.
        fetch: whether to download missing weights.

    Raises:
        WeightsMissing: if no place has them.
        ValueError: if they are a file without tensors; use `path`.
    """
    import torch

    found = obtain(name, download=fetch)
    if not found.arrays:
        raise ValueError(f"the weights {name} are a file that its library opens: use its path")
    return {key: torch.tensor(array) for key, array in found.arrays.items()}


def verify(name: str) -> tuple[Check, ...]:
    """Read every file of the weights on this machine and re-compute its digest.

    Raises:
        UserError: if the name is unknown.
    """
    checks = []
    for place, source in _files_here(find_spec(name)):
        try:
            checks.append(Check(name, "ok", place, _read(place, source, name)[1]))
        except Unusable as error:
            checks.append(Check(name, "changed", place, str(error)))
    return tuple(checks) or (Check(name, "missing", None, "not on this machine"),)


def find_spec(name: str) -> WeightSpec:
    """What is known of some weights.

    Raises:
        UserError: if the name is unknown, or the package that registers it is broken.
    """
    own = {one.name: one for one in TABLE}
    if name in own:
        return own[name]
    if name not in added.entries():
        raise UserError(f"Unknown weights {name!r}: {did_you_mean(name, names())}")
    return added.load(name)


def _cached(name: str) -> Path:
    return cache_folder() / "weights" / f"{name}.safetensors"


def _files_here(spec: WeightSpec) -> Iterator[tuple[Path, Source | None]]:
    """Candidate files on this machine in order of preference, with their source; None for our own format."""
    places: list[tuple[Path | None, Source | None]] = []
    if os.environ.get(FOLDER_VARIABLE):
        folder = Path(os.environ[FOLDER_VARIABLE]).expanduser()
        if not folder.is_dir():
            raise UserError(
                f"{FOLDER_VARIABLE}={folder} is not a folder: create it with the files, or unset the variable."
            )
        places += [(folder / f"{spec.name}.safetensors", None), *((folder / s.file, s) for s in spec.sources)]
    places += [(_cached(spec.name), None), *((s.installed(), s) for s in spec.sources)]
    return ((path, source) for path, source in places if path and path.is_file())


def _read(path: Path, source: Source | None, name: str) -> tuple[Arrays, str]:
    """Arrays and digest of a file, after all its known properties were checked."""
    if source is None:
        arrays, found = read_own(path, name)
        # A source without a recorded digest may have filled the cache.
        recorded = all(source.pinned for source in find_spec(name).sources)
        if path == _cached(name) and recorded and pinned(name) and found not in pinned(name):
            raise Unusable(f"its tensors have the digest {found}, which is not a recorded one of {name}")
        return arrays, found
    arrays, found = source.open(path)
    if source.digest not in (None, found):
        raise Unusable(f"its tensors have the digest {found} in place of {source.digest}")
    return arrays, found


def _bring(source: Source, name: str) -> None:
    """Download a source's file and cache the requested weights, and any other weights from the same file."""
    from safetensors.numpy import save

    cache = _cached(name).parent
    with explained(cache):
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=cache) as folder:
            file = source.download(Path(folder))
            for spec in TABLE:
                for held in spec.sources:
                    if held.sha256 == source.sha256 and (spec.name == name or not _cached(spec.name).exists()):
                        arrays, found = _read(file, held, spec.name)
                        header = {"name": spec.name, "digest": found, "origin": held.origin, "sha256": held.sha256}
                        write_bytes(_cached(spec.name), save(arrays, header))


def _missing(spec: WeightSpec, reasons: list[str], download: bool) -> list[str]:
    """The lines of the message: what is missing, what to do, and why each source failed."""
    folder = os.environ.get(FOLDER_VARIABLE)
    files = " or ".join(source.file for source in spec.sources)
    fix = (
        f"run `fhpt-bench weights fetch {spec.name}` with network access, or put {files} into a folder and set "
        f"{FOLDER_VARIABLE} to it"
        if spec.sources
        else f"train them with `fhpt-bench train {spec.name} --out DIR` and set {FOLDER_VARIABLE} to DIR"
    )
    return [
        f"The weights {spec.name} ({spec.description}) are missing: {fix}.",
        "Attempts:",
        f"- {FOLDER_VARIABLE}: {f'nothing usable in {folder}' if folder else 'not set'}",
        f"- the cache {_cached(spec.name)}: nothing usable",
        *(f"- {reason}" for reason in reasons),
        *(() if download else ("- no download was tried",)),
    ]
