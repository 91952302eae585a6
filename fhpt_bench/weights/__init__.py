"""The weights store: pinned networks, where each may be had, and the digest by which scores know them."""

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


class WeightsMissing(UserError):
    """No source gives the weights. The message's first line says so and what to do; the others say what was tried."""


@dataclass(frozen=True)
class Weights:
    """Weights that were found and checked.

    Args:
        name: of the spec.
        arrays: tensor name -> array; empty for a file that its library opens by its path.
        digest: of the tensors, whatever file they came in; of the file itself where there are none.
        path: the file that holds them on this machine.
        origin: where they came from, in words.
        passed_over: the places that were tried first, each with the reason why it would not do.
    """

    name: str
    arrays: Arrays
    digest: str
    path: Path
    origin: str
    passed_over: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """What `verify` says of one file.

    Args:
        name: of the weights.
        state: "ok", "changed" or "absent".
        path: the file, or None where there is none.
        reason: what is wrong, or the digest where nothing is.
    """

    name: str
    state: str
    path: Path | None
    reason: str


added: Registry[WeightSpec] = Registry("weights", "fhpt_bench.weights", "fhpt_bench.weights.table:WeightSpec")


def specs() -> Mapping[str, WeightSpec]:
    """All weights that are known, by name: the host's own, then those of other packages that are not broken."""
    others = {name: added.load(name) for name in added.entries() if not added.broken(name)}
    return {spec.name: spec for spec in TABLE} | others


def available(name: str) -> bool:
    """Whether the weights seem to be on this machine; judged by names and sizes, so that it costs nothing.

    Raises:
        UserError: where the name is unknown.
    """
    return any(source is None or path.stat().st_size == source.size for path, source in _files_here(_find(name)))


def digest(name: str) -> str | None:
    """The digest of the weights that `load` would take on this machine, or None where none are here.

    Raises:
        UserError: where the name is unknown.
    """
    for path, source in _files_here(_find(name)):
        with contextlib.suppress(Unusable):
            return read_header(path, name)["digest"] if source is None else _read(path, source, name)[1]
    return None


def obtain(name: str, download: bool = True) -> Weights:
    """Take weights from the first place that has them, checked; what had to be downloaded is kept in the cache.

    The places are, in this order: `FHPT_WEIGHTS_DIR`, the cache, installed packages, then the sources of the spec.

    Args:
        name: of the weights.
        download: whether to go beyond this machine.

    Raises:
        WeightsMissing: where no place has them.
        UserError: where the name is unknown or the cache cannot be written.
    """
    spec, passed_over = _find(name), []
    for path, source in _files_here(spec):
        try:
            arrays, found = _read(path, source, name)
        except Unusable as error:
            passed_over.append(f"{path}: {error}")
            if path == _cached(name):
                with contextlib.suppress(OSError):  # in a cache that cannot be written it stays, and is passed over
                    path.replace(path.with_suffix(".damaged"))
            continue
        origin = source.origin if source else read_header(path, name)["origin"]
        return Weights(name, arrays, found, path, origin, tuple(passed_over))
    for source in spec.sources if download else ():
        try:
            _bring(source, name)
            arrays, found = _read(_cached(name), None, name)
        except Unusable as error:
            passed_over.append(
                f"{source.file} ({source.size:,} bytes, sha256 {source.sha256}) from {source.origin}: {error}"
            )
            continue
        return Weights(name, arrays, found, _cached(name), source.origin, tuple(passed_over))
    raise WeightsMissing(_missing(spec, passed_over, download))


def fetch(name: str) -> str:
    """Make sure that the weights are here and whole; returns their digest. See `obtain`."""
    return obtain(name).digest


def read_file(name: str, path: Path) -> Weights:
    """Weights out of a file that the user names, checked.

    Args:
        name: of the weights that it should hold.
        path: a file that fhpt-bench wrote.

    Raises:
        UserError: where there is none, or it is damaged or holds something else.
    """
    if not path.is_file():
        raise UserError(f"There is no checkpoint {path}.")
    try:
        header = read_header(path, name)
        arrays, found = read_own(path, name)
    except Unusable as error:
        raise UserError(f"The checkpoint {path} cannot be used: {error}. Give the one that holds {name}.") from error
    return Weights(name, arrays, found, path, header["origin"])


def path(name: str) -> Path:
    """The file that holds the weights on this machine, fetched if need be. See `obtain`."""
    return obtain(name).path


def load(name: str, fetch: bool = True) -> dict[str, Tensor]:
    """The weights as tensors on the CPU, by torchvision's names.

    Args:
        name: of the weights.
        fetch: whether to download them where they are not here.

    Raises:
        WeightsMissing: where no place has them.
        ValueError: where they are no tensors but a file, which `path` gives.
    """
    import torch

    found = obtain(name, download=fetch)
    if not found.arrays:
        raise ValueError(f"the weights {name} are a file that its library opens: ask for its path")
    return {key: torch.tensor(array) for key, array in found.arrays.items()}


def verify(name: str) -> tuple[Check, ...]:
    """Read every file of the weights that is on this machine and re-compute its digest.

    Raises:
        UserError: where the name is unknown.
    """
    checks = []
    for place, source in _files_here(_find(name)):
        try:
            checks.append(Check(name, "ok", place, _read(place, source, name)[1]))
        except Unusable as error:
            checks.append(Check(name, "changed", place, str(error)))
    return tuple(checks) or (Check(name, "absent", None, "not on this machine"),)


def _find(name: str) -> WeightSpec:
    own = {spec.name: spec for spec in TABLE}
    if name in own:
        return own[name]
    if name not in added.entries():
        raise UserError(f"Unknown weights {name!r}: {did_you_mean(name, specs())}")
    return added.load(name)


def _cached(name: str) -> Path:
    return cache_folder() / "weights" / f"{name}.safetensors"


def _files_here(spec: WeightSpec) -> Iterator[tuple[Path, Source | None]]:
    """The files on this machine that claim to hold the weights, best first; the source is None for our own format."""
    places: list[tuple[Path | None, Source | None]] = []
    if os.environ.get(FOLDER_VARIABLE):
        folder = Path(os.environ[FOLDER_VARIABLE]).expanduser()
        if not folder.is_dir():
            raise UserError(f"{FOLDER_VARIABLE} names no folder: {folder}. Make it and lay the files in, or unset it.")
        places += [(folder / f"{spec.name}.safetensors", None), *((folder / s.file, s) for s in spec.sources)]
    places += [(_cached(spec.name), None), *((s.installed(), s) for s in spec.sources)]
    return ((path, source) for path, source in places if path and path.is_file())


def _read(path: Path, source: Source | None, name: str) -> tuple[Arrays, str]:
    """Arrays and digest of a file, once all that is known of it has been found right."""
    if source is None:
        return read_own(path, name)
    arrays, found = source.open(path)
    if source.digest not in (None, found):
        raise Unusable(f"its tensors have the digest {found} in place of {source.digest}")
    return arrays, found


def _bring(source: Source, name: str) -> None:
    """Download a source's file and keep what it holds: the weights asked for, and any others that it serves too."""
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


def _missing(spec: WeightSpec, reasons: list[str], download: bool) -> str:
    """The one message: what is lacking, why each source failed, and the way out."""
    folder = os.environ.get(FOLDER_VARIABLE)
    files = " or ".join(source.file for source in spec.sources)
    way_out = (
        f"run `fhpt-bench weights fetch {spec.name}` where there is a network, or put {files} into a folder and set "
        f"{FOLDER_VARIABLE} to it"
        if spec.sources
        else f"make them with `fhpt-bench train {spec.name} --out DIR` and set {FOLDER_VARIABLE} to DIR"
    )
    return "\n".join(
        [
            f"The weights {spec.name} ({spec.description}) cannot be had: {way_out}.",
            "What was tried:",
            f"- {FOLDER_VARIABLE}: {f'nothing usable in {folder}' if folder else 'not set'}",
            f"- the cache {_cached(spec.name)}: nothing usable",
            *(f"- {reason}" for reason in reasons),
            *(() if download else ("- no download was tried",)),
        ]
    )
