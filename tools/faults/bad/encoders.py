"""Files of encoders that cannot be used."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from tools.faults.bad.place import Kinds, Place

_FILE = "encoders/net.pt"


def _entry(place: Place, name: str = "mine", **changes: object) -> list[object]:
    """A run with an entry whose file is no network; a change to None leaves a key out."""
    content = b"not a network"
    place.file(_FILE, content)
    entry: dict[str, object] = {
        "kind": "torchscript", "file": "net.pt", "sha256": hashlib.sha256(content).hexdigest(), "size": 32,
        "resize": "bicubic", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], **changes,
    }  # fmt: skip
    lines = [f"{key} = {value!r}" for key, value in entry.items() if value is not None]
    return _named(place, f"[{name}]\n" + "\n".join(lines))


def _named(place: Place, text: str) -> list[object]:
    return place.run("-p", "fd:mine", "--encoders", place.file("encoders/encoders.toml", text))


def _changed(**changes: object) -> Callable[[Place], list[object]]:
    return lambda place: _entry(place, **changes)  # type: ignore[arg-type]


ENCODERS: Kinds = {
    "no file of encoders": lambda place: place.run("-p", "fd:mine", "--encoders", place.root / "nothing.toml"),
    "a folder for a file of encoders": lambda place: place.run("-p", "fd:mine", "--encoders", place.root / "data"),
    "a file of encoders that is no TOML": lambda place: _named(place, "[mine"),
    "an encoder that is no table": lambda place: _named(place, "mine = 1"),
    "an encoder that no file names": lambda place: place.run("-p", "fd:mine"),
    "an encoder with the name of a ready one": lambda place: _entry(place, "dinov2-vitl14"),
    "an unknown key of an encoder": _changed(reszie="bicubic"),
    "an encoder without a size": _changed(size=None),
    "an unknown filter of an encoder": _changed(resize="cubic"),
    "a standard deviation of 0": _changed(std=[0.5, 0, 0.5]),
    "an encoder without a digest": _changed(sha256=None),
    "an encoder's file with another digest": _changed(sha256="0" * 64),
    "an encoder's file that is missing": _changed(file="nothing.pt"),
    "an encoder's file that is no network": _entry,
}
